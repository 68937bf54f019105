package httpapi

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/ops"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

func TestServe(t *testing.T) {
	h := start(t, nil)
	const writer, root = "Authorization: Bearer writer\r\n", "X-API-Key: root\r\n"
	for _, test := range []struct {
		method, target, headers, content string
		status                           int
		body                             string
	}{
		{"POST", "/echo", writer, "12345", 200, "org_a key_writer 5"},
		{"POST", "/echo", root, "", 200, "default key_root 0"},
		{"POST", "/echo", root + "Hookwheel-Organization: org_b\r\n", "", 200, "org_b key_root 0"},
		{"POST", "/echo", root + "Hookwheel-Organization: org_none\r\n", "", 404, "echo 404 not_found"},
		{"PUT", "/echo/-/admin", root + "Hookwheel-Organization: org_none\r\n", "", 200, "org_none"},
		{"PUT", "/echo/-/admin", writer, "", 403, "echo 403 forbidden"},
		{"POST", "/echo", writer + "Hookwheel-Organization: org_b\r\n", "", 403, "echo 403 forbidden"},
		{"POST", "/echo", "Authorization: Bearer reader\r\n", "", 403, "echo 403 forbidden"},
		{"POST", "/echo", "Authorization: Bearer nobody\r\n", "", 401, "echo 401 unauthenticated"},
		{"POST", "/echo", "Authorization: Negotiate x\r\n", "", 401, "echo 401 unauthenticated"},
		{"POST", "/echo", "", "", 401, "echo 401 unauthenticated"},
		{"GET", "/echo/a%2Fb?secret=x", "", "", 200, "a/b from 127.0.0.1"},
		{"HEAD", "/echo/a", "", "", 200, ""},
		{"GET", "/echo/-/fail", "", "", 500, "echo 500 internal_error"},
		{"GET", "/echo/-/panic", "", "", 500, "echo 500 internal_error"},
		{"GET", "/echo/a/b", "", "", 404, "echo 404 not_found"},
		{"PUT", "/echo", "", "", 405, "echo 405 method_not_allowed"},
		{"GET", "/healthz", "", "", 200, `{"status":"ok"}`},
		{"GET", "/version", "", "", 200, `{"version":"v0","go":"go"}`},
		{"GET", "/readyz", "", "", 200, `{"status":"ready","checks":[]}`},
	} {
		response := h.one(t, test.method, test.target, test.headers, test.content)
		if got := body(response); response.StatusCode != test.status || got != test.body {
			t.Errorf("%s %s: got %d %q, want %d %q", test.method, test.target, response.StatusCode, got, test.status, test.body)
		}
	}
}

// Every answer, also to what is no request, carries an id to quote.
func TestRequestIDs(t *testing.T) {
	h := start(t, nil)
	response := h.one(t, "GET", "/echo/a", "X-Request-Id: mine-1\r\n", "")
	for _, name := range []string{"X-Request-Id", "Request-Id"} {
		if got := response.Header.Get(name); got != "mine-1" {
			t.Errorf("%s: got %q, want mine-1", name, got)
		}
	}
	if got := h.raw(t, "nonsense\r\n\r\n")[0].Header.Get("X-Request-Id"); !strings.HasPrefix(got, "req_") {
		t.Errorf("id of nonsense: got %q, want a new one", got)
	}
}

// G11 and secrets: what fails inside is in the log and not in the answer; what
// is secret is in neither.
func TestLog(t *testing.T) {
	h := start(t, nil)
	h.one(t, "GET", "/echo/-/fail", "X-Request-Id: failing\r\n", "")
	h.one(t, "GET", "/echo/-/panic", "X-Request-Id: panicking\r\n", "")
	h.one(t, "POST", "/echo?secret=planted", "Authorization: Bearer writer\r\n", "planted")
	h.one(t, "POST", "/echo", "Authorization: Bearer planted\r\n", "")
	for _, malformed := range []string{
		"POST /echo?secret=planted\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization Bearer planted\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer planted\x00\r\n\r\n",
		"POST /echo?secret=planted HTTP/1.1\r\nHost: [planted\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nplanted\r\n",
	} {
		h.raw(t, malformed)
	}
	logs := h.logs.String()
	for _, want := range []string{"connection failed", `"request_id":"failing"`, "internal detail", `"request_id":"panicking"`, "boom", "harness_test.go", `"key_id":"key_writer"`} {
		if !strings.Contains(logs, want) {
			t.Errorf("log: got no %s", want)
		}
	}
	if strings.Contains(logs, "planted") || strings.Contains(logs, "Bearer") {
		t.Errorf("log: got a secret:\n%s", logs)
	}
}

