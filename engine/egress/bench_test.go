package egress

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// sink is a receiver as fast as there is, for both clients.
func sink(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(200) }, IdleTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	b.Cleanup(func() { s.Shutdown(); <-done })
	return "http://" + l.Addr().String() + "/hooks/1?x=y"
}

var benchHeaders = []Header{
	{"Content-Type", []byte("application/json")},
	{"User-Agent", []byte("Hookwheel")},
	{"webhook-id", []byte("evt_01JD0000000000000000000000")},
	{"webhook-timestamp", []byte("1795247080")},
	{"webhook-signature", []byte("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")},
}

// BenchmarkSend is one delivery of 1 KB from 64 goroutines, client and receiver in one process; bare is the fasthttp
// client with the same request, without any of what makes a delivery safe.
func BenchmarkSend(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	b.Run("egress", func(b *testing.B) {
		c := newClient(b, Options{Policy: openPolicy})
		url := sink(b)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			req := Request{URL: url, Headers: benchHeaders, Body: body}
			var res Response
			for pb.Next() {
				req.Deadline = time.Now().Add(15 * time.Second)
				if c.Send(&req, &res); res.Class != Success {
					b.Errorf("got %v (%v)", res.Class, res.Err)
					return
				}
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		c := &fasthttp.Client{MaxConnsPerHost: 512}
		defer c.CloseIdleConnections()
		url := sink(b)
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			req.SetRequestURI(url)
			req.Header.SetMethod("POST")
			for _, h := range benchHeaders {
				req.Header.SetBytesV(h.Name, h.Value)
			}
			req.SetBodyRaw(body)
			for pb.Next() {
				if err := c.DoTimeout(req, res, 15*time.Second); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkSendTLS is one delivery after another over one TLS connection.
func BenchmarkSendTLS(b *testing.B) {
	ca := newAuthority(b)
	url := receiveTLS(b, &tls.Config{Certificates: []tls.Certificate{ca.issue(b, "", time.Now().Add(time.Hour))}}, respond(okResponse))
	c := newClient(b, Options{Policy: openPolicy, RootCAs: ca.pool})
	req := Request{URL: url, Headers: benchHeaders, Body: make([]byte, 1024)}
	var res Response
	b.ReportAllocs()
	for b.Loop() {
		req.Deadline = time.Now().Add(15 * time.Second)
		if c.Send(&req, &res); res.Class != Success {
			b.Fatalf("got %v (%v)", res.Class, res.Err)
		}
	}
}

// BenchmarkQuiet is what the look before each reuse costs.
func BenchmarkQuiet(b *testing.B) {
	c := newClient(b, Options{Policy: openPolicy})
	url := sink(b)
	if res := send(c, url, "x", 5*time.Second); res.Class != Success {
		b.Fatalf("got %v (%v)", res.Class, res.Err)
	}
	o, _, err := split(url)
	if err != nil {
		b.Fatal(err)
	}
	cn, err := c.pool.get(o.url)
	if err != nil || cn == nil {
		b.Fatalf("got %v, %v, want the idle connection", cn, err)
	}
	defer c.pool.drop(cn)
	b.ReportAllocs()
	for b.Loop() {
		if !cn.quiet() {
			b.Fatal("got not quiet, want quiet")
		}
	}
}

func BenchmarkCheckURL(b *testing.B) {
	var p Policy
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.CheckURL("https://hooks.example.com/v1/events?tenant=42"); err != nil {
			b.Fatal(err)
		}
	}
}
