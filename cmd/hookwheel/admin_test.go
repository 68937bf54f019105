package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// With --admin-listen, metrics, profiles and what needs an admin key are there
// and nowhere else.
func TestAdminListen(t *testing.T) {
	s := startServe(t, t.TempDir(), freeAddress(t), "--admin-listen", "127.0.0.1:0", "--pprof", "--backup-dir", t.TempDir())
	_, admin, _ := strings.Cut(s.log.String(), "admin_url=")
	admin, _, _ = strings.Cut(admin, " ")
	for _, test := range []struct {
		method, path, body string
		public, admin      int
		says               string
	}{
		{"GET", "/metrics", "", 404, 200, "hookwheel_http_connections{listener=\"admin\"}"},
		{"GET", "/debug/pprof/", "", 404, 200, "goroutine"},
		{"GET", "/debug/pprof/heap", "", 404, 200, "\x1f\x8b"},
		{"GET", "/debug/pprof/mutex?debug=1", "", 404, 200, "sampling period=100\n"},
		{"GET", "/debug/pprof/profile?seconds=1", "", 404, 200, "\x1f\x8b"},
		{"GET", "/debug/pprof/cmdline", "", 404, 200, "--admin-listen"},
		{"GET", "/v1/organizations", "", 404, 200, "default"},
		{"GET", "/v1/audit", "", 404, 200, "data"},
		{"POST", "/v1/backups", `{"path":"a"}`, 404, 201, "path"},
		{"GET", "/healthz", "", 200, 200, "ok"},
		{"GET", "/readyz", "", 200, 200, "ready"},
		{"POST", "/v1/events", `{"type":"e2e.admin"}`, 202, 202, "evt_"},
	} {
		for base, want := range map[string]int{"http://" + s.address: test.public, admin: test.admin} {
			request, err := http.NewRequestWithContext(t.Context(), test.method, base+test.path, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+s.key())
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != want || want < 300 && !bytes.Contains(answer, []byte(test.says)) {
				t.Errorf("%s %s%s: got %d %.200q, %v, want %d and %q", test.method, base, test.path, response.StatusCode, answer, err, want, test.says)
			}
		}
	}
	_, _, errs := run(t, "audit", "--url", "http://"+s.address, "--api-key", s.key())
	if want := "with --admin-listen"; !strings.Contains(errs, want) {
		t.Errorf("audit at the address of the API: got %s, want %q", errs, want)
	}
	if code, _, errs := run(t, "audit", "--url", admin, "--api-key", s.key()); code != 0 {
		t.Errorf("audit at --admin-listen: got exit code %d, %s", code, errs)
	}
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
	}
}

// Without it, the API's address has all of that but profiles.
func TestNoAdminListen(t *testing.T) {
	s := startServe(t, t.TempDir(), freeAddress(t))
	s.want(http.StatusOK, "GET", "/v1/organizations", "")
	s.want(http.StatusNotFound, "GET", "/debug/pprof/", "")
	s.metrics(t)
}
