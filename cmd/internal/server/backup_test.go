package server

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// caller makes requests of a server under test.
type caller struct {
	t      *testing.T
	url    string
	client http.Client
}

func newCaller(t *testing.T, s *Server) *caller {
	return &caller{t: t, url: s.URL(), client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// call returns the status of an answer and its header. No key: no
// Authorization.
func (c *caller) call(key, method, path, body, once string) (int, http.Header) {
	c.t.Helper()
	status, header, _ := c.ask(key, method, path, body, once)
	return status, header
}

// ask is call that returns the body too.
func (c *caller) ask(key, method, path, body, once string) (int, http.Header, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if once != "" {
		request.Header.Set("Idempotency-Key", once)
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Error(err)
		return 0, http.Header{}, ""
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Error(err)
	}
	return response.StatusCode, response.Header, string(answer)
}

// tenantKey is the key of an organization that has every scope there is.
func tenantKey(t *testing.T, s *Server) string {
	t.Helper()
	_, key, err := s.Engine().CreateKey(t.Context(), engine.DefaultOrganization, &ledger.Key{Scopes: []string{"admin"}}, ledger.Audit{})
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

func openForBackups(t *testing.T) *Server {
	t.Helper()
	s, err := open(t, t.TempDir(), func(o *Options) { o.BackupDir = filepath.Join(o.Engine.Log.Dir, "backups") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNow(t, s) })
	return s
}

// A backup has all organizations: no key of one can make it, whatever its
// scopes. Repeated with its idempotency key, a request makes no second one.
func TestBackUp(t *testing.T) {
	s := openForBackups(t)
	admin, tenant, c := s.NewAdminKey().Reveal(), tenantKey(t, s), newCaller(t, s)
	for _, test := range []struct {
		key, once, path string
		status          int
		replayed        string
	}{
		{tenant, "", "a", http.StatusForbidden, ""},
		{admin, "k", "a", http.StatusCreated, ""},
		{admin, "k", "a", http.StatusCreated, "true"},
		{admin, "", "a", http.StatusConflict, ""},
		{admin, "", "b/c", http.StatusCreated, ""},
		{admin, "", "b", http.StatusConflict, ""},
		{admin, "", "a/format", http.StatusConflict, ""},
		{admin, "", "a/format/b", http.StatusConflict, ""},
		{admin, "", "b/../..", http.StatusBadRequest, ""},
		{admin, "", "../a", http.StatusBadRequest, ""},
		{admin, "", "/tmp/a", http.StatusBadRequest, ""},
		{admin, "", "", http.StatusBadRequest, ""},
		{admin, "", "./", http.StatusBadRequest, ""},
		{admin, "", `d\u0000e`, http.StatusBadRequest, ""},
		{admin, "", `d\ne`, http.StatusBadRequest, ""},
		{admin, "", strings.Repeat("d", 256), http.StatusBadRequest, ""},
		{admin, "", strings.Repeat("d", 255), http.StatusCreated, ""},
	} {
		status, header := c.call(test.key, "POST", "/v1/backups", `{"path":"`+test.path+`"}`, test.once)
		if got := header.Get("Idempotent-Replayed"); status != test.status || got != test.replayed {
			t.Errorf("backup in %.20q, key %q: got %d, replayed %q, want %d, %q", test.path, test.once, status, got, test.status, test.replayed)
		}
	}
}

// Of backups to one path at once, one is made; the others are conflicts, not
// failures of the server.
func TestBackUpsAtOnce(t *testing.T) {
	s := openForBackups(t)
	admin, c := s.NewAdminKey().Reveal(), newCaller(t, s)
	const n = 8
	results := make(chan int, n)
	for range n {
		go func() {
			status, _ := c.call(admin, "POST", "/v1/backups", `{"path":"a"}`, "")
			results <- status
		}()
	}
	got := map[int]int{}
	for range n {
		got[<-results]++
	}
	if got[http.StatusCreated] != 1 || got[http.StatusConflict] != n-1 {
		t.Errorf("got %v of each status, want one 201 and %d times 409", got, n-1)
	}
}
