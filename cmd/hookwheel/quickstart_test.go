package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// What a new user types into three terminals: serve --dev, listen --create and
// send. The event arrives verified, within a second.
func TestQuickStart(t *testing.T) {
	s := startServe(t, t.TempDir(), freeAddress(t))
	local := []string{"--url", "http://" + s.address, "--data-dir", s.dir, "--json"}
	listen, lines := startListen(t, local)
	const times, most = 3, time.Second
	fastest := time.Hour
	for range times { // the machine may be busy
		began := time.Now()
		code, out, errs := run(t, append(append([]string{"send"}, local...), "invoice.paid", `{"amount": 100}`)...)
		var sent struct {
			ID      string
			Matched int
		}
		if err := json.Unmarshal([]byte(out), &sent); err != nil || code != 0 || sent.Matched != 1 {
			t.Fatalf("send: got %d %s%s, want an event that matches one endpoint", code, out, errs)
		}
		var got struct {
			Verdict, Scheme, ID, Type string
			Repeated                  bool
			Body                      struct{ Data json.RawMessage }
		}
		select {
		case line := <-lines:
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatalf("listen: got %s, %v, want what was received", line, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("listen: nothing was received within 10 s")
		}
		took := time.Since(began)
		fastest = min(fastest, took)
		t.Logf("received %v after send was started", took.Round(time.Millisecond))
		if got.Verdict != "verified" || got.Scheme != "standard" || got.ID != sent.ID || got.Type != "invoice.paid" || got.Repeated || string(got.Body.Data) != `{"amount":100}` {
			t.Errorf("received: got %+v with data %s, want event %s and what was sent, verified", got, got.Body.Data, sent.ID)
		}
	}
	if fastest > most {
		t.Errorf("from send to receipt: got %v, want at most %v", fastest, most)
	}

	if err := listen.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range lines { // until it has ended
	}
	if err := listen.Wait(); err != nil {
		t.Errorf("listen, interrupted: got %v, want exit code 0", err)
	}
	if left := s.want(http.StatusOK, "GET", "/v1/endpoints", "")["data"].([]any); len(left) != 0 {
		t.Errorf("endpoints after listen has ended: got %v, want none", left)
	}
}

// startListen starts `hookwheel listen --create` and returns once it listens.
// lines are what it prints, and are closed when it has ended.
func startListen(t *testing.T, local []string) (listen *exec.Cmd, lines <-chan string) {
	t.Helper()
	listen = binaryCommand(t.Context(), append([]string{"listen", "--create", "--address", "127.0.0.1:0"}, local...)...)
	out, err := listen.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := listen.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listen.Process.Kill() }) // it may have ended
	said := bufio.NewScanner(errs)
	for said.Scan() && !strings.HasPrefix(said.Text(), "listening on http://127.0.0.1:") {
	}
	if said.Text() == "" {
		t.Fatalf("listen ended instead of listening: %v, %v", said.Err(), listen.Wait())
	}
	printed := make(chan string, 16)
	go func() {
		defer close(printed)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			printed <- lines.Text()
		}
		_, _ = io.Copy(io.Discard, errs) // until it has ended
	}()
	return listen, printed
}

// A receiver written with the library that Standard Webhooks publishes takes
// what we send, and nothing else; and what the producer gave comes out of it
// byte for byte (G7).
func TestStandardWebhooksLibrary(t *testing.T) {
	s := startServe(t, t.TempDir(), freeAddress(t))
	var library atomic.Pointer[standardwebhooks.Webhook]
	type receipt struct {
		id, body       string
		err, forgedErr error
	}
	receipts := make(chan receipt, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = library.Load().Verify(body, r.Header)
		}
		receipts <- receipt{r.Header.Get("webhook-id"), string(body), err, library.Load().Verify(append(body, ' '), r.Header)}
	}))
	t.Cleanup(receiver.Close)

	local := []string{"--url", "http://" + s.address, "--data-dir", s.dir, "--json"}
	code, out, errs := run(t, append(append([]string{"endpoint", "create"}, local...), receiver.URL)...)
	var endpoint struct{ Secret string }
	if err := json.Unmarshal([]byte(out), &endpoint); err != nil || code != 0 {
		t.Fatalf("endpoint create: got %d %s%s", code, out, errs)
	}
	webhook, err := standardwebhooks.NewWebhook(endpoint.Secret)
	if err != nil {
		t.Fatalf("secret as the server shows it: %v", err)
	}
	library.Store(webhook)
	const data = `{ "text": "zw\u00f6lf € \u0000", "amount": 1.10 }`
	id := s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"invoice.paid","data":`+data+`}`)["id"]
	select {
	case got := <-receipts:
		if got.id != id || got.err != nil {
			t.Errorf("got event %s, %v, want %s, verified", got.id, got.err, id)
		}
		if !strings.Contains(got.body, `"data":`+data) {
			t.Errorf("body: got %s, want the data as they were posted: %s", got.body, data)
		}
		if got.forgedErr == nil {
			t.Error("a body that was changed verifies as well, so the check says nothing")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was received within 10 s")
	}
}
