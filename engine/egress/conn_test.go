package egress

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

const evil = "HTTP/1.1 500 Evil\r\nContent-Length: 4\r\n\r\nevil"

// keepAlive is a receiver whose first connection misbehaves after its first answer; all others are honest. It counts
// the requests that were asked.
type keepAlive struct {
	conns, requests atomic.Int32
	after           func(net.Conn) // on the first connection, with or after the first answer
	misbehaved      chan struct{}
}

func (k *keepAlive) serve(c net.Conn) {
	first := k.conns.Add(1) == 1
	r := bufio.NewReader(c)
	for {
		if _, ok := readRequest(r); !ok {
			return
		}
		k.requests.Add(1)
		if first {
			k.after(c)
			close(k.misbehaved)
			wait(c)
			return
		}
		io.WriteString(c, okResponse)
	}
}

// TestLateAnswer: an answer too many never decides about the next delivery, however and whenever it arrives, and the
// delivery that finds the spoiled connection is sent once, over another one.
func TestLateAnswer(t *testing.T) {
	tests := []struct {
		name  string
		after func(net.Conn)
	}{
		{"in one write with the right one", func(c net.Conn) { io.WriteString(c, okResponse+evil) }},
		{"in a second write", func(c net.Conn) { io.WriteString(c, okResponse); io.WriteString(c, evil) }},
		{"half of it", func(c net.Conn) { io.WriteString(c, okResponse); io.WriteString(c, evil[:20]) }},
		{"a byte", func(c net.Conn) { io.WriteString(c, okResponse); io.WriteString(c, "H") }},
		{"after a chunked one", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"+evil)
		}},
		{"after one without a body", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 204 OK\r\n\r\n"+evil) }},
		{"behind a body that is too long to be read", func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", maxBody+1, make([]byte, maxBody+1), evil)
		}},
		{"closed instead", func(c net.Conn) { io.WriteString(c, okResponse); c.Close() }},
		{"announced close", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"+evil)
		}},
	}
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "", time.Now().Add(time.Hour))}}
	for _, tt := range tests {
		for _, scheme := range []string{"http", "https"} {
			t.Run(tt.name+" over "+scheme, func(t *testing.T) {
				k := &keepAlive{after: tt.after, misbehaved: make(chan struct{})}
				var url string
				if scheme == "http" {
					url = receive(t, k.serve)
				} else {
					url = receiveTLS(t, config, k.serve)
				}
				c := newClient(t, Options{Policy: openPolicy, RootCAs: ca.pool})
				for i := range 3 {
					if res := send(c, url, "x", 10*time.Second); res.Class != Success {
						t.Fatalf("delivery %d: got %v %d (%v), want %v", i, res.Class, res.Status, res.Err, Success)
					}
					<-k.misbehaved
				}
				if got := k.requests.Load(); got != 3 {
					t.Errorf("got %d requests, want 3", got)
				}
				if got := k.conns.Load(); got != 2 {
					t.Errorf("got %d connections, want 2: the spoiled one and another", got)
				}
			})
		}
	}
}

// TestKeepAlive: honest receivers get all requests over one connection.
func TestKeepAlive(t *testing.T) {
	responses := map[string]string{
		"length":  okResponse,
		"none":    "HTTP/1.1 204 No Content\r\n\r\n",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n",
		"failure": "HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nno\n",
	}
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "", time.Now().Add(time.Hour))}}
	for name, response := range responses {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				var conns atomic.Int32
				serve := func(c net.Conn) { conns.Add(1); respond(response)(c) }
				var url string
				if scheme == "http" {
					url = receive(t, serve)
				} else {
					url = receiveTLS(t, config, serve)
				}
				c := newClient(t, Options{Policy: openPolicy, RootCAs: ca.pool})
				for range 10 {
					if res := send(c, url, "x", 10*time.Second); res.Status == 0 {
						t.Fatalf("got %v (%v), want a status", res.Class, res.Err)
					}
				}
				if got := conns.Load(); got != 1 {
					t.Errorf("got %d connections, want 1", got)
				}
			})
		}
	}
}

// TestAnnouncedClose: a connection that the receiver is about to close is not used again, in whatever words it says so.
func TestAnnouncedClose(t *testing.T) {
	for _, header := range []string{"Connection: close", "Connection: Close", "connection: keep-alive, close", "Connection: x ,CLOSE"} {
		var conns atomic.Int32
		url := receive(t, func(c net.Conn) {
			conns.Add(1)
			readRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+header+"\r\nContent-Length: 0\r\n\r\n")
			wait(c)
		})
		c := newClient(t, Options{Policy: openPolicy})
		for range 2 {
			if res := send(c, url, "x", 3*time.Second); res.Class != Success {
				t.Errorf("%s: got %v (%v), want %v", header, res.Class, res.Err, Success)
			}
		}
		if got := conns.Load(); got != 2 {
			t.Errorf("%s: got %d connections, want 2", header, got)
		}
	}
}

// cutter collects what TLS writes while it is told to.
type cutter struct {
	net.Conn
	collecting bool
	collected  []byte
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.collecting {
		c.collected = append(c.collected, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestHalfRecord: a TLS record of which only the beginning has arrived, in one segment with the answer, is noticed,
// although crypto/tls keeps it to itself.
func TestHalfRecord(t *testing.T) {
	for _, extra := range []int{1, 5, 10} {
		ca := newAuthority(t)
		config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "", time.Now().Add(time.Hour))}}
		var conns atomic.Int32
		url := "https" + receive(t, func(raw net.Conn) {
			cut := &cutter{Conn: raw}
			c := tls.Server(cut, config)
			if conns.Add(1) > 1 {
				respond(okResponse)(c)
				return
			}
			readRequest(bufio.NewReader(c))
			cut.collecting = true
			io.WriteString(c, okResponse)
			n := len(cut.collected)
			io.WriteString(c, evil)
			raw.Write(cut.collected[:n+extra])
			wait(raw)
		})[len("http"):]
		c := newClient(t, Options{Policy: openPolicy, RootCAs: ca.pool})
		for i := range 2 {
			if res := send(c, url, "x", 3*time.Second); res.Class != Success {
				t.Errorf("%d bytes, delivery %d: got %v (%v), want %v", extra, i, res.Class, res.Err, Success)
			}
		}
		if got := conns.Load(); got != 2 {
			t.Errorf("%d bytes: got %d connections, want 2", extra, got)
		}
	}
}
