package egress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSendBlocked: what got into the store under an older policy, or never went through CheckURL, is refused at the
// connect.
func TestSendBlocked(t *testing.T) {
	urls := []string{"http://8.8.8.8/", "https://8.8.8.8:22/", "https://localhost/", "https://secret.example/", "https://mixed.example/"}
	for _, s := range closedAddresses {
		ip := netip.MustParseAddr(s)
		if ip.Is6() {
			s = "[" + s + "]"
		}
		if ip.Zone() == "" {
			urls = append(urls, "https://"+s+"/")
		}
	}
	r := fakeResolver{"secret.example": {{"127.0.0.1"}}, "mixed.example": {{"8.8.8.8", "127.0.0.1"}}, "localhost": {{"127.0.0.1"}}}
	c := newClient(t, Options{Resolver: r})
	for _, url := range urls {
		if res := send(c, url, "x", 5*time.Second); res.Class != Blocked || res.Err != failBlocked {
			t.Errorf("%s: got %v %v, want %v", url, res.Class, res.Err, Blocked)
		}
	}
	// Spellings that only some resolvers understand never become the address that they mean.
	for _, host := range []string{"127.1", "2130706433", "0x7f.1", "0177.0.0.1"} {
		if res := send(c, "https://"+host+"/", "x", 5*time.Second); res.Class != DNS {
			t.Errorf("%s: got %v %v, want %v", host, res.Class, res.Err, DNS)
		}
	}
	if open, _ := c.Conns(); open != 0 {
		t.Errorf("got %d open connections, want 0", open)
	}
}

// TestSendBlocksHTTP: whatever else is open, http is its own decision.
func TestSendBlocksHTTP(t *testing.T) {
	c := newClient(t, Options{Policy: Policy{AllowPrivate: true, AnyPort: true}})
	if res := send(c, receive(t, respond(okResponse)), "x", 5*time.Second); res.Class != Blocked {
		t.Errorf("got %v (%v), want %v", res.Class, res.Err, Blocked)
	}
}

// TestControl: the last line of defence holds even if everything before it lets an address through.
func TestControl(t *testing.T) {
	var p Policy
	d := newDialer(&p, nil, nil, nil)
	_, f := d.connectAny(t.Context(), []netip.Addr{netip.MustParseAddr("127.0.0.1")}, 443)
	if f != failBlocked {
		t.Errorf("got %v, want %v", f, failBlocked)
	}
}

// TestRebinding: a name that was public when it was registered, and at the first connect, is refused once it is not.
func TestRebinding(t *testing.T) {
	url := receive(t, respond("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
	port := netip.MustParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")).Port()
	// 127.0.0.1 plays the public address, 127.0.0.2 the private one.
	policy := Policy{AllowHTTP: true, AnyPort: true, AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	r := fakeResolver{"rebind.example": {{"127.0.0.1"}, {"127.0.0.1"}, {"127.0.0.2"}}}
	url = fmt.Sprintf("http://rebind.example:%d/", port)
	if _, err := policy.Check(t.Context(), r, url); err != nil {
		t.Fatalf("at registration: got %v, want nil", err)
	}
	c := newClient(t, Options{Policy: policy, Resolver: r})
	if res := send(c, url, "x", 5*time.Second); res.Class != Success {
		t.Fatalf("first delivery: got %v (%v), want %v", res.Class, res.Err, Success)
	}
	// Within the memory of the lookup, the name goes on meaning the address that was vetted.
	if res := send(c, url, "x", 5*time.Second); res.Class != Success {
		t.Fatalf("second delivery: got %v (%v), want %v", res.Class, res.Err, Success)
	}
	c.names.mu.Lock()
	clear(c.names.mu.hosts)
	c.names.mu.Unlock()
	if res := send(c, url, "x", 5*time.Second); res.Class != Blocked {
		t.Errorf("after rebinding: got %v (%v), want %v", res.Class, res.Err, Blocked)
	}
}

// TestConnectTriesAddresses: an address that refuses does not keep the next one from being tried.
func TestConnectTriesAddresses(t *testing.T) {
	url := receive(t, respond(okResponse))
	port := netip.MustParseAddrPort(strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")).Port()
	r := fakeResolver{
		"second.example": {{"::1", "127.0.0.2", "127.0.0.1"}},
		"none.example":   {{"127.0.0.2", "127.0.0.3"}},
		"empty.example":  {{}},
	}
	c := newClient(t, Options{Policy: openPolicy, Resolver: r})
	for host, want := range map[string]Class{"second.example": Success, "none.example": Connect, "empty.example": DNS, "absent.example": DNS} {
		if res := send(c, fmt.Sprintf("http://%s:%d/", host, port), "x", 10*time.Second); res.Class != want {
			t.Errorf("%s: got %v (%v), want %v", host, res.Class, res.Err, want)
		}
	}
}

// slowResolver answers once it is released, and counts.
type slowResolver struct {
	asked   atomic.Int32
	release chan struct{}
	err     error
}

func (s *slowResolver) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	s.asked.Add(1)
	select {
	case <-s.release:
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestSendResolverThatHangs(t *testing.T) {
	c := newClient(t, Options{Policy: openPolicy, Resolver: &slowResolver{release: make(chan struct{})}})
	start := time.Now()
	if res := send(c, "http://slow.example/", "x", 200*time.Millisecond); res.Class != Timeout {
		t.Errorf("got %v (%v), want %v", res.Class, res.Err, Timeout)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestLookupsShareQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &slowResolver{release: make(chan struct{})}
		l := newLookups(ctx, r)
		ask := func() error { _, err := l.LookupNetIP(ctx, "ip", "a.example"); return err }
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := ask(); err != nil {
					t.Errorf("got %v, want nil", err)
				}
			})
		}
		synctest.Wait()
		close(r.release)
		wg.Wait()
		if got := r.asked.Load(); got != 1 {
			t.Errorf("ten at once: asked %d times, want 1", got)
		}
		time.Sleep(rememberAnswer - time.Second)
		ask()
		if got := r.asked.Load(); got != 1 {
			t.Errorf("while remembered: asked %d times, want 1", got)
		}
		time.Sleep(2 * time.Second)
		r.err = errors.New("server failure")
		for range 3 {
			if err := ask(); err == nil {
				t.Error("got nil, want the resolver's error")
			}
		}
		if got := r.asked.Load(); got != 2 {
			t.Errorf("failed: asked %d times, want 2", got)
		}
		time.Sleep(rememberError + time.Millisecond)
		ask()
		if got := r.asked.Load(); got != 3 {
			t.Errorf("after a failure: asked %d times, want 3", got)
		}
		cancel()
		l.wait()
	})
}

func TestLookupsAreBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &slowResolver{release: make(chan struct{})}
	close(r.release)
	l := newLookups(ctx, r)
	for i := range maxRemembered + 100 {
		l.LookupNetIP(ctx, "ip", fmt.Sprint(i))
	}
	cancel()
	l.wait()
	if got := len(l.mu.hosts); got > maxRemembered {
		t.Errorf("got %d remembered hosts, want at most %d", got, maxRemembered)
	}
}

