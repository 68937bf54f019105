package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// API asks the server's native API, as its users do. Safe for concurrent use.
type API struct {
	URL   string
	Admin string // the admin key

	client http.Client
	mu     sync.Mutex
	keys   map[string]string // of organizations
	secret []string          // what must not be shown a second time
	leaks  []string          // where it was
}

// NewAPI returns an API of the server at a URL.
func NewAPI(url, admin string) *API {
	a := &API{URL: url, Admin: admin, keys: map[string]string{}}
	a.client = http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	a.plant(admin)
	return a
}

// Tenant returns an organization with its key.
func (a *API) Tenant(org string) Tenant {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Tenant{Org: org, Key: a.keys[org]}
}

// Orgs returns the organizations that were made through it.
func (a *API) Orgs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var orgs []string
	for org := range a.keys {
		orgs = append(orgs, org)
	}
	slices.Sort(orgs)
	return orgs
}

// At returns an API of another server that has the same organizations and keys.
func (a *API) At(url string) *API {
	other := NewAPI(url, a.Admin)
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.Copy(other.keys, a.keys)
	other.secret = slices.Clone(a.secret)
	return other
}

// plant remembers a secret, which from now on must not be found anywhere.
func (a *API) plant(secret string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if secret != "" && !slices.Contains(a.secret, secret) {
		a.secret = append(a.secret, secret)
	}
}

// Scan looks for planted secrets in something that people other than their
// owner get to see.
func (a *API) Scan(where string, content []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, secret := range a.secret {
		if bytes.Contains(content, []byte(strings.TrimPrefix(secret, "whsec_"))) {
			a.leaks = append(a.leaks, fmt.Sprintf("secret %d is in %s", i+1, where))
		}
	}
}

// status is an answer other than 2xx.
type status struct {
	code int
	text string
}

func (s *status) Error() string { return fmt.Sprintf("status %d: %s", s.code, s.text) }

// call makes a request and returns the body of a 2xx answer. key is whose
// request it is; once makes the request one that can be repeated.
func (a *API) call(ctx context.Context, key, method, path string, body any, once string) ([]byte, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.URL+path, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if once != "" {
		request.Header.Set("Idempotency-Key", once)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		a.Scan("the error answer to "+method+" "+path, answer)
		return nil, &status{response.StatusCode, string(answer)}
	}
	return answer, nil
}

// get reads something that shows no secrets, and makes sure that it does not.
func (a *API) get(ctx context.Context, key, path string, to any) ([]byte, error) {
	answer, err := a.call(ctx, key, http.MethodGet, path, nil, "")
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	a.Scan("the answer to GET "+path, answer)
	if to == nil {
		return answer, nil
	}
	if err := json.Unmarshal(answer, to); err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	return answer, nil
}

// pages reads a list to its end, or until see says that it has seen enough.
func pages[T any](ctx context.Context, a *API, key, path string, limit int, see func(page []T, text []byte) bool) error {
	after := ""
	for {
		var list struct {
			Data []T     `json:"data"`
			Next *string `json:"next_cursor"`
		}
		query := fmt.Sprintf("%s?limit=%d", path, limit)
		if after != "" {
			query += "&after=" + url.QueryEscape(after)
		}
		text, err := a.get(ctx, key, query, &list)
		if err != nil {
			return err
		}
		if !see(list.Data, text) || list.Next == nil {
			return nil
		}
		after = *list.Next
	}
}

// CloseIdle closes kept connections, so that none of a server that is gone is
// used again.
func (a *API) CloseIdle() { a.client.CloseIdleConnections() }
