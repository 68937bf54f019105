package httpapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/ops"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one clock for all servers of a process, for ever.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		// The sweeper of its idle workers notices the end within ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// tenants knows keys, and the organizations default, org_a and org_b.
type tenants map[[sha256.Size]byte]auth.Key

func (m tenants) KeyByHash(hash [sha256.Size]byte) (auth.Key, bool) {
	k, ok := m[hash]
	return k, ok
}

func (tenants) Client(string) (auth.Client, bool) { return auth.Client{}, false }

func (tenants) Livemode(organization string) (livemode, exists bool) {
	return false, slices.Contains([]string{"default", "org_a", "org_b"}, organization)
}

func testKeys() tenants {
	keys := tenants{}
	for text, k := range map[string]auth.Key{
		"writer": {ID: "key_writer", Organization: "org_a", Scopes: auth.EventsWrite},
		"reader": {ID: "key_reader", Organization: "org_a", Scopes: auth.EventsRead},
		"chief":  {ID: "key_chief", Organization: "org_a", Scopes: auth.Admin},
		"root":   {ID: "key_root", Scopes: auth.Admin},
	} {
		k.Hash = secret.Hash(text)
		keys[k.Hash] = k
	}
	return keys
}

// plain renders errors as "dialect status code", to see which dialect did.
func plain(name string) wire.Renderer {
	return func(c *wire.Ctx, e *wire.Error) {
		c.SetContentType("text/plain")
		fmt.Fprintf(c, "%s %d %s", name, e.Status, e.Code)
	}
}

// testDialects echo, fail and panic on demand.
func testDialects() []*wire.Dialect {
	return []*wire.Dialect{
		{Name: "echo", Prefixes: []string{"/echo"}, Render: plain("echo"), Routes: []wire.Route{
			{Method: "POST", Pattern: "/echo", Scope: auth.EventsWrite, Handle: func(c *wire.Ctx) error {
				return c.Raw(200, fmt.Appendf(nil, "%s %s %d", c.Organization, c.Principal.KeyID, len(c.PostBody())))
			}},
			{Method: "PUT", Pattern: "/echo/-/admin", Scope: auth.Admin, Handle: func(c *wire.Ctx) error { return c.Raw(200, []byte(c.Organization)) }},
			{Method: "GET", Pattern: "/echo/{name}", Public: true, Handle: func(c *wire.Ctx) error {
				return c.Raw(200, []byte(c.Param("name")+" from "+c.Source.String()))
			}},
			{Method: "GET", Pattern: "/echo/-/base", Public: true, Handle: func(c *wire.Ctx) error { return c.Raw(200, []byte(c.BaseURL())) }},
			{Method: "GET", Pattern: "/echo/-/panic", Public: true, Handle: func(*wire.Ctx) error { panic("boom") }},
			{Method: "GET", Pattern: "/echo/-/fail", Public: true, Handle: func(c *wire.Ctx) error {
				c.WriteString("half an answer")
				return errors.New("internal detail")
			}},
		}},
		ops.Dialect(ops.Options{Build: ops.Build{Version: "v0", Go: "go"}}),
	}
}

type harness struct {
	*Server
	addr string
	logs *syncBuffer
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs a server on a socket until the test ends.
func start(t testing.TB, change func(*Options)) *harness {
	t.Helper()
	return startOn(t, change, func(l net.Listener) net.Listener { return l })
}

// startOn runs it on what wrap makes of a socket.
func startOn(t testing.TB, change func(*Options), wrap func(net.Listener) net.Listener) *harness {
	t.Helper()
	logs := &syncBuffer{}
	o := Options{
		Dialects: testDialects(), Tenants: testKeys(), CursorKey: bytes.Repeat([]byte("k"), 32), TokenKey: bytes.Repeat([]byte("t"), 32),
		Logger:      slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ReadTimeout: 5 * time.Second,
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(wrap(ln)) }()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && !errors.Is(err, t.Context().Err()) {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &harness{Server: s, addr: ln.Addr().String(), logs: logs}
}

// raw sends bytes as they are and returns every answer until the server closes
// the connection. A connection that stays open fails the test.
func (h *harness) raw(t testing.TB, request string) []*http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	return readAll(t, conn, method)
}

func readAll(t testing.TB, conn net.Conn, method string) []*http.Response {
	t.Helper()
	var all []*http.Response
	r := bufio.NewReader(conn)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Peek(1); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the server did not close the connection after %d answers", len(all))
			}
			return all
		}
		response, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("answer %d: %v", len(all), err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatalf("body of answer %d: %v", len(all), err)
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		all = append(all, response)
	}
}

func body(r *http.Response) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// one sends one request whose connection closes and returns its only answer.
func (h *harness) one(t testing.TB, method, target, headers, content string) *http.Response {
	t.Helper()
	all := h.raw(t, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s", method, target, len(content), headers, content))
	if len(all) != 1 {
		t.Fatalf("%s %s: got %d answers, want 1", method, target, len(all))
	}
	return all[0]
}
