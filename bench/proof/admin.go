package proof

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Admin changes endpoints, and writes each change before and after. A change
// that is not answered, since the server was struck, is asked for again until it
// is: so what an endpoint is, is known at all times but those of a change. What
// must not be made twice, a creation and a rotation, is looked for before it is
// asked for again, and is known by a secret that the admin has made up.
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
	if _, err := a.ask(ctx, a.API.Admin, http.MethodPost, "/v1/organizations", map[string]any{"id": org, "name": org}, nil); err != nil {
		return fmt.Errorf("create organization: %w", err)
	}
	scopes := []string{"events:write", "events:read", "endpoints:read", "endpoints:write", "deliveries:read", "deliveries:write"}
	answer, err := a.ask(ctx, a.API.Admin, http.MethodPost, "/v1/organizations/"+org+"/api-keys", map[string]any{"name": "proof", "scopes": scopes}, nil)
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
	url, secret := receiver+"/r/"+name, newSecret()
	body := settingsBody(s)
	body["url"], body["secret"] = url, secret
	err := a.change(ctx, e, Change{Verb: "create", Settings: s, Secret: secret}, http.MethodPost, "/v1/endpoints", body, func() (id string, err error) {
		err = pages(ctx, a.API, a.API.Tenant(org).Key, "/v1/endpoints", pageLimit, func(page []struct{ ID, URL string }, _ []byte) bool {
			for _, made := range page {
				if made.URL == url {
					id = made.ID
				}
			}
			return id == ""
		})
		return id, err
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// newSecret makes up a signing secret.
func newSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	return "whsec_" + base64.StdEncoding.EncodeToString(random[:])
}

// Update changes what types of events an endpoint gets from now on.
func (a *Admin) Update(ctx context.Context, e *Endpoint, types []string) error {
	return a.change(ctx, e, Change{Verb: "update", Settings: Settings{Types: types}}, http.MethodPatch, "/v1/endpoints/"+e.ID, map[string]any{"event_types": types}, nil)
}

// Control makes one of enable, disable, pause and resume.
func (a *Admin) Control(ctx context.Context, e *Endpoint, verb string) error {
	return a.change(ctx, e, Change{Verb: verb}, http.MethodPost, "/v1/endpoints/"+e.ID+"/"+verb, nil, nil)
}

// Rotate gives an endpoint a new secret. Those before sign for a while longer.
func (a *Admin) Rotate(ctx context.Context, e *Endpoint, graceSeconds int) error {
	secret := newSecret()
	body := map[string]any{"grace_seconds": graceSeconds, "secret": secret}
	return a.change(ctx, e, Change{Verb: "rotate", Grace: graceSeconds, Secret: secret}, http.MethodPost, "/v1/endpoints/"+e.ID+"/rotate-secret", body, func() (id string, err error) {
		var now struct{ Secrets []struct{ Last4 string } }
		_, err = a.API.get(ctx, a.API.Tenant(e.Org).Key, "/v1/endpoints/"+e.ID, &now)
		if err == nil && strings.HasSuffix(secret, now.Secrets[0].Last4) {
			return e.ID, nil
		}
		return "", err
	})
}

// Delete deletes an endpoint.
func (a *Admin) Delete(ctx context.Context, e *Endpoint) error {
	return a.change(ctx, e, Change{Verb: "delete"}, http.MethodDelete, "/v1/endpoints/"+e.ID, nil, nil)
}

// change makes a change. done, if it is not nil, finds out whether one whose
// answer did not come has been made, and then returns the id of the endpoint.
func (a *Admin) change(ctx context.Context, e *Endpoint, c Change, method, path string, body any, done func() (string, error)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.Endpoint, c.Org = e.Name, e.Org
	a.API.plant(c.Secret)
	if err := a.ledger.Write(Record{Change: &c}); err != nil {
		return err
	}
	answer, err := a.ask(ctx, a.API.Tenant(e.Org).Key, method, path, body, done)
	if err != nil {
		return fmt.Errorf("%s endpoint %s: %w", c.Verb, e.Name, err)
	}
	if c.Verb == "create" {
		var made struct{ ID string }
		if err := json.Unmarshal(answer, &made); err != nil {
			return fmt.Errorf("create endpoint %s: %w", e.Name, err)
		}
		e.ID = made.ID
	}
	e.deleted = c.Verb == "delete"
	made := c
	made.Done, made.ID = true, e.ID
	return a.ledger.Write(Record{Change: &made})
}

// askTimeout is how long a server that was struck may take to answer again.
const askTimeout = 2 * time.Minute

// ask repeats a request until it is answered. An answer that says no is an
// error, except that what was to be deleted is gone.
func (a *Admin) ask(ctx context.Context, key, method, path string, body any, done func() (string, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("%s %s: no answer for %v", method, path, askTimeout))
	defer cancel()
	once := ""
	if method != http.MethodPatch {
		once = fmt.Sprintf("%s-%d", a.name, a.once.Add(1))
	}
	for {
		answer, err := a.API.call(ctx, key, method, path, body, once)
		if err == nil || said(err) == http.StatusNotFound && method == http.MethodDelete {
			return answer, nil
		}
		if code := said(err); code/100 == 4 && code != http.StatusTooManyRequests && code != http.StatusConflict {
			return nil, err
		}
		made, err := a.await(ctx, done)
		if err != nil {
			return nil, err
		}
		if made != "" {
			return json.Marshal(map[string]string{"id": made})
		}
	}
}

// await waits until it makes sense to ask again, and asks whether that has to be.
func (a *Admin) await(ctx context.Context, done func() (string, error)) (made string, err error) {
	for {
		select {
		case <-time.After(repost):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		if done == nil {
			return "", nil
		}
		if made, err = done(); err == nil || said(err)/100 == 4 {
			return made, err
		}
	}
}

// said is the status of an error answer; 0 = there was none.
func said(err error) int {
	if s, ok := errors.AsType[*status](err); ok {
		return s.code
	}
	return 0
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
	if err == nil {
		return a.ledger.Write(Record{Walk: &walk})
	}
	if said(err)/100 == 4 {
		return err
	}
	return nil // the server ended in the middle of it
}
