package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the server, as `make build` leaves it.
const binary = "../../../bin/hookwheel"

// server is a hookwheel that runs as long as the test.
type server struct {
	t   *testing.T
	url string
	key string // an admin key, which acts for the organization default
}

var ready = regexp.MustCompile(`msg=ready url=(\S+)`)

// startServer starts a server on an empty data directory, on a free port, that
// delivers to this machine, and returns when it answers.
func startServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(binary, "serve", "--dev", "--log-format", "logfmt", "--listen", "127.0.0.1:0", "--data-dir", dir)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; make build makes the server", err)
	}
	s := &server{t: t}
	lines := bufio.NewScanner(log)
	var said strings.Builder
	for s.url == "" && lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if found := ready.FindStringSubmatch(lines.Text()); found != nil {
			s.url = found[1]
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, log) // until the server ends
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-drained
		if err := cmd.Wait(); err != nil {
			t.Errorf("server ended: %v\n%s", err, said.String())
		}
	})
	if s.url == "" {
		t.Fatalf("the server ended instead of getting ready:\n%s", said.String())
	}
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	s.key = strings.TrimSpace(string(key))
	return s
}

// call calls the native API, wants a 2xx, and decodes the answer.
func (s *server) call(method, path string, body, answer any) {
	s.t.Helper()
	status, text := s.send(method, path, body)
	if status > 299 {
		s.t.Fatalf("%s %s: got %d %s, want success", method, path, status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		s.t.Fatalf("%s %s: answer %s: %v", method, path, text, err)
	}
}

// send calls the native API and returns status and body of the answer.
func (s *server) send(method, path string, body any) (int, []byte) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err = io.ReadAll(response.Body); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, text
}

// post posts an event and returns its id.
func (s *server) post(event map[string]any) string {
	s.t.Helper()
	var accepted struct{ ID string }
	s.call("POST", "/v1/events", event, &accepted)
	return accepted.ID
}

// tryPost posts an event and reports whether it was let in; it may also be
// refused for what it lacks.
func (s *server) tryPost(event map[string]any) bool {
	s.t.Helper()
	status, text := s.send("POST", "/v1/events", event)
	if status != http.StatusAccepted && status != http.StatusBadRequest {
		s.t.Fatalf("post %v: got %d %s, want it to be accepted or refused", event, status, text)
	}
	return status == http.StatusAccepted
}

// received is a delivery as it arrived.
type received struct {
	header http.Header
	body   []byte
}

// receiver is an endpoint: it keeps what arrives and answers 200.
type receiver struct {
	t       *testing.T
	url     string
	arrived chan received
}

func startReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, arrived: make(chan received, 100)}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Errorf("receive: %v", err)
		}
		r.arrived <- received{request.Header, body}
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// next is the next delivery.
func (r *receiver) next() received {
	r.t.Helper()
	select {
	case d := <-r.arrived:
		return d
	case <-time.After(10 * time.Second):
		r.t.Fatal("nothing was received within 10 s")
		panic("unreachable")
	}
}
