package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// startDoors runs a server with both doors and returns them.
func startDoors(t *testing.T, change func(*Options)) (public, admin *harness) {
	t.Helper()
	public = start(t, func(o *Options) {
		o.Admin = true
		if change != nil {
			change(o)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- public.ServeAdmin(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := public.ShutdownAdmin(ctx); err != nil {
			t.Errorf("ShutdownAdmin: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("ServeAdmin: %v", err)
		}
	})
	return public, &harness{Server: public.Server, addr: ln.Addr().String(), logs: public.logs}
}

// With a door for operators, what is theirs is not to be found at the public
// one, whoever asks; all else is answered at both.
func TestDoors(t *testing.T) {
	public, admin := startDoors(t, nil)
	alone := start(t, nil)
	const root = "Authorization: Bearer root\r\n"
	for _, test := range []struct {
		method, target, headers         string
		atPublic, atAdmin, withoutAdmin int
	}{
		{"GET", "/metrics", "", 404, 200, 200},
		{"HEAD", "/metrics", "", 404, 200, 200},
		{"POST", "/metrics", "", 404, 405, 405}, // no sign that there is such a path
		{"PUT", "/echo/-/admin", root, 404, 200, 200},
		{"PUT", "/echo/-/admin", "", 404, 401, 401},
		{"PUT", "/echo/-/admin", "Authorization: Bearer writer\r\n", 404, 403, 403},
		{"GET", "/healthz", "", 200, 200, 200},
		{"GET", "/readyz", "", 200, 200, 200},
		{"GET", "/echo/a", "", 200, 200, 200},
		{"POST", "/echo", root, 200, 200, 200},
	} {
		for name, at := range map[string]struct {
			door *harness
			want int
		}{"public": {public, test.atPublic}, "admin": {admin, test.atAdmin}, "only": {alone, test.withoutAdmin}} {
			if got := at.door.one(t, test.method, test.target, test.headers, "").StatusCode; got != at.want {
				t.Errorf("%s %s with %q at the %s door: got %d, want %d", test.method, test.target, test.headers, name, got, at.want)
			}
		}
	}
	if err := alone.ServeAdmin(nil); err == nil {
		t.Error("a door that was not asked for: got nil, want an error")
	}
}

// When the public fills all connections that it may have, the others are
// refused, which is counted and told, and operators still get in. The warning
// depends on the words of a library: this fails when they change.
func TestConnectionsFull(t *testing.T) {
	public, admin := startDoors(t, func(o *Options) { o.MaxConnections = 1 })
	held, err := net.Dial("tcp", public.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	io.WriteString(held, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(held), nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := public.raw(t, "")[0].StatusCode; got != 503 {
			t.Errorf("second connection: got %d, want 503", got)
		}
	}
	text := body(admin.one(t, "GET", "/healthz", "", ""))
	if !strings.Contains(text, "ok") {
		t.Errorf("the operators' door: got %q, want an answer", text)
	}
	var metrics bytes.Buffer
	public.Metrics().Write(&metrics)
	for _, want := range []string{
		"\nhookwheel_http_connections{listener=\"public\"} 1\n",
		"\nhookwheel_http_connections_limit{listener=\"public\"} 1\n",
		"\nhookwheel_http_connections_limit{listener=\"admin\"} 64\n",
		"\nhookwheel_http_connections_refused_total{listener=\"public\"} 2\n",
		"\nhookwheel_http_connections_refused_total{listener=\"admin\"} 0\n",
	} {
		if !strings.Contains(metrics.String(), want) {
			t.Errorf("metrics: got no %q in\n%s", want, metrics.String())
		}
	}
	if got := strings.Count(public.logs.String(), `"level":"WARN","msg":"connections are refused`); got != 1 {
		t.Errorf("got %d warnings, want 1 for both\n%s", got, public.logs)
	}
}
