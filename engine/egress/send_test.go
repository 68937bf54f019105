package egress

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain checks that the package leaves no goroutine behind. Those of fasthttp belong to the receiver and the client
// that benchmarks compare with: of fasthttp, the package itself uses only the parser.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*TCPDialer).tcpAddrsClean"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// openPolicy lets tests reach their own receivers.
var openPolicy = Policy{AllowHTTP: true, AllowPrivate: true, AnyPort: true}

func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// receive starts a receiver that handles each connection with serve, and returns its URL. A connection is closed when
// serve returns, and at the end of the test.
func receive(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, serve)
	return "http://" + l.Addr().String() + "/"
}

func serveOn(t testing.TB, l net.Listener, serve func(net.Conn)) {
	done := make(chan struct{})
	var accepted []net.Conn
	go func() {
		defer close(done)
		running := make(chan struct{}, 1000)
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			accepted = append(accepted, c)
			go func() {
				serve(c)
				c.Close()
				running <- struct{}{}
			}()
		}
		for _, c := range accepted {
			c.Close()
		}
		for range accepted {
			<-running
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// readRequest reads one request and returns its body; ok is false at the end of the connection.
func readRequest(r *bufio.Reader) (body string, ok bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", false
	}
	b, err := io.ReadAll(req.Body)
	return string(b), err == nil
}

// respond serves every request of a connection with the same bytes.
func respond(response string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, ok := readRequest(r); !ok {
				return
			}
			if _, err := io.WriteString(c, response); err != nil {
				return
			}
		}
	}
}

const okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func send(c *Client, url, body string, within time.Duration) *Response {
	var res Response
	c.Send(&Request{URL: url, Body: []byte(body), Deadline: time.Now().Add(within)}, &res)
	return &res
}

// wait blocks until the receiver's end of the connection is closed by the client.
func wait(c net.Conn) { io.Copy(io.Discard, c) }

func TestSendBytes(t *testing.T) {
	got := make(chan string, 1)
	url := receive(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			head.WriteString(line)
			if err != nil || line == "\r\n" {
				break
			}
		}
		body := make([]byte, 4)
		io.ReadFull(r, body)
		got <- head.String() + string(body)
		io.WriteString(c, okResponse)
	})
	c := newClient(t, Options{Policy: openPolicy})
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	req := Request{
		URL:     url + "a%2Fb//c/../d?q=%20&x",
		Headers: []Header{{"webhook-id", []byte("evt_1")}, {"X-mixed-CASE", []byte("a b")}},
		Body:    []byte("\x00\r\n\xff"),
	}
	var res Response
	c.Send(&req, &res)
	want := "POST /a%2Fb//c/../d?q=%20&x HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 4\r\nwebhook-id: evt_1\r\nX-mixed-CASE: a b\r\n\r\n\x00\r\n\xff"
	if g := <-got; g != want {
		t.Errorf("got  %q\nwant %q", g, want)
	}
	if res.Class != Success {
		t.Errorf("got %v %v, want success", res.Class, res.Err)
	}
}

func TestSendRefusesInjection(t *testing.T) {
	c := newClient(t, Options{Policy: openPolicy})
	for _, req := range []Request{
		{URL: "http://127.0.0.1:1/", Headers: []Header{{"X", []byte("a\r\nHost: evil")}}},
		{URL: "http://127.0.0.1:1/", Headers: []Header{{"X", []byte("a\nb")}}},
		{URL: "http://127.0.0.1:1/", Headers: []Header{{"X", []byte("a\rb")}}},
		{URL: "http://127.0.0.1:1/", Headers: []Header{{"X\r\n\r\n", nil}}},
		{URL: "http://127.0.0.1:1/", Headers: []Header{{"X", []byte("a\x00")}}},
		{URL: "http://127.0.0.1:1/x HTTP/1.1"},
		{URL: "http://127.0.0.1:1/x\r\ny"},
		{URL: "not a url"},
	} {
		var res Response
		c.Send(&req, &res)
		if res.Class != Blocked || res.Err != failRequest {
			t.Errorf("%q %q: got %v %v, want %v %v", req.URL, req.Headers, res.Class, res.Err, Blocked, failRequest)
		}
	}
}

func TestSendSnippet(t *testing.T) {
	long := strings.Repeat("é", 40<<10)
	tests := []struct{ name, response, want string }{
		{"success keeps none", okResponse, ""},
		{"text", "HTTP/1.1 500 X\r\nContent-Length: 8\r\n\r\nno\tdisk\n", "no\tdisk\n"},
		{"chunks", "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"},
		{"compressed", "HTTP/1.1 500 X\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", ""},
		{"lines", "HTTP/1.1 500 X\r\nContent-Length: 6\r\n\r\na\r\nb\r\n", "a\nb\n"},
		{"terminal tricks", "HTTP/1.1 500 X\r\nContent-Length: 12\r\n\r\na\x1b[31mb\x00\x00\xff\u202e", "a\ufffd[31mb\ufffd"},
		{"long", fmt.Sprintf("HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n%s", len(long), long), long[:maxSnippet]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, Options{Policy: openPolicy})
			res := send(c, receive(t, respond(tt.response)), "", 5*time.Second)
			if string(res.Snippet) != tt.want {
				t.Errorf("got %q, want %q", res.Snippet, tt.want)
			}
		})
	}
}

// TestCloseEndsAttempts: an attempt under way ends at once, as no attempt.
func TestCloseEndsAttempts(t *testing.T) {
	c := newClient(t, Options{Policy: openPolicy})
	asked := make(chan struct{})
	url := receive(t, func(n net.Conn) { readRequest(bufio.NewReader(n)); close(asked); wait(n) })
	done := make(chan *Response)
	go func() { done <- send(c, url, "", time.Minute) }()
	<-asked
	c.Close()
	if res := <-done; res.Class != Local || !errors.Is(res.Err, failShutdown) {
		t.Errorf("got %v %v, want %v %v", res.Class, res.Err, Local, failShutdown)
	}
	if res := send(c, url, "", time.Minute); res.Class != Local {
		t.Errorf("after Close: got %v, want %v", res.Class, Local)
	}
	if open, idle := c.Conns(); open != 0 || idle != 0 {
		t.Errorf("after Close: got %d connections, %d idle, want none", open, idle)
	}
}
