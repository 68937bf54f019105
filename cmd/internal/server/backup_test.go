package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// A backup has all organizations: no key of one can make it, whatever its
// scopes. Repeated with its idempotency key, a request makes no second one.
func TestBackUp(t *testing.T) {
	s, err := open(t, t.TempDir(), func(o *Options) { o.BackupDir = filepath.Join(o.Engine.Log.Dir, "backups") })
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, s)
	admin := s.NewAdminKey().Reveal()
	_, tenant, err := s.Engine().CreateKey(t.Context(), engine.DefaultOrganization, &ledger.Key{Scopes: []string{"admin"}}, ledger.Audit{})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, test := range []struct {
		key, once, path string
		status          int
		replayed        string
	}{
		{tenant.Reveal(), "", "a", http.StatusForbidden, ""},
		{admin, "k", "a", http.StatusCreated, ""},
		{admin, "k", "a", http.StatusCreated, "true"},
		{admin, "", "a", http.StatusConflict, ""},
		{admin, "", "b/c", http.StatusCreated, ""},
		{admin, "", "b/../..", http.StatusBadRequest, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"/v1/backups", strings.NewReader(`{"path":"`+test.path+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+test.key)
		request.Header.Set("Idempotency-Key", test.once)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Idempotent-Replayed"); response.StatusCode != test.status || got != test.replayed {
			t.Errorf("backup in %s, key %q: got %d, replayed %q, want %d, %q", test.path, test.once, response.StatusCode, got, test.status, test.replayed)
		}
	}
}
