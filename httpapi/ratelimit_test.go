package httpapi

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// limited is a server with a limit and no socket, for virtual time.
func limited(t testing.TB, l RateLimit) *Server {
	t.Helper()
	s, err := New(Options{
		Dialects: testDialects(), Tenants: testKeys(), CursorKey: make([]byte, 32), TokenKey: make([]byte, 32),
		Logger: slog.New(slog.DiscardHandler), RateLimit: l,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask makes a request and returns the status and the headers of the limit.
func ask(s *Server, target, key, from string) string {
	var rc fasthttp.RequestCtx
	rc.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(from)})
	rc.Request.Header.SetMethod("POST")
	if target == "/healthz" {
		rc.Request.Header.SetMethod("GET")
	}
	rc.Request.SetRequestURI(target)
	if key != "" {
		rc.Request.Header.Set("Authorization", "Bearer "+key)
	}
	s.public.serve(&rc)
	h := &rc.Response.Header
	return fmt.Sprintf("%d %s %s %s", rc.Response.StatusCode(), h.Peek("RateLimit-Policy"), h.Peek("RateLimit"), h.Peek("Retry-After"))
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limited(t, RateLimit{PerSecond: 2, Burst: 5})
		const policy, address = `"key";q=5;w=3`, `"address";q=5;w=3`
		for i, step := range []struct {
			after             time.Duration
			target, key, from string
			want              string
		}{
			{0, "/echo", "writer", "192.0.2.1", "200 " + policy + ` "key";r=4;t=1 `},
			{0, "/echo", "writer", "192.0.2.2", "200 " + policy + ` "key";r=3;t=1 `},
			{0, "/echo", "writer", "192.0.2.3", "200 " + policy + ` "key";r=2;t=2 `},
			{0, "/echo", "writer", "192.0.2.4", "200 " + policy + ` "key";r=1;t=2 `},
			{0, "/echo", "writer", "192.0.2.5", "200 " + policy + ` "key";r=0;t=3 `},
			{0, "/echo", "writer", "192.0.2.1", "429 " + policy + ` "key";r=0;t=3 1`},
			{0, "/echo", "root", "192.0.2.1", "200 " + policy + ` "key";r=4;t=1 `},
			{499 * time.Millisecond, "/echo", "writer", "192.0.2.1", "429 " + policy + ` "key";r=0;t=3 1`},
			{time.Millisecond, "/echo", "writer", "192.0.2.1", "200 " + policy + ` "key";r=0;t=3 `},
			{time.Hour, "/echo", "writer", "192.0.2.1", "200 " + policy + ` "key";r=4;t=1 `},
			// A key that may not is still that key.
			{0, "/echo", "reader", "192.0.2.1", "403 " + policy + ` "key";r=4;t=1 `},
			// Who has none is an address, or a network of IPv6.
			{0, "/echo", "", "192.0.2.1", "401 " + address + ` "address";r=4;t=1 `},
			{0, "/echo", "nobody", "192.0.2.1", "401 " + address + ` "address";r=3;t=1 `},
			{0, "/echo", "nobody", "192.0.2.2", "401 " + address + ` "address";r=4;t=1 `},
			{0, "/echo", "", "2001:db8:0:1::1", "401 " + address + ` "address";r=4;t=1 `},
			{0, "/echo", "", "2001:db8:0:1:ffff::", "401 " + address + ` "address";r=3;t=1 `},
			{0, "/echo", "", "2001:db8:0:2::1", "401 " + address + ` "address";r=4;t=1 `},
			// Probes are not counted, and neither is what leads nowhere.
			{0, "/healthz", "", "192.0.2.1", "200   "},
			{0, "/nowhere", "writer", "192.0.2.1", "404   "},
		} {
			time.Sleep(step.after)
			if got := ask(s, step.target, step.key, step.from); got != step.want {
				t.Errorf("step %d: got %s, want %s", i, got, step.want)
			}
		}
		if got := s.stats.limited[byKey].Get(); got != 2 {
			t.Errorf("refusals counted: got %d, want 2", got)
		}
	})
}

func TestNoRateLimit(t *testing.T) {
	s := limited(t, RateLimit{})
	for range 1000 {
		if got, want := ask(s, "/echo", "writer", "192.0.2.1"), "200   "; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// The table is bounded, and what is in use stays in it.
func TestBuckets(t *testing.T) {
	var table buckets[int]
	fresh := func() *rate.Limiter { return rate.NewLimiter(1, 1) }
	used := table.get(-1, fresh)
	for i := range 5 * maxBuckets {
		table.get(i, fresh)
		if i%1000 == 0 && table.get(-1, fresh) != used {
			t.Fatalf("after %d others: a bucket in use was dropped", i)
		}
	}
	if got := len(table.mu.newer) + len(table.mu.older); got > 2*maxBuckets {
		t.Errorf("size: got %d, want at most %d", got, 2*maxBuckets)
	}
	idle := table.get(-2, fresh)
	for i := range 3 * maxBuckets {
		table.get(i, fresh)
	}
	if table.get(-2, fresh) == idle {
		t.Error("an idle bucket was kept, want it dropped")
	}
}

func BenchmarkRateLimit(b *testing.B) {
	l := newLimits(RateLimit{PerSecond: 1_000_000})
	c := &wire.Ctx{RequestCtx: &fasthttp.RequestCtx{}}
	c.Principal.KeyID = "key_writer"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.take(c, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
