package server

import (
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi"
)

// openToEverybody are those of the server's own routes that say nothing of
// anybody.
var openToEverybody = []string{"/healthz", "/readyz", "/version", "/metrics", "/openapi.json"}

// What the server adds to the API of organizations is the operator's: each of
// these routes that is not open to everybody asks for a key, and for one that
// belongs to no organization.
func TestOwnRoutesAreTheOperators(t *testing.T) {
	s := openForBackups(t)
	admin, tenant, c := s.NewAdminKey().Reveal(), tenantKey(t, s), newCaller(t, s)
	theirs := map[string]bool{}
	for _, d := range httpapi.Dialects(s.engine, s.settings()) {
		for _, r := range d.Routes {
			theirs[r.Method+" "+r.Pattern] = true
		}
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	closed := 0
	for _, r := range s.http.Routes() {
		name, path := r.Method+" "+r.Pattern, parameter.ReplaceAllString(r.Pattern, "x")
		if theirs[name] {
			continue
		}
		if r.Public {
			if !slices.Contains(openToEverybody, r.Pattern) {
				t.Errorf("%s is open to everybody", name)
			}
			continue
		}
		closed++
		for key, want := range map[string]int{"": http.StatusUnauthorized, "nobody": http.StatusUnauthorized, tenant: http.StatusForbidden} {
			if got, _ := c.call(key, r.Method, path, "{}", ""); got != want {
				t.Errorf("%s with key %.9q: got %d, want %d", name, key, got, want)
			}
		}
		if got, _ := c.call(admin, r.Method, path, "{}", ""); got == http.StatusUnauthorized || got == http.StatusForbidden {
			t.Errorf("%s with the admin key: got %d, want it let in", name, got)
		}
	}
	if closed == 0 {
		t.Error("got no route that is closed, want that of backups at least")
	}
}
