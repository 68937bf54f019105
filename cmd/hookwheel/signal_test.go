package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hangingServe is a server with an attempt under way that takes its time.
func hangingServe(t *testing.T, flags ...string) *serve {
	t.Helper()
	s := startServe(t, t.TempDir(), freeAddress(t), append([]string{"--attempt-timeout", "20s"}, flags...)...)
	to := newSink(t, 0)
	to.hold = make(chan struct{})
	t.Cleanup(func() { close(to.hold) })
	createEndpoint(s, to)
	answer := s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"e2e.hang"}`)
	to.await(t, []string{answer["id"].(string)}, 10*time.Second)
	return s
}

// What is under way at a shutdown is waited for, but not for ever.
func TestShutdownTimeout(t *testing.T) {
	s := hangingServe(t, "--shutdown-timeout", "1s")
	started := time.Now()
	if code := s.end(syscall.SIGTERM); code != 1 || !strings.Contains(s.log.String(), "broken off") {
		t.Errorf("got exit code %d, want 1 and that attempts were broken off\n%s", code, s.log)
	}
	if took := time.Since(started); took < time.Second || took > 10*time.Second {
		t.Errorf("took %v, want a little more than a second", took)
	}
}

// A second signal ends the process at once.
func TestSecondSignal(t *testing.T) {
	s := hangingServe(t)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.await("shutting down")
	if code := s.end(syscall.SIGTERM); code != 128+int(syscall.SIGTERM) {
		t.Errorf("got exit code %d, want 143\n%s", code, s.log)
	}
}
