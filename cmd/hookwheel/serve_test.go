package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// createEndpoint points an endpoint at a sink.
func createEndpoint(s *serve, to *sink) {
	answer := s.want(http.StatusCreated, "POST", "/v1/endpoints", `{"url":"`+to.URL+`/","event_types":["e2e.*"]}`)
	to.trust(answer["secret"].(string))
}

func TestFirstSteps(t *testing.T) {
	s := startServe(t, filepath.Join(t.TempDir(), "data"), freeAddress(t))
	for _, name := range []string{"admin.key", "master.key"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want mode 0600", name, info.Mode(), err)
		}
	}
	to := newSink(t, 0)
	createEndpoint(s, to)
	answer := s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"e2e.first","data":{"a":1}}`)
	id := answer["id"].(string)
	to.await(t, []string{id}, 10*time.Second)
	if receipts, _ := to.counted(t); receipts != 1 || answer["matched"] != 1.0 {
		t.Errorf("got %d receipts, %v matched, want 1 of each", receipts, answer["matched"])
	}

	local := []string{"--url", "http://" + s.address, "--data-dir", s.dir, "--json"}
	code, out, errs := run(t, append(append([]string{"event", "get"}, local...), id)...)
	var event struct{ ID, Type string }
	if err := json.Unmarshal([]byte(out), &event); err != nil || code != 0 || event.ID != id || event.Type != "e2e.first" {
		t.Errorf("event get: got %d %s%s, want the event", code, out, errs)
	}
	for _, path := range []string{"/healthz", "/readyz", "/version"} {
		s.want(http.StatusOK, "GET", path, "")
	}
	if got := s.want(http.StatusOK, "GET", "/version", "")["version"]; got != "v9.9.9-test" {
		t.Errorf("version: got %v, want that of the build", got)
	}
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
	}
	if !strings.Contains(s.out.String(), "admin key: "+s.key()+"\n") {
		t.Errorf("output: got %q, want it to show the admin key", s.out.String())
	}
	again := startServe(t, s.dir, s.address)
	again.want(http.StatusOK, "GET", "/v1/events/"+id, "")
	if again.end(syscall.SIGTERM); again.out.Len() > 0 {
		t.Errorf("output of the second start: got %q, want none", again.out.String())
	}
}

// G1, G2, G3: kill -9 at any moment loses nothing that was accepted, and sends
// again only what was under way or had just been finished.
func TestKill(t *testing.T) {
	const (
		kills      = 20
		window     = 64                     // attempts in flight to one endpoint
		unrecorded = 100 * time.Millisecond // outcomes may wait for so long
		slack      = 150 * time.Millisecond // for a busy machine to sync them
	)
	dir, address := t.TempDir(), freeAddress(t)
	s := startServe(t, dir, address)
	to := newSink(t, 2*time.Millisecond)
	createEndpoint(s, to)
	p := startProducer(t, s)
	bound := 0
	for range kills {
		p.await(t, 200)
		s.end(syscall.SIGKILL)
		now := time.Now()
		bound += window + to.between(now.Add(-unrecorded-slack), now)
		s = startServe(t, dir, address)
	}
	p.await(t, 200)
	accepted := p.end()
	to.await(t, accepted, 30*time.Second)
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
	}
	receipts, duplicates := to.counted(t)
	t.Logf("%d events accepted over %d kills: missing 0, received %d times, duplicates %d, bound %d", len(accepted), kills, receipts, duplicates, bound)
	if duplicates > bound {
		t.Errorf("duplicates: got %d, want at most %d", duplicates, bound)
	}
}

// G3: a clean shutdown duplicates nothing.
func TestTerminate(t *testing.T) {
	const times = 5
	dir, address := t.TempDir(), freeAddress(t)
	s := startServe(t, dir, address)
	to := newSink(t, 20*time.Millisecond) // so that attempts are under way at any moment
	createEndpoint(s, to)
	p := startProducer(t, s)
	for range times {
		p.await(t, 200)
		if code := s.end(syscall.SIGTERM); code != 0 {
			t.Fatalf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
		}
		s = startServe(t, dir, address)
	}
	accepted := p.end()
	to.await(t, accepted, 30*time.Second)
	s.end(syscall.SIGTERM)
	if receipts, duplicates := to.counted(t); duplicates != 0 || receipts != len(accepted) {
		t.Errorf("got %d receipts and %d duplicates of %d events, want each once", receipts, duplicates, len(accepted))
	}
}

func TestStartIsRefused(t *testing.T) {
	dir, address := t.TempDir(), freeAddress(t)
	s := startServe(t, dir, address)
	refused := func(what string, wantCode int, wantText string, args ...string) {
		t.Helper()
		code, _, errs := run(t, append([]string{"serve"}, args...)...)
		if code != wantCode || !strings.Contains(errs, wantText) {
			t.Errorf("%s: got exit code %d, %s, want %d and %q", what, code, errs, wantCode, wantText)
		}
	}
	refused("data directory in use", 1, "in use by another process: stop that one first", "--data-dir", dir, "--listen", "127.0.0.1:0")
	refused("address in use", 1, "another program has that address", "--data-dir", t.TempDir(), "--listen", address)
	s.end(syscall.SIGTERM)

	refused("another number of partitions", 1, "cannot be changed", "--data-dir", dir, "--listen", address, "--partitions", "3")
	key := filepath.Join(dir, "master.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	refused("master key missing", 1, "name it with --master-key-file", "--data-dir", dir, "--listen", address)
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, []byte(strings.Repeat("A", 43)+"=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("another master key", 1, "give the key file that was in use", "--data-dir", dir, "--listen", address, "--master-key-file", other)
	startServe(t, dir, address, "--master-key-file", key+".away").end(syscall.SIGTERM)

	for _, test := range []struct{ flags, want string }{
		{"--sync sometimes", "expected always, never, or an interval"},
		{"--listen 8420", "expected an address"},
		{"--listen 127.0.0.1:65536", "expected a port"},
		{"--admin-key guessable", "--admin-key: the admin key must be 16 to 256"},
		{"--egress-proxy proxy:3128", "--egress-proxy: egress proxy: want http://"},
		{"--api-rate-burst 5", "--api-rate-burst needs --api-rate-limit"},
		{"--tls-cert cert.pem", "give both, or none"},
		{"--pprof", "--pprof needs --admin-listen"},
		{"--max-in-flight 0", "for flag --max-in-flight: out of range: allowed is 1 to 1048576"},
		{"--attempt-timeout 2m", "allowed is 100ms to 1m"},
		{"--retry-schedule 1s,forever", "not a duration"},
		{"--retry-schedule 31d", "allowed is 1ms to 30d"},
		{"--retry-schedule " + strings.Repeat("1s,", 64) + "1s", "has 65 delays"},
		{"--retry-jitter 0.6", "allowed is 0 to 0.5"},
		{"--retention 1d", "--retention is shorter than the"},
		{"--max-event-size 2MiB --max-body-size 1MiB", "--max-event-size is larger"},
		{"--memtable-size 16MiB", "--max-body-size is larger than"},
		{"--breaker-probe 1m --breaker-probe-max 1s", "--breaker-probe is longer"},
		{"--allow-cidr 10.0.0.0/99", "expected a network"},
		{"--allow-port http", "expected a port"},
		{"--disk-reserve 1B", "allowed is 1MiB"},
		{"--header-prefix X_Y", "want letters, digits and hyphens"},
		{"--log-format xml", "expected one of logfmt, json, human"},
		{"--bogus", "there is no flag --bogus"},
		{"now", "takes none"},
	} {
		refused(test.flags, 2, test.want, strings.Fields(test.flags)...)
	}
}

// Settings reach what they are for: one of each kind, seen from outside.
func TestSettings(t *testing.T) {
	const key = "a-key-that-the-operator-has-chosen"
	address, dir := freeAddress(t), t.TempDir()
	s := startServe(t, dir, address, "--admin-key", key, "--max-event-size", "1KiB", "--log-level", "debug", "--partitions", "2")
	if s.key() != key {
		t.Errorf("--admin-key: got %q in the file, want the given key", s.key())
	}
	s.want(http.StatusRequestEntityTooLarge, "POST", "/v1/events", fmt.Sprintf(`{"type":"e2e.big","data":%q}`, strings.Repeat("x", 1024)))
	s.want(http.StatusConflict, "POST", "/v1/backups", `{"path":"x"}`)
	format, err := os.ReadFile(filepath.Join(dir, "format"))
	if err != nil || !strings.Contains(string(format), `"partitions":2`) {
		t.Errorf("--partitions: got %s, %v, want 2", format, err)
	}
	if !strings.Contains(s.log.String(), "level=DEBUG") {
		t.Errorf("--log-level debug: got %s, want a debug line", s.log)
	}
	if s.end(syscall.SIGTERM); s.out.Len() > 0 {
		t.Errorf("output with --admin-key: got %q, want none", s.out.String())
	}
	strict := startServe(t, dir, address, "--dev=false")
	strict.want(http.StatusBadRequest, "POST", "/v1/endpoints", `{"url":"http://127.0.0.1:9/"}`)
}