// proxyTo is an HTTP proxy that answers every CONNECT with status, and for 200 connects to target.
func proxyTo(t *testing.T, status, target string, lines chan<- string) string {
	url := receive(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		var head []string
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line = strings.TrimSpace(line); line == "" {
				break
			}
			head = append(head, line)
		}
		lines <- strings.Join(head, "|")
		fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", status)
		if !strings.HasPrefix(status, "200") {
			return
		}
		to, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer to.Close()
		go func() { r.WriteTo(to); to.Close() }()
		forward(to, c)
	})
	return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
}

// forward copies from one connection to the other until one ends.
func forward(from, to net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

func TestProxy(t *testing.T) {
	plain := receive(t, respond(okResponse))
	target := strings.TrimSuffix(strings.TrimPrefix(plain, "http://"), "/")
	tests := []struct {
		status string
		class  Class
	}{
		{"200 Connection established", Success},
		{"403 Forbidden", Blocked},
		{"407 Denied", Blocked},
		{"502 Bad Gateway", Connect},
	}
	for _, tt := range tests {
		lines := make(chan string, 10)
		address := proxyTo(t, tt.status, target, lines)
		c := newClient(t, Options{Policy: Policy{AllowHTTP: true}, Proxy: "http://user:pass@" + address, Resolver: fakeResolver{}})
		res := send(c, "http://endpoint.example/", "x", 5*time.Second)
		if res.Class != tt.class {
			t.Errorf("%s: got %v (%v), want %v", tt.status, res.Class, res.Err, tt.class)
		}
		want := "CONNECT endpoint.example:80 HTTP/1.1|Host: endpoint.example:80|Proxy-Authorization: Basic dXNlcjpwYXNz"
		if got := <-lines; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, url := range []string{"http://127.0.0.1/", "http://[::1]/", "http://endpoint.example:22/"} {
			if res := send(c, url, "x", 5*time.Second); res.Class != Blocked {
				t.Errorf("%s through the proxy: got %v (%v), want %v", url, res.Class, res.Err, Blocked)
			}
		}
	}
}

// TestProxyTrouble: that our own proxy can't be used is no endpoint's failure.
func TestProxyTrouble(t *testing.T) {
	tests := map[string]struct {
		serve func(net.Conn)
		class Class
	}{
		"closes":         {func(net.Conn) {}, Local},
		"is none":        {respondRaw("220 smtp.example ESMTP\r\n"), Local},
		"wants to know":  {respondRaw("HTTP/1.1 407 Who\r\n\r\n"), Local},
		"speaks too far": {respondRaw("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Local},
		"hangs":          {wait, Timeout},
	}
	for name, tt := range tests {
		c := newClient(t, Options{Policy: Policy{AllowHTTP: true}, Proxy: strings.TrimSuffix(receive(t, tt.serve), "/")})
		if res := send(c, "http://endpoint.example/", "x", 300*time.Millisecond); res.Class != tt.class {
			t.Errorf("%s: got %v (%v), want %v", name, res.Class, res.Err, tt.class)
		}
	}
	for _, raw := range []string{"proxy:3128", "https://proxy:3128", "http://proxy", "http://proxy:3128/path", "socks5://proxy:1"} {
		if _, err := New(Options{Proxy: raw}); err == nil {
			t.Errorf("New with proxy %q: got nil, want an error", raw)
		}
	}
}
