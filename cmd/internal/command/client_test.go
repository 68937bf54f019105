package command

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/cmd/internal/server"
)

// newTestClient is a client whose pauses take no time and are recorded.
func newTestClient(t *testing.T, handler http.HandlerFunc) (c *client, pauses *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	pauses = &[]time.Duration{}
	return &client{
		base: base, key: "k", timeout: time.Minute, http: server.Client(),
		pause: func(_ context.Context, d time.Duration) error {
			*pauses = append(*pauses, d)
			return nil
		},
	}, pauses
}

func TestClientSendsWhoAsks(t *testing.T) {
	a := serveAPI(t, func(request, int) (int, string) { return 200, "{}" })
	runCommand(t, "", "stats", "--organization", "org_1", "--api-key", "hw_live_x").want(t, exitDone, "", "")
	r := a.only(t)
	for name, want := range map[string]string{
		"Authorization": "Bearer hw_live_x", "Hookwheel-Organization": "org_1", "Idempotency-Key": "", "User-Agent": "hookwheel-cli",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// The key of a data directory is read, and shown to no other machine.
func TestClientFindsLocalKey(t *testing.T) {
	a := serveAPI(t, func(request, int) (int, string) { return 200, "{}" })
	t.Setenv("HOOKWHEEL_API_KEY", "")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, server.AdminKeyFile), []byte("hw_admin_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runCommand(t, "", "stats", "--data-dir", dir).want(t, exitDone, "", "")
	if got, want := a.only(t).header.Get("Authorization"), "Bearer hw_admin_file"; got != want {
		t.Errorf("Authorization: got %q, want %q", got, want)
	}
	runCommand(t, "", "stats", "--data-dir", dir, "--url", "http://192.0.2.1").want(t, exitUsage, "", "no API key for 192.0.2.1")
}

// Busy is repeated with the same idempotency key, no earlier than asked for.
func TestClientRepeats(t *testing.T) {
	var keys []string
	c, pauses := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		switch len(keys) {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		case 3: // half an answer
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("{"))
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
	if _, err := c.send(t.Context(), http.MethodPost, "/v1/events", map[string]string{}); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 4 || keys[0] == "" || keys[0] != keys[1] || keys[1] != keys[2] || keys[2] != keys[3] {
		t.Errorf("idempotency keys: got %q, want the same one four times", keys)
	}
	if len(*pauses) != 3 || (*pauses)[0] != 7*time.Second || (*pauses)[1] < 2*firstPause || (*pauses)[2] < 4*firstPause {
		t.Errorf("pauses: got %v, want 7s, then at least 200ms and 400ms", *pauses)
	}
}

func TestClientGivesUp(t *testing.T) {
	n := 0
	c, pauses := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := c.get(t.Context(), "/", nil)
	var p *problem
	if !errors.As(err, &p) || p.Status != 503 || n != 1 || len(*pauses) != 0 {
		t.Errorf("asked to come again after the timeout: got %v after %d calls and pauses %v, want the problem after 1 and none", err, n, *pauses)
	}
}

func TestClientDoesNotRepeatRefusals(t *testing.T) {
	for _, status := range []int{400, 401, 404, 409, 413, 422, 500, 507} {
		n := 0
		c, _ := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) { n++; w.WriteHeader(status) })
		if _, err := c.send(t.Context(), http.MethodPost, "/", nil); err == nil || n != 1 {
			t.Errorf("%d: got %v after %d calls, want a problem after 1", status, err, n)
		}
	}
}

// A server that was never there is reported at once.
func TestClientWithoutServer(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := socket.Addr().String()
	socket.Close()
	runCommand(t, "", "stats", "--api-key", "k", "--url", "http://"+address).want(t, exitUnavailable, "", "Is the server running?")
}

func TestClientTimeout(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c, _ := newTestClient(t, func(http.ResponseWriter, *http.Request) { <-release })
	c.timeout = 50 * time.Millisecond
	_, err := c.get(t.Context(), "/", nil)
	var u unavailable
	if !errors.As(err, &u) || !strings.Contains(err.Error(), "did not answer within 50ms (--timeout)") {
		t.Errorf("got %v, want that it did not answer within 50ms", err)
	}
}

func TestClientFollowsNoRedirect(t *testing.T) {
	reached := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer elsewhere.Close()
	front := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer front.Close()
	runCommand(t, "", "stats", "--api-key", "k", "--url", front.URL).want(t, exitFailed, "", "the server redirects to "+elsewhere.URL)
	if reached {
		t.Error("the redirect was followed: the key went elsewhere")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "soon": 0,
		"Sat, 31 Jan 2026 08:01:00 GMT": time.Minute, "Sat, 31 Jan 2026 07:00:00 GMT": 0,
		"99999999": (1 << 20) * time.Second,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q): got %v, want %v", text, got, want)
		}
	}
}

func TestProblemIsShown(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		code   int
		want   string
	}{
		{400, `{"title":"Bad Request","code":"invalid_fields","detail":"2 fields are wrong","errors":[{"pointer":"/url","detail":"must be https"},{"pointer":"/event_types/0","detail":"bad pattern"}]}`,
			exitFailed, "hookwheel: bad request (400 invalid_fields): 2 fields are wrong\n  /url: must be https\n  /event_types/0: bad pattern\n  request req_1\n"},
		{400, `{"title":"Bad Request","detail":"/url: must be https","errors":[{"pointer":"/url","detail":"must be https"}]}`, exitFailed, "(400): /url: must be https\n  request"},
		{400, `{"title":"Bad Request","detail":"state: unknown","errors":[{"pointer":"?state","detail":"unknown"}]}`, exitFailed, "(400): state: unknown\n  request"},
		{401, `{"title":"Unauthorized","code":"unauthenticated"}`, exitFailed, "unauthorized (401 unauthenticated)\n  --api-key or HOOKWHEEL_API_KEY"},
		{502, "<html>oops\x1b[2J</html>", exitUnavailable, "bad gateway (502): <html>oops\uFFFD[2J</html>\n"},
		{507, `{"title":"Insufficient Storage","detail":"the disk is full"}`, exitUnavailable, "insufficient storage (507): the disk is full"},
		{403, `{"error":"the API key lacks the scope admin"}`, exitFailed, "forbidden (403): the API key lacks the scope admin"},
		{500, "", exitFailed, "internal server error (500)\n  the log of the server says why"},
	} {
		serveAPI(t, func(request, int) (int, string) { return test.status, test.body })
		runCommand(t, "", "stats").want(t, test.code, "", test.want)
	}
}
