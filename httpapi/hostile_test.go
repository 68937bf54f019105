package httpapi

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const head = "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\n"

// Each of these is one request at most. What follows it on the connection must
// never be answered: a proxy in front may have counted it as somebody's body.
func TestMalformedRequests(t *testing.T) {
	const smuggled = "GET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	h := start(t, nil)
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"length and encoding":          {head + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding and length":          {head + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"odd case":                     {head + "tRANSFER-eNCODING: chunked\r\ncontent-LENGTH: 5\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"identity and length":          {head + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"length, encoding, keep-alive": {head + "Connection: keep-alive\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"folded header":                {head + "X-A: b\r\n c: d\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"folded encoding":              {head + "X-A: b\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"two lengths":                  {head + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"signed length":                {head + "Content-Length: +5\r\n\r\n12345" + smuggled, 400},
		"negative length":              {head + "Content-Length: -1\r\n\r\n" + smuggled, 400},
		"hexadecimal length":           {head + "Content-Length: 0x5\r\n\r\n12345" + smuggled, 400},
		"length list":                  {head + "Content-Length: 5, 5\r\n\r\n12345" + smuggled, 400},
		"length beyond 64 bits":        {head + "Content-Length: 99999999999999999999\r\n\r\n" + smuggled, 400},
		"space before colon":           {head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"unknown encoding":             {head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"two encodings":                {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding in HTTP/1.0":         {"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"chunk size not a number":      {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + smuggled, 400},
		"chunk without its end":        {head + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + smuggled, 400},
		"bare carriage return":         {head + "X-A: b\rX-C: d\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"NUL in a header":              {head + "X-A: b\x00\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"no host":                      {"GET /echo/a HTTP/1.1\r\n\r\n" + smuggled, 400},
		"two hosts":                    {"GET /echo/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + smuggled, 400},
		"no HTTP":                      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n" + smuggled, 400},
		"two encodings that differ":    {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding with a parameter":    {head + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding, quoted":             {head + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding behind a control":    {head + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding, nearly":             {head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"encoding, empty":              {head + "Transfer-Encoding: \r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"chunked is not the last":      {head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"length, empty":                {head + "Content-Length: \r\n\r\n" + smuggled, 400},
		"tab before colon":             {head + "Content-Length\t: 5\r\n\r\n12345" + smuggled, 400},
		"space in a name":              {head + "Content-Length x: 5\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"header without a name":        {head + ": b\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"header without a colon":       {head + "Xab\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"folded first header":          {"POST /echo HTTP/1.1\r\n Host: y\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"bare line feeds":              {strings.ReplaceAll(head, "\r\n", "\n") + "Content-Length: 0\n\n" + smuggled, 400},
		"one bare line feed":           {head + "X-A: b\nX-C: d\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"line feed hides an encoding":  {head + "X-A: b\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, 400},
		"two carriage returns":         {head + "X-A: b\r\r\nContent-Length: 0\r\n\r\n" + smuggled, 400},
		"line feed in an extension":    {head + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n49\r\n0\r\n\r\n" + smuggled, 400},
		"chunks with bare line feeds":  {head + "Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n" + smuggled, 400},
		"chunk size beyond 64 bits":    {head + "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nab\r\n0\r\n\r\n" + smuggled, 400},
		"negative chunk size":          {head + "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n" + smuggled, 400},
		"signed chunk size":            {head + "Transfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n" + smuggled, 400},
		"chunk size with a prefix":     {head + "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n" + smuggled, 400},
		"space before a chunk size":    {head + "Transfer-Encoding: chunked\r\n\r\n 2\r\nab\r\n0\r\n\r\n" + smuggled, 400},
		"no chunk size":                {head + "Transfer-Encoding: chunked\r\n\r\n\r\nab\r\n0\r\n\r\n" + smuggled, 400},
		"length in a trailer":          {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nContent-Length: 40\r\n\r\n" + smuggled, 400},
		"key in a trailer":             {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nAuthorization: Bearer root\r\n\r\n" + smuggled, 400},
		"absolute target":              {"GET http://y/echo/a HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"target of a tunnel":           {"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"asterisk":                     {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"no slash":                     {"GET echo/a HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"fragment":                     {"GET /echo/a#/../b HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"space in the target":          {"GET /echo/a b HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"NUL in the target":            {"GET /echo/a\x00 HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"tabs in the request line":     {"GET\t/echo/a\tHTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"control in the method":        {"G\x01T /echo/a HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 400},
		"host with a user":             {"GET /echo/a HTTP/1.1\r\nHost: x@y\r\n\r\n" + smuggled, 400},
		"host with a path":             {"GET /echo/a HTTP/1.1\r\nHost: x/y\r\n\r\n" + smuggled, 400},
		"host with a quote":            {"GET /echo/a HTTP/1.1\r\nHost: x\"<y\r\n\r\n" + smuggled, 400},
		"hosts in one header":          {"GET /echo/a HTTP/1.1\r\nHost: x,y\r\n\r\n" + smuggled, 400},
		"empty host":                   {"GET /echo/a HTTP/1.1\r\nHost: \r\n\r\n" + smuggled, 400},
		"HTTP/0.9":                     {"GET /echo/a HTTP/0.9\r\nHost: x\r\n\r\n" + smuggled, 400},
		"HTTP/1.2":                     {"GET /echo/a HTTP/1.2\r\nHost: x\r\n\r\n" + smuggled, 400},
		"HTTP/2 by prior knowledge":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled, 400},
		"no version":                   {"GET /echo/a\r\nHost: x\r\n\r\n" + smuggled, 400},
		"headers too large":            {"GET /echo/a HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n" + smuggled, 431},
		"request line too large":       {"GET /echo/" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled, 431},
	} {
		answers := h.raw(t, test.request)
		if len(answers) != 1 {
			t.Errorf("%s: got %d answers, want 1", name, len(answers))
			continue
		}
		if got := answers[0].StatusCode; got != test.status {
			t.Errorf("%s: got %d %s, want %d", name, got, body(answers[0]), test.status)
		}
	}
}

// What is unusual but clear is served: pipelined requests, and chunked bodies,
// which are what stripe-go sends.
func TestUnusualRequests(t *testing.T) {
	h := start(t, nil)
	for name, test := range map[string]struct {
		request string
		want    []string
	}{
		"pipelined": {
			head + "Content-Length: 2\r\n\r\nab" + head + "Content-Length: 3\r\nConnection: close\r\n\r\nabc",
			[]string{"org_a key_writer 2", "org_a key_writer 3"},
		},
		"chunked, and the connection goes on": {
			head + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n" + head + "Content-Length: 1\r\nConnection: close\r\n\r\na",
			[]string{"org_a key_writer 5", "org_a key_writer 1"},
		},
		"HTTP/1.0": {
			"GET /echo/a HTTP/1.0\r\nHost: x\r\n\r\n",
			[]string{"a from 127.0.0.1"},
		},
		"multipart, which nobody parses": {
			head + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\nConnection: close\r\n\r\n--b--",
			[]string{"org_a key_writer 5"},
		},
	} {
		answers := h.raw(t, test.request)
		var got []string
		for _, a := range answers {
			got = append(got, body(a))
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// Only a caller with a key may make the server take much memory. The refusal
// has the shape of the dialect that owns the path.
func TestBodyLimit(t *testing.T) {
	h := start(t, func(o *Options) { o.MaxBodySize, o.AnonymousBodySize = 2000, 1000 })
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("a", n)) }
	const anonymous = "POST /echo HTTP/1.1\r\nHost: x\r\n"
	for name, test := range map[string]struct {
		request, want string
	}{
		"with a key, fits":                  {head + "Content-Length: 2000\r\n\r\n" + strings.Repeat("a", 2000), "org_a key_writer 2000"},
		"with a key, too large":             {head + "Content-Length: 2001\r\n\r\n", "echo 413 payload_too_large"},
		"with a key, chunked, fits":         {head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(2000), "org_a key_writer 2000"},
		"with a key, chunked, too large":    {head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(2001), "echo 413 payload_too_large"},
		"without a key, fits":               {anonymous + "Content-Length: 1000\r\n\r\n" + strings.Repeat("a", 1000), "echo 401 unauthenticated"},
		"without a key, too large":          {anonymous + "Content-Length: 1001\r\n\r\n", "echo 413 payload_too_large"},
		"without a key, chunked, too large": {anonymous + "Transfer-Encoding: chunked\r\n\r\n" + chunk(1001), "echo 413 payload_too_large"},
		"announced 8 EB":                    {head + "Content-Length: 9223372036854775807\r\n\r\n", "echo 413 payload_too_large"},
	} {
		request := strings.Replace(test.request, "Host: x\r\n", "Host: x\r\nConnection: close\r\n", 1)
		answers := h.raw(t, request)
		if len(answers) != 1 {
			t.Errorf("%s: got %d answers, want 1", name, len(answers))
			continue
		}
		if got := body(answers[0]); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	h.public.unread.mu.Lock()
	defer h.public.unread.mu.Unlock()
	if left := len(h.public.unread.mu.of); left > 0 {
		t.Errorf("%d are still kept after all requests", left)
	}
}

// A caller that sends slowly holds its connection no longer than the read
// timeout, however steadily it sends.
func TestSlowRequest(t *testing.T) {
	h := start(t, func(o *Options) { o.ReadTimeout = 200 * time.Millisecond })
	for name, test := range map[string]struct{ begin, drip string }{
		"headers": {"GET /echo/a HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n"},
		"body":    {head + "Content-Length: 1000\r\n\r\n", "a"},
	} {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, test.begin)
		stop := make(chan struct{})
		go func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					io.WriteString(conn, test.drip)
				case <-stop:
					return
				}
			}
		}()
		begun := time.Now()
		answer := make([]byte, len("HTTP/1.1 408"))
		_, err = io.ReadFull(conn, answer)
		close(stop)
		if string(answer) != "HTTP/1.1 408" {
			t.Errorf("slow %s: got %q, %v, want 408", name, answer, err)
		}
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("slow %s: held the connection for %v with a read timeout of 200ms", name, took)
		}
	}
}

// Beyond MaxConnections a connection is refused with an answer, and there is
// room again when one closes.
func TestConnectionLimit(t *testing.T) {
	h := start(t, func(o *Options) { o.MaxConnections = 1 })
	held, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(held, "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadFull(held, make([]byte, 12)); err != nil { // being served
		t.Fatal(err)
	}
	if got := h.raw(t, "")[0].StatusCode; got != 503 {
		t.Errorf("second connection: got %d, want 503", got)
	}
	held.Close()
	for h.public.http.GetOpenConnectionsCount() > 0 {
		time.Sleep(time.Millisecond)
	}
	if got := h.one(t, "GET", "/echo/a", "", "").StatusCode; got != 200 {
		t.Errorf("after the first one closed: got %d, want 200", got)
	}
}

func TestCheckFraming(t *testing.T) {
	for raw, want := range map[string]error{
		"":                                   nil,
		"Host: x\r\n\r\n":                    nil,
		"Content-Length: 5\r\n\r\n":          nil,
		"Transfer-Encoding: chunked\r\n\r\n": nil,
		"X-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n": nil,
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n":   errTwoLengths,
		"TRANSFER-ENCODING:x\r\nA: b\r\ncontent-length:\r\n\r\n":    errTwoLengths,
		"Content-Length: 5\nTransfer-Encoding: chunked\n\n":         errLineEnd,
		"Content-Length x: 5\r\n\r\n":                               errHeaderName,
		"A: b: c d: e\r\n\r\n":                                      nil,
		"A: b\r\n c\r\n\r\n":                                        errFolded,
		"A: b\r\n\tc\n\n":                                           errFolded,
		" A: b\r\n\r\n":                                             errFolded,
	} {
		if got := checkFraming([]byte(raw)); got != want {
			t.Errorf("checkFraming(%q): got %v, want %v", raw, got, want)
		}
	}
}

func BenchmarkCheckFraming(b *testing.B) {
	raw := []byte("Host: hooks.example.com\r\nUser-Agent: curl/8\r\nAccept: */*\r\nAuthorization: Bearer hw_live_abcdefghijklmnopqrstuvwxyz\r\nContent-Type: application/json\r\nIdempotency-Key: 0123456789\r\nContent-Length: 1024\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if err := checkFraming(raw); err != nil {
			b.Fatal(err)
		}
	}
}
