package egress

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimits: a connection too many is refused as local, and one that is idle elsewhere makes room.
func TestLimits(t *testing.T) {
	asked := make(chan struct{}, 10)
	release := make(chan struct{})
	url := receive(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, ok := readRequest(r); !ok {
				return
			}
			asked <- struct{}{}
			<-release
			io.WriteString(c, okResponse)
		}
	})
	other := receive(t, respond(okResponse))
	c := newClient(t, Options{Policy: openPolicy, MaxConns: 3, MaxConnsPerOrigin: 2})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if res := send(c, url, "x", 10*time.Second); res.Class != Success {
				t.Errorf("got %v (%v), want %v", res.Class, res.Err, Success)
			}
		})
		<-asked
	}
	if res := send(c, url, "x", 10*time.Second); res.Class != Local || res.Err != failConnections {
		t.Errorf("third to one origin: got %v (%v), want %v", res.Class, res.Err, Local)
	}
	if res := send(c, other, "x", 10*time.Second); res.Class != Success {
		t.Errorf("first to another: got %v (%v), want %v", res.Class, res.Err, Success)
	}
	third := receive(t, respond(okResponse))
	if res := send(c, third, "x", 10*time.Second); res.Class != Success {
		t.Errorf("in place of an idle one: got %v (%v), want %v", res.Class, res.Err, Success)
	}
	if open, idle := c.Conns(); open != 3 || idle != 1 {
		t.Errorf("got %d connections, %d idle, want 3, 1", open, idle)
	}
	close(release)
	wg.Wait()
	if open, idle := c.Conns(); open != 3 || idle != 3 {
		t.Errorf("got %d connections, %d idle, want 3, 3", open, idle)
	}
}

// TestPoolForgets: connections that are idle too long are closed, and their origins cost nothing any more (G8).
func TestPoolForgets(t *testing.T) {
	closed := make(chan struct{}, 1)
	url := receive(t, func(c net.Conn) { respond(okResponse)(c); closed <- struct{}{} })
	c := newClient(t, Options{Policy: openPolicy, IdleTimeout: 20 * time.Millisecond})
	for range 2 {
		if res := send(c, url, "x", 5*time.Second); res.Class != Success {
			t.Fatalf("got %v (%v), want %v", res.Class, res.Err, Success)
		}
		<-closed
		if open, idle := c.Conns(); open != 0 || idle != 0 {
			t.Errorf("got %d connections, %d idle, want none", open, idle)
		}
		if got := len(c.pool.mu.origins); got != 0 {
			t.Errorf("got %d origins, want 0", got)
		}
	}
}

// TestFailuresLeaveNothing: whatever way an attempt ends, it gives its place back.
func TestFailuresLeaveNothing(t *testing.T) {
	c := newClient(t, Options{Policy: openPolicy, Resolver: fakeResolver{}})
	plain := receive(t, func(net.Conn) {})
	for _, url := range []string{plain, strings.Replace(plain, "http", "https", 1), "http://absent.example/", "http://0.0.0.0/", "http://127.0.0.1:1/"} {
		if res := send(c, url, "x", 2*time.Second); res.Class == Success {
			t.Errorf("%s: got %v", url, res.Class)
		}
	}
	if open, _ := c.Conns(); open != 0 || len(c.pool.mu.origins) != 0 || len(c.pool.mu.live) != 0 {
		t.Errorf("got %d connections, %d origins, %d known, want none", open, len(c.pool.mu.origins), len(c.pool.mu.live))
	}
}

// TestStaleConnectionsAreReplaced: when every idle connection is found dead, all go and one request is made over a fresh one.
func TestStaleConnectionsAreReplaced(t *testing.T) {
	var mu sync.Mutex
	var conns []net.Conn
	both := make(chan struct{})
	var arrived sync.WaitGroup
	arrived.Add(2)
	go func() { arrived.Wait(); close(both) }()
	url := receive(t, func(c net.Conn) {
		mu.Lock()
		conns = append(conns, c)
		n := len(conns)
		mu.Unlock()
		r := bufio.NewReader(c)
		if _, ok := readRequest(r); !ok {
			return
		}
		if n <= 2 { // hold the first two until both are there, so that they use two connections
			arrived.Done()
			<-both
		}
		io.WriteString(c, okResponse)
		respond(okResponse)(c)
	})
	c := newClient(t, Options{Policy: openPolicy})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { send(c, url, "x", 5*time.Second) })
	}
	wg.Wait()
	if open, idle := c.Conns(); open != 2 || idle != 2 {
		t.Fatalf("got %d connections, %d idle, want 2, 2", open, idle)
	}
	mu.Lock()
	for _, c := range conns {
		c.Close()
	}
	mu.Unlock()
	if res := send(c, url, "x", 5*time.Second); res.Class != Success {
		t.Errorf("got %v (%v), want %v", res.Class, res.Err, Success)
	}
	if open, idle := c.Conns(); open != 1 || idle != 1 {
		t.Errorf("got %d connections, %d idle, want 1, 1", open, idle)
	}
}

// TestDeadAtTheWrite: a connection that looked alive, but over which not a byte could be sent, is replaced as well.
func TestDeadAtTheWrite(t *testing.T) {
	hold := make(chan struct{})
	url := receive(t, func(c net.Conn) {
		readRequest(bufio.NewReader(c))
		io.WriteString(c, okResponse)
		<-hold
	})
	t.Cleanup(func() { close(hold) })
	c := newClient(t, Options{Policy: openPolicy})
	if res := send(c, url, "x", 5*time.Second); res.Class != Success {
		t.Fatalf("got %v (%v), want %v", res.Class, res.Err, Success)
	}
	if err := c.pool.mu.idle.first.wire.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if res := send(c, url, "x", 5*time.Second); res.Class != Success {
		t.Errorf("got %v (%v), want %v", res.Class, res.Err, Success)
	}
}

// TestPoolInTime plays connections that become idle one after another.
func TestPoolInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	synctest.Test(t, func(t *testing.T) {
		const idleFor = 4 * time.Second
		p := newPool(10, 10, idleFor)
		defer p.close()
		open := func() *conn {
			t.Helper()
			if c, err := p.get("http://a"); c != nil || err != nil {
				t.Fatalf("got %v, %v, want a place", c, err)
			}
			socket, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c, err := newConn(origin{url: "http://a", scheme: "http"}, socket.(*net.TCPConn))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.add(c); err != nil {
				t.Fatal(err)
			}
			return c
		}
		want := func(when string, wantOpen, wantIdle int) {
			t.Helper()
			synctest.Wait()
			if open, idle := p.counts(); open != wantOpen || idle != wantIdle {
				t.Errorf("%s: got %d connections, %d idle, want %d, %d", when, open, idle, wantOpen, wantIdle)
			}
		}
		first, second := open(), open()
		p.put(first)
		time.Sleep(idleFor / 2)
		p.put(second)
		want("both idle", 2, 2)
		time.Sleep(idleFor / 2)
		want("the first was idle too long", 1, 1)
		if c, err := p.get("http://a"); c != second || err != nil {
			t.Errorf("got %v, %v, want the second connection", c, err)
		}
		time.Sleep(idleFor)
		want("in use", 1, 0)
		p.put(second)
		time.Sleep(idleFor)
		want("the second was idle too long", 0, 0)

		first, second = open(), open()
		p.put(first)
		time.Sleep(idleFor / 2)
		p.put(second)
		time.Sleep(idleFor)
		want("both were idle too long, one after the other", 0, 0)

		old := open()
		time.Sleep(maxAge + time.Second)
		p.put(old)
		want("too old to be kept", 0, 0)
	})
}
