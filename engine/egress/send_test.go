package egress

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
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

func TestSendHostileReceivers(t *testing.T) {
	const short, long = 300 * time.Millisecond, 10 * time.Second
	write := func(s string) func(net.Conn) {
		return func(c net.Conn) {
			readRequest(bufio.NewReader(c))
			io.WriteString(c, s)
		}
	}
	writeAndHold := func(s string) func(net.Conn) {
		return func(c net.Conn) { write(s)(c); wait(c) }
	}
	drip := func(head, s string) func(net.Conn) {
		return func(c net.Conn) {
			write(head)(c)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := io.WriteString(c, s); err != nil {
					return
				}
			}
		}
	}
	flood := func(head, s string) func(net.Conn) {
		return func(c net.Conn) {
			write(head)(c)
			s := strings.Repeat(s, 1000)
			for {
				if _, err := io.WriteString(c, s); err != nil {
					return
				}
			}
		}
	}
	tests := []struct {
		name   string
		serve  func(net.Conn)
		within time.Duration
		class  Class
		status int
		atMost time.Duration // how long the attempt may take; 0 is within, and a bit
	}{
		{"accepts", respond(okResponse), long, Success, 200, long},
		{"accepts and has no body", respond("HTTP/1.1 204 No Content\r\n\r\n"), long, Success, 204, long},
		{"accepts after early hints", respond("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + okResponse), long, Success, 200, long},
		{"closes at once", func(net.Conn) {}, long, Reset, 0, long},
		{"resets", func(c net.Conn) { readRequest(bufio.NewReader(c)); c.(*net.TCPConn).SetLinger(0) }, long, Reset, 0, long},
		{"closes after the request", write(""), long, Reset, 0, long},
		{"closes within the header", write("HTTP/1.1 200 OK\r\nContent-Le"), long, Reset, 0, long},
		{"never answers", wait, short, Timeout, 0, 0},
		{"hangs within the header", writeAndHold("HTTP/1.1 200 OK\r\nX-"), short, Timeout, 0, 0},
		{"drips its header", drip("HTTP/1.1 200 OK\r\nX-Slow: ", "a"), short, Timeout, 0, 0},
		{"floods its header", flood("HTTP/1.1 200 OK\r\n", "X-Flood: aaaaaaaaaaaaaaaaaaaaaaaa\r\n"), long, LargeHeaders, 0, long},
		{"sends interim responses for ever", flood("", "HTTP/1.1 100 Continue\r\n\r\n"), long, BadResponse, 0, long},
		{"speaks something else", writeAndHold("SSH-2.0-OpenSSH_9.9\r\n"), long, BadResponse, 0, long},
		{"speaks HTTP/2", writeAndHold("HTTP/2 200\r\n\r\n"), long, BadResponse, 0, long},
		{"has a negative length", writeAndHold("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), long, BadResponse, 0, long},
		{"has two lengths", writeAndHold("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), long, BadResponse, 0, long},
		{"upgrades", writeAndHold("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), long, BadResponse, 101, long},
		{"has a status of its own", writeAndHold("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), long, BadResponse, 999, long},
		{"accepts, then cuts the body", write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), long, Success, 200, long},
		{"accepts, then hangs", writeAndHold("HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n"), long, Success, 202, 3 * bodyWait},
		{"accepts, then drips", drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "a"), long, Success, 200, 3 * bodyWait},
		{"accepts, then drips chunks", drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"), long, Success, 200, 3 * bodyWait},
		{"accepts with an endless body", flood("HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaa"), long, Success, 200, 3 * bodyWait},
		{"accepts with 10 GB", flood("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", "aaaaaaaaaaaaaaaa"), long, Success, 200, 3 * bodyWait},
		{"accepts with a broken chunk", writeAndHold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), long, Success, 200, 3 * bodyWait},
		{"accepts with endless trailers", flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Flood: a\r\n"), long, Success, 200, 3 * bodyWait},
		{"accepts with an endless chunk extension", flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaa"), long, Success, 200, 3 * bodyWait},
		{"fails, then drips", drip("HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", "a"), long, ServerError, 500, 3 * bodyWait},
		{"redirects to the metadata address", respond("HTTP/1.1 307 Go\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n"), long, Redirect, 307, long},
		{"asks for patience", respond("HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"), long, ClientError, 429, long},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, Options{Policy: openPolicy})
			url := receive(t, tt.serve)
			start := time.Now()
			res := send(c, url, "payload", tt.within)
			took := time.Since(start)
			if res.Class != tt.class || res.Status != tt.status {
				t.Errorf("got %v %d (%v), want %v %d", res.Class, res.Status, res.Err, tt.class, tt.status)
			}
			atMost := tt.atMost
			if atMost == 0 {
				atMost = tt.within + 2*time.Second
			}
			if took > atMost {
				t.Errorf("took %v, want at most %v", took, atMost)
			}
			if hasErr := res.Err != nil; hasErr != (res.Status == 0 || res.Class == BadResponse) {
				t.Errorf("got error %v with status %d", res.Err, res.Status)
			}
			unended := []string{"accepts, then", "accepts with", "fails, then"}
			if want := slices.ContainsFunc(unended, func(p string) bool { return strings.HasPrefix(tt.name, p) }); res.Oversized != want && res.Class != BadResponse {
				t.Errorf("got oversized %v, want %v", res.Oversized, want)
			}
		})
	}
}

func TestSendRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := newClient(t, Options{Policy: openPolicy})
	res := send(c, "http://"+l.Addr().String()+"/", "", 5*time.Second)
	if res.Class != Connect || res.Err != failConnect {
		t.Errorf("got %v %v, want %v %v", res.Class, res.Err, Connect, failConnect)
	}
}

// TestSendReceiverThatNeverReads sends more than the socket buffers hold.
func TestSendReceiverThatNeverReads(t *testing.T) {
	hold := make(chan struct{})
	url := receive(t, func(net.Conn) { <-hold })
	t.Cleanup(func() { close(hold) })
	c := newClient(t, Options{Policy: openPolicy})
	start := time.Now()
	res := send(c, url, strings.Repeat("a", 16<<20), 300*time.Millisecond)
	if res.Class != Timeout || res.Err != failWriteTimeout {
		t.Errorf("got %v %v, want %v %v", res.Class, res.Err, Timeout, failWriteTimeout)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestSendEarlyRefusal: a receiver answers 413 without reading the body and closes.
func TestSendEarlyRefusal(t *testing.T) {
	for status, want := range map[string]Class{"413 Too Large": ClientError, "200 OK": Reset} {
		url := receive(t, func(c net.Conn) {
			c.Read(make([]byte, 100))
			fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
		})
		c := newClient(t, Options{Policy: openPolicy})
		res := send(c, url, strings.Repeat("a", 16<<20), 10*time.Second)
		if res.Class != want {
			t.Errorf("%s: got %v %d (%v), want %v", status, res.Class, res.Status, res.Err, want)
		}
	}
}

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