func TestMetrics(t *testing.T) {
	h := start(t, nil)
	for range 3 {
		h.one(t, "GET", "/echo/a", "", "")
	}
	h.one(t, "GET", "/nowhere/"+strings.Repeat("x", 100), "", "")
	h.one(t, "POST", "/echo", "", "")
	shown := string(ops.Exposition(h.Metrics()))
	for _, want := range []string{
		`hookwheel_http_requests_total{method="GET",route="/echo/{name}",code="2xx"} 3`,
		`hookwheel_http_requests_total{method="POST",route="/echo",code="4xx"} 1`,
		`hookwheel_http_requests_total{method="",route="",code="4xx"} 1`,
		`hookwheel_http_request_duration_seconds_count{method="GET",route="/echo/{name}"} 3`,
		"# HELP hookwheel_http_connections ",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("metrics: got no %s in\n%s", want, shown)
		}
	}
	if got := ops.Undocumented(h.Metrics()); len(got) != 0 {
		t.Errorf("families without help: %q", got)
	}
}

func TestSource(t *testing.T) {
	h := start(t, func(o *Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	for forwarded, want := range map[string]string{
		"":                                "127.0.0.1",
		"203.0.113.9":                     "203.0.113.9",
		"198.51.100.1, 203.0.113.9":       "203.0.113.9", // what the caller itself claims does not count
		"203.0.113.9, 10.1.2.3":           "203.0.113.9",
		"::ffff:203.0.113.9":              "203.0.113.9",
		"203.0.113.9, nonsense, 10.1.2.3": "10.1.2.3",
	} {
		if got := body(h.one(t, "GET", "/echo/a", "X-Forwarded-For: "+forwarded+"\r\n", "")); got != "a from "+want {
			t.Errorf("forwarded for %q: got %q, want from %s", forwarded, got, want)
		}
	}
	// A proxy may add a line of its own instead of extending the caller's.
	if got := body(h.one(t, "GET", "/echo/a", "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9\r\n", "")); got != "a from 203.0.113.9" {
		t.Errorf("forwarded for, in two lines: got %q, want from 203.0.113.9", got)
	}
	direct := start(t, nil)
	if got := body(direct.one(t, "GET", "/echo/a", "X-Forwarded-For: 203.0.113.9\r\n", "")); got != "a from 127.0.0.1" {
		t.Errorf("forwarded by a stranger: got %q, want from 127.0.0.1", got)
	}
}

// Requests in progress are answered, idle connections closed, new ones refused.
func TestShutdown(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	h := start(t, func(o *Options) {
		o.Dialects = []*wire.Dialect{{Name: "slow", Render: plain("slow"), Routes: []wire.Route{
			{Method: "GET", Pattern: "/slow", Public: true, Handle: func(c *wire.Ctx) error {
				close(entered)
				<-release
				return c.Raw(200, []byte("done"))
			}},
		}}}
	})
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered

	stopped := make(chan error, 1)
	go func() { stopped <- h.Shutdown(t.Context()) }()
	for begun := false; !begun; runtime.Gosched() {
		late, err := net.Dial("tcp", h.addr)
		if begun = err != nil; !begun {
			late.Close()
		}
	}
	select {
	case err := <-stopped:
		t.Errorf("Shutdown while a request is in progress: got %v, want it to wait", err)
	default:
	}
	close(release)
	answers := readAll(t, conn, "GET")
	if len(answers) != 1 || body(answers[0]) != "done" || !answers[0].Close {
		t.Errorf("request in progress: got %v, want one answer that closes", answers)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "API keys") || !strings.Contains(err.Error(), "cursor key") {
		t.Errorf("New without anything: got %v, want both faults", err)
	}
	if _, err := New(Options{Tenants: testKeys(), CursorKey: make([]byte, 16), MaxBodySize: 1}); err == nil {
		t.Error("New with MaxBodySize below AnonymousBodySize: got no error")
	}
}

func BenchmarkServe(b *testing.B) {
	h := start(b, func(o *Options) { o.Logger = slog.New(slog.DiscardHandler) })
	var rc fasthttp.RequestCtx
	b.ReportAllocs()
	for b.Loop() {
		rc.Request.Reset()
		rc.Response.Reset()
		rc.Request.Header.SetMethod("POST")
		rc.Request.SetRequestURI("/echo")
		rc.Request.Header.Set("Authorization", "Bearer writer")
		h.public.serve(&rc)
		if rc.Response.StatusCode() != 200 {
			b.Fatalf("got %d", rc.Response.StatusCode())
		}
	}
}
