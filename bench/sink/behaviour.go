package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Mode is what a group of endpoints does with a request.
type Mode string

const (
	Answer  Mode = ""        // a status without a body
	Hang    Mode = "hang"    // nothing, with the connection open until the sender gives up
	Close   Mode = "close"   // the connection is closed without an answer
	Drip    Mode = "drip"    // the status at once, then one byte of body every 100 ms for ever
	Endless Mode = "endless" // the status at once, then body as fast as it is read
)

const dripInterval = 100 * time.Millisecond

// Behaviour is how a group of endpoints treats a request. The zero value
// answers 200 at once.
type Behaviour struct {
	Mode       Mode `json:"mode,omitempty"`
	Status     int  `json:"status,omitempty"`      // 200–599; 0 = 200
	DelayMS    int  `json:"delay_ms,omitempty"`    // waited before Mode
	RetryAfter int  `json:"retry_after,omitempty"` // seconds, sent as a header; 0 = none

	// Requests that fail get 500 without regard to Status. The two can be
	// combined; both count per endpoint.
	FailFirst int  `json:"fail_first,omitempty"` // so many requests fail, then none
	Alternate bool `json:"alternate,omitempty"`  // the first fails, the second does not, …
}

func (b *Behaviour) validate() error {
	if !slices.Contains([]Mode{Answer, Hang, Close, Drip, Endless}, b.Mode) {
		return fmt.Errorf("behaviour has the unknown mode %q", b.Mode)
	}
	if b.Status != 0 && (b.Status < 200 || b.Status > 599) {
		return fmt.Errorf("behaviour has status %d, want 200 to 599", b.Status)
	}
	if b.DelayMS < 0 || b.RetryAfter < 0 || b.FailFirst < 0 {
		return fmt.Errorf("behaviour has a negative number: %+v", *b)
	}
	return nil
}

// counters numbers the requests of each endpoint of a group, for behaviours
// that depend on it. The zero value is ready.
type counters struct {
	mu    sync.Mutex
	count map[uint32]int
}

// next returns 1 for the first request of an endpoint, 2 for the second, …
func (c *counters) next(endpoint uint32) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = make(map[uint32]int)
	}
	c.count[endpoint]++
	return c.count[endpoint]
}

// status decides what the endpoint's next request is answered with.
func (b *Behaviour) status(endpoint uint32, attempts *counters) int {
	if b.FailFirst > 0 || b.Alternate {
		n := attempts.next(endpoint)
		if n <= b.FailFirst || b.Alternate && (n-b.FailFirst)%2 == 1 {
			return fasthttp.StatusInternalServerError
		}
	}
	if b.Status == 0 {
		return fasthttp.StatusOK
	}
	return b.Status
}

// accepts reports whether the sender of a request gets to see success.
func (b *Behaviour) accepts(status int) bool {
	return b.Mode != Hang && b.Mode != Close && status/100 == 2
}

// act does it. What goes on after the handler has returned ends with closed.
func (b *Behaviour) act(closed context.Context, ctx *fasthttp.RequestCtx, status int) {
	if b.DelayMS > 0 && !pause(closed, time.Duration(b.DelayMS)*time.Millisecond) {
		return
	}
	ctx.SetStatusCode(status)
	if b.RetryAfter > 0 {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, strconv.Itoa(b.RetryAfter))
	}
	switch b.Mode {
	case Answer:
	case Close:
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(net.Conn) {})
	case Hang:
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(conn net.Conn) {
			defer context.AfterFunc(closed, func() { conn.Close() })()
			_, _ = io.Copy(io.Discard, conn) // ends when either side closes, which is all that matters
		})
	case Drip:
		ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
			for pause(closed, dripInterval) && w.WriteByte('.') == nil && w.Flush() == nil {
			}
		})
	case Endless:
		block := make([]byte, 32<<10)
		ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
			for closed.Err() == nil {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		})
	}
}

// pause waits and reports whether it was for all of d, not cut short by ctx.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
