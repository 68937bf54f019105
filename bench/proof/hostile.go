package proof

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Act is a way to treat a request that no honest receiver has.
type Act struct {
	Name       string
	Status     int // that the sender can see; 0 = none
	RetryAfter int // seconds that a sender must heed which heeds RetryAfterMost at most

	// Spoils says that the server may keep the connection, although it is dead:
	// whoever is sent something over it next has the damage.
	Spoils bool

	// Classes are what the server may call such an attempt; "" is a success.
	Classes []string

	do func(net.Conn) // writes what it pleases; the connection is closed when it returns
}

// RetryAfterMost is what Act.RetryAfter takes for granted, seconds.
const RetryAfterMost = 1

// How long a receiver that drips waits between two bytes, and how long it goes
// on at the most, or goes on flooding.
const (
	dripEvery = time.Second
	actFor    = 20 * time.Second
)

const took = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// Acts are all of them.
var Acts = []Act{
	{Name: "reset", Classes: []string{"reset"}, do: func(c net.Conn) { linger(c) }},
	{Name: "close", Classes: []string{"reset"}, do: say("")},
	{Name: "half-close", Classes: []string{"reset"}, do: func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite(); hang(c) }},
	{Name: "half-header", Classes: []string{"reset"}, do: say("HTTP/1.1 200 OK\r\nContent-Le")},
	{Name: "hang", Classes: []string{"timeout"}, do: hang},
	{Name: "hang-in-header", Classes: []string{"timeout"}, do: hold("HTTP/1.1 200 OK\r\nX-")},
	{Name: "drip-header", Classes: []string{"timeout"}, do: drip("HTTP/1.1 200 OK\r\nX-Slow: ")},
	{Name: "flood-header", Classes: []string{"large_headers"}, do: flood("HTTP/1.1 200 OK\r\n", "X-Flood: aaaaaaaa\r\n")},
	{Name: "endless-header", Classes: []string{"large_headers"}, do: flood("HTTP/1.1 200 OK\r\nX-Flood: ", "aaaaaaaa")},
	{Name: "interim-flood", Classes: []string{"bad_response"}, do: flood("", "HTTP/1.1 103 Early Hints\r\n\r\n")},
	{Name: "upgrade", Status: 101, Classes: []string{"bad_response"}, do: hold("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")},
	{Name: "no-http", Classes: []string{"bad_response"}, do: hold("SSH-2.0-OpenSSH_9.9\r\n\r\n")},
	{Name: "two-lengths", Classes: []string{"bad_response"}, do: hold("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")},
	{Name: "hang-after-header", Status: 200, Classes: []string{""}, do: hold("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")},
	{Name: "drip-body", Status: 200, Classes: []string{""}, do: drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")},
	{Name: "endless-body", Status: 200, Classes: []string{""}, do: flood("HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaa")},
	{Name: "cut-body", Status: 200, Classes: []string{""}, do: say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")},
	{Name: "bomb", Status: 500, Classes: []string{"http_5xx"}, do: func(c net.Conn) { say(bomb())(c) }},
	{Name: "extra-answer", Status: 200, Classes: []string{""}, do: hold(took + "HTTP/1.1 500 Evil\r\nContent-Length: 0\r\n\r\n")},
	{Name: "stale", Status: 200, Spoils: true, Classes: []string{"", "reset"}, do: say(took)},
	{Name: "vanish", Status: 200, Spoils: true, Classes: []string{"", "reset"}, do: vanish},
	{Name: "redirect-301", Status: 301, Classes: []string{"http_3xx"}, do: redirect(301, "http://169.254.169.254/latest")},
	{Name: "redirect-302", Status: 302, Classes: []string{"http_3xx"}, do: redirect(302, "http://10.0.0.1/")},
	{Name: "redirect-307", Status: 307, Classes: []string{"http_3xx"}, do: redirect(307, "/r/elsewhere")},
	{Name: "redirect-308", Status: 308, Classes: []string{"http_3xx"}, do: redirect(308, "/r/elsewhere")},
	{Name: "later", Status: 429, RetryAfter: 1, Classes: []string{"http_4xx"}, do: later("1")},
	{Name: "later-absurd", Status: 429, RetryAfter: RetryAfterMost, Classes: []string{"http_4xx"}, do: later("1000000000000")},
	{Name: "later-year-9999", Status: 429, RetryAfter: RetryAfterMost, Classes: []string{"http_4xx"}, do: later("Fri, 31 Dec 9999 23:59:59 GMT")},
	{Name: "later-past", Status: 429, Classes: []string{"http_4xx"}, do: later("Sun, 06 Nov 1994 08:49:37 GMT")},
	{Name: "later-negative", Status: 429, Classes: []string{"http_4xx"}, do: later("-5")},
	{Name: "later-garbage", Status: 503, Classes: []string{"http_5xx"}, do: say("HTTP/1.1 503 No\r\nRetry-After: soon\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")},
}

// actNamed returns an act, nil if there is none of the name.
func actNamed(name string) *Act {
	if i := slices.IndexFunc(Acts, func(a Act) bool { return a.Name == name }); i >= 0 {
		return &Acts[i]
	}
	return nil
}

// play takes the connection over and does what the act says, until it is done
// or closed ends.
func (a *Act) play(closed context.Context, w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer c.Close()
	defer context.AfterFunc(closed, func() { c.Close() })()
	if c.SetDeadline(time.Now().Add(actFor)) == nil {
		a.do(c)
	}
}

// What acts do ends when a write fails, since then the sender is gone: the
// errors are of no interest.

func say(text string) func(net.Conn) { return func(c net.Conn) { _, _ = io.WriteString(c, text) } }

// hang waits until the sender closes.
func hang(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func hold(text string) func(net.Conn) { return func(c net.Conn) { say(text)(c); hang(c) } }

func drip(head string) func(net.Conn) {
	return func(c net.Conn) {
		tick := time.NewTicker(dripEvery)
		defer tick.Stop()
		for _, err := io.WriteString(c, head); err == nil; _, err = io.WriteString(c, "a") {
			<-tick.C
		}
	}
}

func flood(head, text string) func(net.Conn) {
	return func(c net.Conn) {
		block := []byte(strings.Repeat(text, 1000))
		for _, err := io.WriteString(c, head); err == nil; _, err = c.Write(block) {
		}
	}
}

func redirect(status int, to string) func(net.Conn) {
	return say(fmt.Sprintf("HTTP/1.1 %d Go\r\nLocation: %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status, to))
}

func later(value string) func(net.Conn) {
	return say("HTTP/1.1 429 Slow Down\r\nRetry-After: " + value + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

// bomb is an answer of which 32 MiB would come if somebody decompressed it.
var bomb = sync.OnceValue(func() string {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	zeros := make([]byte, 1<<20)
	for range 32 {
		_, _ = z.Write(zeros) // to memory
	}
	_ = z.Close()
	return fmt.Sprintf("HTTP/1.1 500 No\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", body.Len(), body.Bytes())
})

// linger makes the close a reset.
func linger(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// vanish answers and is gone without a goodbye, as after a crash of its machine:
// the sender keeps a connection that is open on its side alone. Only root can
// do that; for others it is "stale".
func vanish(c net.Conn) {
	say(took)(c)
	if raw, err := c.(*net.TCPConn).SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) })
	}
}

// Classes counts the attempts at an endpoint by what the server calls them, ""
// being a success.
func (a *API) Classes(ctx context.Context, e *Endpoint) (map[string]int, error) {
	classes := map[string]int{}
	key := a.Tenant(e.Org).Key
	var failed error
	err := pages(ctx, a, key, "/v1/endpoints/"+e.ID+"/deliveries", pageLimit, func(page []Delivery, _ []byte) bool {
		for _, d := range page {
			if d.Attempts == 0 {
				continue
			}
			var list struct{ Data []Attempt }
			if _, failed = a.get(ctx, key, "/v1/deliveries/"+d.ID+"/attempts", &list); failed != nil {
				return false
			}
			for _, attempt := range list.Data {
				classes[attempt.Class]++
			}
		}
		return len(classes) == 0 // one page says enough
	})
	if failed != nil {
		return nil, failed
	}
	return classes, err
}
