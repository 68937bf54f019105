package egress

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
	"unicode/utf8"
)

// Whatever a receiver answers, the attempt ends with a class, and with a
// snippet that is bounded and harmless.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		okResponse, "HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n\x1b[31m", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\n" + okResponse,
		"HTTP/1.1 429 Slow\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n", "HTTP/1.0 404 No\r\n\r\n\xff\xfe", "SSH-2.0-x\r\n", "HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n", "",
		"HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "HTTP/1.1 301 Go\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	answers := make(chan []byte, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			for head := []byte(nil); !bytes.HasSuffix(head, []byte("\r\n\r\nx")); {
				n, err := conn.Read(buffer)
				if err != nil {
					break
				}
				head = append(head, buffer[:n]...)
			}
			_, _ = conn.Write(<-answers)
			if half, ok := conn.(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	f.Cleanup(func() { listener.Close(); <-ended })
	f.Fuzz(func(t *testing.T, answer []byte) {
		c, err := New(Options{Policy: openPolicy})
		if err != nil {
			t.Fatal(err)
		}
		answers <- answer
		res := send(c, "http://"+listener.Addr().String()+"/", "x", 3*time.Second)
		c.Close()
		if res.Class.String() == "unknown" || res.Class == Local || res.Class == Connect {
			t.Errorf("%q: got class %v (%v)", answer, res.Class, res.Err)
		}
		if res.Class == Success && res.Status/100 != 2 || res.Err != nil && res.Class == Success {
			t.Errorf("%q: got success with status %d, %v", answer, res.Status, res.Err)
		}
		if len(res.Snippet) > 1024 || !utf8.Valid(res.Snippet) || bytes.ContainsAny(res.Snippet, "\x00\x1b\r\u202e") {
			t.Errorf("%q: got snippet %q", answer, res.Snippet)
		}
		if len(res.RetryAfter) > 64 {
			t.Errorf("%q: got Retry-After of %d bytes", answer, len(res.RetryAfter))
		}
	})
}
