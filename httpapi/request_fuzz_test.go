package httpapi

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// seen is a request as it came through the door.
type seen struct{ method, target, host, body string }

// FuzzRequest: of the bytes of a connection the server reads no request other
// than package net/http does, byte for byte and up to the same end, and answers
// each in valid HTTP without an internal error. Two servers that read one
// connection in two ways are how a request is smuggled past the first.
func FuzzRequest(f *testing.F) {
	const get = "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n"
	f.Add([]byte(get + get))
	f.Add([]byte(head + "Content-Length: 2\r\n\r\nab" + head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" + get))
	f.Add([]byte(head + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get))
	f.Add([]byte(head + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n0\r\nX-T: a\r\n\r\n" + get))
	f.Add([]byte("POST /echo HTTP/1.0\r\nHost: x\r\nContent-Length: 1\r\n\r\na" + get))
	f.Add([]byte("HEAD /echo/a?b=%zz#c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc" + get))
	f.Add([]byte("GET /echo/-/panic HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n" + get))
	f.Add([]byte("GET / HTTP/1.1\nHost: A\n\n" + get)) // nobody's, and then somebody's
	var mu sync.Mutex
	var served []seen
	finish := func(c *wire.Ctx) {
		switch c.Response.StatusCode() {
		case 400, 408, 413, 431: // it was not clear, or not complete
			return
		}
		mu.Lock()
		defer mu.Unlock()
		served = append(served, seen{string(c.Method()), string(c.RequestURI()), string(c.Host()), string(c.PostBody())})
	}
	h := start(f, func(o *Options) {
		o.Logger = slog.New(slog.DiscardHandler)
		for _, d := range o.Dialects {
			d.Finish = finish
		}
	})
	f.Fuzz(func(t *testing.T, connection []byte) {
		mu.Lock()
		served = nil
		mu.Unlock()
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			_, _ = conn.Write(connection) // the server may hang up before it has all
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		checkAnswers(t, connection, conn)
		mu.Lock()
		defer mu.Unlock()
		in := bufio.NewReader(bytes.NewReader(connection))
		for i, got := range served {
			for next, err := in.Peek(1); err == nil && (next[0] == '\r' || next[0] == '\n'); next, err = in.Peek(1) {
				_, _ = in.Discard(1) // RFC 9112, 2.2; net/http knows no empty lines before a request
			}
			r, err := http.ReadRequest(in)
			for err == nil && !strings.HasPrefix(r.RequestURI, "/echo") && r.RequestURI != got.target { // it is nobody's
				_, _ = io.Copy(io.Discard, r.Body)
				r, err = http.ReadRequest(in)
			}
			if err != nil {
				t.Fatalf("%q: request %d is served as %+v; net/http says %v", connection, i, got, err)
			}
			content, err := io.ReadAll(r.Body)
			want := seen{r.Method, r.RequestURI, strings.ToLower(r.Host), string(content)} // as fasthttp has it
			if err != nil || got != want {
				t.Fatalf("%q: request %d is served as %+v; net/http reads %+v, %v", connection, i, got, want, err)
			}
			if r.Close && i < len(served)-1 {
				t.Fatalf("%q: served on after the end of the connection", connection)
			}
		}
	})
}

// checkAnswers reads what the server answers until it hangs up.
func checkAnswers(t *testing.T, connection []byte, conn net.Conn) {
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	method, _, _ := strings.Cut(string(connection), " ")
	for {
		if _, err := in.Peek(1); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Errorf("%q: the server did not hang up", connection)
			}
			return
		}
		answer, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: the answer is no HTTP: %v", connection, err)
		}
		if answer.StatusCode == http.StatusContinue {
			continue
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.Header.Get("X-Request-Id") == "" {
			t.Fatalf("%q: got answer %d with headers %v, %v", connection, answer.StatusCode, answer.Header, err)
		}
		if answer.Close {
			return
		}
	}
}

// FuzzOrigin: behind a trusted proxy a caller is the nearest hop that is not a
// proxy, and what is said about hops beyond that, or by others, counts nothing.
func FuzzOrigin(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.2", "10.0.0.3", "https", true)
	f.Add("192.0.2.1", "203.0.113.9", "https", true) // as proxies do it that add a line
	f.Add("203.0.113.9,, 10.0.0.2", "", "HTTPS", true)
	f.Add("::ffff:203.0.113.9,10.0.0.2 ,fe80::1%eth0", "10.0.0.2", "http", true)
	f.Add("10.0.0.2", "", "https", false)
	proxies := netip.MustParsePrefix("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, hops, more, proto string, proxied bool) {
		s := &Server{options: Options{TrustedProxies: []netip.Prefix{proxies}}}
		peer := netip.MustParseAddr("198.51.100.7")
		if proxied {
			peer = netip.MustParseAddr("10.0.0.1")
		}
		var rc fasthttp.RequestCtx
		rc.Init(&fasthttp.Request{}, net.TCPAddrFromAddrPort(netip.AddrPortFrom(peer, 1)), nil)
		rc.Request.Header.Add("X-Forwarded-For", hops)
		rc.Request.Header.Add("X-Forwarded-For", more)
		rc.Request.Header.Set("X-Forwarded-Proto", proto)
		want, chain := peer, strings.Split(hops+","+more, ",")
		for proxied && proxies.Contains(want) && len(chain) > 0 {
			hop, err := netip.ParseAddr(strings.TrimSpace(chain[len(chain)-1]))
			if err != nil {
				break
			}
			want, chain = hop.Unmap(), chain[:len(chain)-1]
		}
		source, scheme := s.origin(&rc)
		if source != want || (scheme == "https") != (proxied && strings.EqualFold(proto, "https")) {
			t.Errorf("%q, %q by %q, proxied %t: got %v by %s, want %v", hops, more, proto, proxied, source, scheme, want)
		}
	})
}
