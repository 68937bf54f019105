package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Admin changes endpoints, and writes each change before and after. A change
// that is not answered, since the server was struck, is asked for again until it
// is: so what an endpoint is, is known at all times but those of a change.
// Safe for concurrent use; changes of one endpoint are made one after the other.
type Admin struct {
	API    *API
	ledger *Ledger
	once   atomic.Int64
	name   string
}

// NewAdmin returns an admin. Its name must be another one in each process that
// works on one server.
func NewAdmin(name string, api *API, ledger *Ledger) *Admin {
	return &Admin{API: api, ledger: ledger, name: name}
}

// Endpoint is an endpoint as its admin knows it.
type Endpoint struct {
	Name string // in the URL of the receiver, and in the ledgers
	Org  string
	ID   string

	mu      sync.Mutex // held while it is changed
	deleted bool
}

// Deleted reports whether it was deleted.
func (e *Endpoint) Deleted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.deleted
}

// Fault writes that something is done to the server.
func (a *Admin) Fault(f Fault) error { return a.ledger.Write(Record{Fault: &f}) }

// CreateOrganization makes an organization, and a key with which it manages
// itself.
func (a *Admin) CreateOrganization(ctx context.Context, org string) error {
	if _, err := a.ask(ctx, a.API.Admin, http.MethodPost, "/v1/organizations", map[string]any{"id": org, "name": org}); err != nil {
		return fmt.Errorf("create organization: %w", err)
	}
	scopes := []string{"events:write", "events:read", "endpoints:read", "endpoints:write", "deliveries:read", "deliveries:write"}
	answer, err := a.ask(ctx, a.API.Admin, http.MethodPost, "/v1/organizations/"+org+"/api-keys", map[string]any{"name": "proof", "scopes": scopes})
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	var made struct {
		Plain string `json:"plaintext_api_key"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	a.API.mu.Lock()
	a.API.keys[org] = made.Plain
	a.API.mu.Unlock()
	a.API.plant(made.Plain)
	return nil
}

// settingsBody is a Settings in the words of the API.
func settingsBody(s Settings) map[string]any {
	body := map[string]any{"event_types": s.Types}
	if s.Fifo {
		body["ordering"] = "fifo"
	}
	if len(s.Retry) > 0 {
		body["retry_schedule"] = s.Retry
	}
	if s.MaxInFlight > 0 {
		body["max_in_flight"] = s.MaxInFlight
	}
	if s.Timeout > 0 {
		body["timeout_ms"] = s.Timeout
	}
	return body
}

// Create makes an endpoint of a receiver.
func (a *Admin) Create(ctx context.Context, org, receiver, name string, s Settings) (*Endpoint, error) {
	e := &Endpoint{Name: name, Org: org}
	body := settingsBody(s)
	body["url"] = receiver + "/r/" + name
	answer, err := a.change(ctx, e, Change{Verb: "create", Settings: s}, http.MethodPost, "/v1/endpoints", body)
	if err != nil {
		return nil, err
	}
	e.ID = answer.ID
	return e, nil
}

// Update changes what types of events an endpoint gets from now on.
func (a *Admin) Update(ctx context.Context, e *Endpoint, types []string) error {
	_, err := a.change(ctx, e, Change{Verb: "update", Settings: Settings{Types: types}}, http.MethodPatch, "/v1/endpoints/"+e.ID, map[string]any{"event_types": types})
	return err
}

// Control makes one of enable, disable, pause and resume.
func (a *Admin) Control(ctx context.Context, e *Endpoint, verb string) error {
	_, err := a.change(ctx, e, Change{Verb: verb}, http.MethodPost, "/v1/endpoints/"+e.ID+"/"+verb, nil)
	return err
}

// Rotate gives an endpoint a new secret. Those before sign for a while longer.
func (a *Admin) Rotate(ctx context.Context, e *Endpoint, graceSeconds int) error {
	_, err := a.change(ctx, e, Change{Verb: "rotate", Grace: graceSeconds}, http.MethodPost, "/v1/endpoints/"+e.ID+"/rotate-secret", map[string]any{"grace_seconds": graceSeconds})
	return err
}

// Delete deletes an endpoint.
func (a *Admin) Delete(ctx context.Context, e *Endpoint) error {
	_, err := a.change(ctx, e, Change{Verb: "delete"}, http.MethodDelete, "/v1/endpoints/"+e.ID, nil)
	return err
}

// changed is what the answer to a change can hold.
type changed struct{ ID, Secret string }

func (a *Admin) change(ctx context.Context, e *Endpoint, c Change, method, path string, body any) (changed, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var got changed
	c.Endpoint, c.Org = e.Name, e.Org
	if err := a.ledger.Write(Record{Change: &c}); err != nil {
		return got, err
	}
	answer, err := a.ask(ctx, a.API.Tenant(e.Org).Key, method, path, body)
	if err != nil {
		return got, fmt.Errorf("%s endpoint %s: %w", c.Verb, e.Name, err)
	}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &got); err != nil {
			return got, fmt.Errorf("%s endpoint %s: %w", c.Verb, e.Name, err)
		}
	}
	a.API.plant(got.Secret)
	e.deleted = c.Verb == "delete"
	done := c
	done.Done, done.ID, done.Secret = true, got.ID, got.Secret
	return got, a.ledger.Write(Record{Change: &done})
}

// ask repeats a request until it is answered. An answer that says no is an
// error, except that what was to be deleted is gone.
func (a *Admin) ask(ctx context.Context, key, method, path string, body any) ([]byte, error) {
	once := ""
	if method != http.MethodPatch {
		once = fmt.Sprintf("%s-%d", a.name, a.once.Add(1))
	}
	for {
		answer, err := a.API.call(ctx, key, method, path, body, once)
		said, refused := errors.AsType[*status](err)
		if err == nil || refused && said.code == http.StatusNotFound && method == http.MethodDelete {
			return answer, nil
		}
		if refused && said.code/100 != 5 && said.code != http.StatusTooManyRequests && said.code != http.StatusConflict {
			return nil, err
		}
		select {
		case <-time.After(repost):
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		}
	}
}

// WalkEvents reads the list of an organization's events in small pages and
// writes down what it saw. Run while events come in.
func (a *Admin) WalkEvents(ctx context.Context, org string) error {
	walk := Walk{Org: org, Began: Monotonic()}
	err := pages(ctx, a.API, a.API.Tenant(org).Key, "/v1/events", 50, func(page []Event, _ []byte) bool {
		for _, e := range page {
			walk.IDs = append(walk.IDs, e.ID)
		}
		return true
	})
	if said, answered := errors.AsType[*status](err); answered && said.code/100 == 4 {
		return err
	} else if err != nil {
		return nil // the server ended in the middle of it
	}
	return a.ledger.Write(Record{Walk: &walk})
}
