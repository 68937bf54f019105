package egress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The receivers of this file take a connection, read a request, and then do
// what its text says.

// write sends s and closes.
func write(s string) func(net.Conn) {
	return func(c net.Conn) {
		readRequest(bufio.NewReader(c))
		io.WriteString(c, s)
	}
}

// writeAndHold sends s and then nothing more.
func writeAndHold(s string) func(net.Conn) {
	return func(c net.Conn) { write(s)(c); wait(c) }
}

// drip sends head and then s again and again, slowly.
func drip(head, s string) func(net.Conn) {
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

// flood sends head and then s again and again, as fast as it is taken.
func flood(head, s string) func(net.Conn) {
	block := bytes.Repeat([]byte(s), 1000)
	return func(c net.Conn) {
		write(head)(c)
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}
}

// reset ends the connection without a goodbye, even for what is still unread.
func reset(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

// bomb is a response whose body would be 64 MiB if anybody decompressed it.
func bomb(status string) string {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	zeros := make([]byte, 1<<20)
	for range 64 {
		z.Write(zeros)
	}
	z.Close()
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", status, body.Len(), body.Bytes())
}

const (
	short = 300 * time.Millisecond
	long  = 10 * time.Second
)

// hostile is a receiver and what is to be made of it.
type hostile struct {
	name   string
	serve  func(net.Conn)
	within time.Duration
	class  Class
	status int
	atMost time.Duration // how long the attempt may take; 0 is within, and a bit
}

func hostileReceivers() []hostile {
	return []hostile{
		{"accepts", respond(okResponse), long, Success, 200, long},
		{"accepts and has no body", respond("HTTP/1.1 204 No Content\r\n\r\n"), long, Success, 204, long},
		{"accepts after early hints", respond("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + okResponse), long, Success, 200, long},
		{"closes at once", func(net.Conn) {}, long, Reset, 0, long},
		{"resets", func(c net.Conn) { write("")(c); reset(c) }, long, Reset, 0, long},
		{"resets within the header", func(c net.Conn) { write("HTTP/1.1 200 OK\r\nContent-Le")(c); reset(c) }, long, Reset, 0, long},
		{"closes after the request", write(""), long, Reset, 0, long},
		{"closes its half after the request", func(c net.Conn) { write("")(c); c.(*net.TCPConn).CloseWrite(); wait(c) }, long, Reset, 0, long},
		{"closes within the header", write("HTTP/1.1 200 OK\r\nContent-Le"), long, Reset, 0, long},
		{"never answers", wait, short, Timeout, 0, 0},
		{"hangs within the header", writeAndHold("HTTP/1.1 200 OK\r\nX-"), short, Timeout, 0, 0},
		{"drips its header", drip("HTTP/1.1 200 OK\r\nX-Slow: ", "a"), short, Timeout, 0, 0},
		{"floods its header", flood("HTTP/1.1 200 OK\r\n", "X-Flood: aaaaaaaaaaaaaaaaaaaaaaaa\r\n"), long, LargeHeaders, 0, long},
		{"has one endless header", flood("HTTP/1.1 200 OK\r\nX-Flood: ", "aaaaaaaa"), long, LargeHeaders, 0, long},
		{"has an endless status line", flood("HTTP/1.1 200 ", "aaaaaaaa"), long, LargeHeaders, 0, long},
		{"says continue for ever", flood("", "HTTP/1.1 100 Continue\r\n\r\n"), long, BadResponse, 0, long},
		{"is processing for ever", flood("", "HTTP/1.1 102 Processing\r\n\r\n"), long, BadResponse, 0, long},
		{"hints for ever", flood("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), long, BadResponse, 0, long},
		{"hints again and again", drip("", "HTTP/1.1 103 Early Hints\r\n\r\n"), long, BadResponse, 0, long},
		{"hints, then hangs", writeAndHold("HTTP/1.1 103 Early Hints\r\n\r\n"), short, Timeout, 0, 0},
		{"speaks something else", writeAndHold("SSH-2.0-OpenSSH_9.9\r\n"), long, BadResponse, 0, long},
		{"speaks HTTP/2", writeAndHold("HTTP/2 200\r\n\r\n"), long, BadResponse, 0, long},
		{"sends zeros", flood("", "\x00\x00\x00\x00"), long, LargeHeaders, 0, long},
		{"has no status", writeAndHold("HTTP/1.1 OK\r\n\r\n"), long, BadResponse, 0, long},
		{"has a header without a colon", writeAndHold("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"), long, BadResponse, 0, long},
		{"has a negative length", writeAndHold("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), long, BadResponse, 0, long},
		{"has two lengths", writeAndHold("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), long, BadResponse, 0, long},
		{"upgrades", writeAndHold("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), long, BadResponse, 101, long},
		{"upgrades and floods", flood("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "aaaa"), long, BadResponse, 101, long},
		{"has a status of its own", writeAndHold("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), long, BadResponse, 999, long},
		{"accepts, then cuts the body", write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), long, Success, 200, long},
		{"accepts, then hangs", writeAndHold("HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n"), long, Success, 202, 3 * bodyWait},
		{"accepts, then drips", drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "a"), long, Success, 200, 3 * bodyWait},
		{"accepts, then drips chunks", drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"), long, Success, 200, 3 * bodyWait},
		{"accepts with an endless body", flood("HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaa"), long, Success, 200, 3 * bodyWait},
		{"accepts with 10 GB", flood("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", "aaaaaaaaaaaaaaaa"), long, Success, 200, 3 * bodyWait},
		{"accepts with a broken chunk", writeAndHold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), long, Success, 200, 3 * bodyWait},
		{"accepts with a chunk of 8 EB", writeAndHold("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\na"), long, Success, 200, 3 * bodyWait},
		{"accepts with endless trailers", flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Flood: a\r\n"), long, Success, 200, 3 * bodyWait},
		{"accepts with an endless chunk extension", flood("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaa"), long, Success, 200, 3 * bodyWait},
		{"accepts and is a bomb", respond(bomb("200 OK")), long, Success, 200, long},
		{"fails and is a bomb", respond(bomb("500 No")), long, ServerError, 500, long},
		{"fails, then drips", drip("HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", "a"), long, ServerError, 500, 3 * bodyWait},
		{"is gone", respond("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), long, ClientError, 410, long},
		{"asks for patience", respond("HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"), long, ClientError, 429, long},
	}
}

func TestSendHostileReceivers(t *testing.T) {
	for _, tt := range hostileReceivers() {
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

// TestHealthyBesideHostile (G4): one client calls every hostile receiver at
// once, again and again, and an honest one in between, which notices nothing.
func TestHealthyBesideHostile(t *testing.T) {
	c := newClient(t, Options{Policy: openPolicy})
	var hostiles sync.WaitGroup
	stop := make(chan struct{})
	for _, tt := range hostileReceivers() {
		url := receive(t, tt.serve)
		hostiles.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					send(c, url, "x", short)
				}
			}
		})
	}
	url := receive(t, respond(okResponse))
	for i := range 50 {
		start := time.Now()
		if res := send(c, url, "x", long); res.Class != Success {
			t.Errorf("delivery %d: got %v %d (%v), want %v", i, res.Class, res.Status, res.Err, Success)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("delivery %d took %v", i, took)
		}
	}
	close(stop)
	hostiles.Wait()
	if open, idle := c.Conns(); open != idle {
		t.Errorf("afterwards: got %d connections, %d idle, want no others", open, idle)
	}
}

// TestHostileReceiversTakeLittleMemory (G8): whatever the receivers send, an
// attempt allocates no more than its buffers and what it reads of the answer.
func TestHostileReceiversTakeLittleMemory(t *testing.T) {
	const (
		attempts = 8
		most     = 128 << 10 // bytes an attempt: 20 KiB of buffers, those of the receiver, snippets
	)
	c := newClient(t, Options{Policy: openPolicy})
	for _, tt := range hostileReceivers() {
		url := receive(t, tt.serve)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var all sync.WaitGroup
		for range attempts {
			all.Go(func() { send(c, url, "x", short) })
		}
		all.Wait()
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / attempts; each > most {
			t.Errorf("a receiver that %s: got %d bytes allocated per attempt, want at most %d", tt.name, each, most)
		}
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

// TestSendUnanswered: nothing comes back for the connection itself, because
// the queue of the listener is full.
func TestSendUnanswered(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for full := false; !full; { // the kernel queues one or two
		filler, err := net.DialTimeout("tcp", address, short)
		if err == nil {
			defer filler.Close()
		}
		full = err != nil
	}
	c := newClient(t, Options{Policy: openPolicy})
	start := time.Now()
	if res := send(c, "http://"+address+"/", "x", short); res.Class != Timeout || res.Err != failConnectTimeout {
		t.Errorf("got %v %v, want %v %v", res.Class, res.Err, Timeout, failConnectTimeout)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
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

// TestRedirectsAreNotFollowed: not to an address that is closed, and not to one
// that would have been allowed.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	open := receive(t, func(c net.Conn) { followed.Add(1) })
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		for _, to := range []string{"http://169.254.169.254/latest", "http://10.0.0.1/", "//127.0.0.1/", "/elsewhere", "file:///etc/passwd", open} {
			var requests atomic.Int32
			response := fmt.Sprintf("HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, to)
			url := receive(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				for {
					if _, ok := readRequest(r); !ok {
						return
					}
					requests.Add(1)
					io.WriteString(c, response)
				}
			})
			c := newClient(t, Options{Policy: openPolicy})
			if res := send(c, url, "x", long); res.Class != Redirect || res.Status != status {
				t.Errorf("%d to %s: got %v %d (%v), want %v", status, to, res.Class, res.Status, res.Err, Redirect)
			}
			c.Close()
			if got := requests.Load(); got != 1 {
				t.Errorf("%d to %s: got %d requests, want 1", status, to, got)
			}
		}
	}
	if got := followed.Load(); got != 0 {
		t.Errorf("the address of the redirect was called %d times", got)
	}
}

// TestNoSecondSend: once a byte of a delivery is on its way over a connection
// that was kept, the delivery is not sent again, however the connection ends:
// whether the receiver took it cannot be known.
func TestNoSecondSend(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"closes":               func(c net.Conn) { c.Close() },
		"resets":               func(c net.Conn) { reset(c); c.Close() },
		"closes in the header": func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200"); c.Close() },
	} {
		var requests atomic.Int32
		url := receive(t, func(c net.Conn) {
			r := bufio.NewReader(c)
			for {
				if _, ok := readRequest(r); !ok {
					return
				}
				if requests.Add(1) > 1 {
					end(c)
					return
				}
				io.WriteString(c, okResponse)
			}
		})
		c := newClient(t, Options{Policy: openPolicy})
		for i, want := range []Class{Success, Reset} {
			if res := send(c, url, "x", long); res.Class != want {
				t.Errorf("%s: delivery %d: got %v (%v), want %v", name, i, res.Class, res.Err, want)
			}
		}
		c.Close()
		if got := requests.Load(); got != 2 {
			t.Errorf("%s: got %d requests, want 2", name, got)
		}
	}
}

// TestHalfOpen: the receiver's side of a kept connection has vanished without a
// goodbye, as after a crash of its machine, so the connection looks alive. The
// delivery that tries it fails and is not sent twice; the next has a fresh one.
func TestHalfOpen(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: TCP_REPAIR lets a socket vanish silently")
	}
	const tcpRepair = 19
	var requests atomic.Int32
	vanished := make(chan error, 1)
	url := receive(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, ok := readRequest(r); !ok {
				return
			}
			n := requests.Add(1)
			io.WriteString(c, okResponse)
			if n > 1 {
				continue
			}
			raw, err := c.(*net.TCPConn).SyscallConn()
			if err != nil {
				vanished <- err
				return
			}
			var failed error
			err = raw.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpRepair, 1) })
			c.Close()
			if err == nil {
				err = failed
			}
			vanished <- err
			return
		}
	})
	c := newClient(t, Options{Policy: openPolicy})
	for i, want := range []Class{Success, Reset, Success} {
		if res := send(c, url, "x", 2*time.Second); res.Class != want {
			t.Errorf("delivery %d: got %v (%v), want %v", i, res.Class, res.Err, want)
		}
		if i == 0 {
			if err := <-vanished; err != nil {
				t.Skip("cannot make a socket vanish: ", err)
			}
		}
	}
	if got := requests.Load(); got != 2 {
		t.Errorf("got %d requests, want 2", got)
	}
}
