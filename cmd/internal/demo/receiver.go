package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// receiver is one webhook endpoint on a port of its own.
type receiver struct {
	name     string
	url      string
	counts   bool // it must have every event at the end
	accepts  func(n int, attempt uint32) bool
	hangs    bool // never answers
	posted   []time.Time
	endpoint endpoint.Key
	verifier sign.Verifier

	gate   *gate
	server *fasthttp.Server
	ended  sync.WaitGroup
	closed chan struct{}

	attempts []atomic.Uint32 // by number of the event
	receipts []atomic.Uint32 // those that were answered with 2xx
	distinct atomic.Int64    // events received
	verified atomic.Int64    // receipts with a good signature
	forged   atomic.Int64    // requests without one
	latency  measure.Histogram
}

// startReceivers takes a port for each receiver. They answer once serve is
// called.
func startReceivers(events int, posted []time.Time) ([]*receiver, error) {
	always := func(int, uint32) bool { return true }
	all := []*receiver{
		{name: "healthy 1", counts: true, accepts: always},
		{name: "healthy 2", counts: true, accepts: always},
		{name: "healthy 3", counts: true, accepts: always},
		// Every fifth event fails once, every 25th twice.
		{name: "flaky", counts: true, accepts: func(n int, attempt uint32) bool {
			return n%5 != 0 || n%25 != 0 && attempt > 1 || attempt > 2
		}},
		{name: "down, comes back", counts: true, accepts: always},
		{name: "hanging", hangs: true},
	}
	for i, r := range all {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			for _, started := range all[:i] {
				started.close()
			}
			return nil, fmt.Errorf("start receiver: %w", err)
		}
		r.gate = &gate{Listener: listener}
		r.gate.open.Store(r.name != "down, comes back")
		r.url = "http://" + listener.Addr().String() + "/"
		r.posted = posted
		r.closed = make(chan struct{})
		r.attempts, r.receipts = make([]atomic.Uint32, events), make([]atomic.Uint32, events)
	}
	return all, nil
}

// gate is a listener that can be shut: what connects is then cut at once, as if
// nobody were there.
type gate struct {
	net.Listener
	open atomic.Bool
}

func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || g.open.Load() {
			return conn, err
		}
		conn.Close()
	}
}

// comeBack opens the gate.
func (r *receiver) comeBack() { r.gate.open.Store(true) }

// serve begins to answer, for an endpoint with a signing secret.
func (r *receiver) serve(key endpoint.Key, signing secret.Secret) {
	r.endpoint = key
	r.verifier = sign.Verifier{Scheme: sign.Standard, Keys: []sign.Key{{ID: "demo", Value: signing}}}
	r.server = &fasthttp.Server{Handler: r.handle, CloseOnShutdown: true, NoDefaultDate: true, Logger: silence{}}
	r.ended.Go(func() {
		_ = r.server.Serve(r.gate) // ends with close, and cannot fail before
	})
}

// silence drops what fasthttp says of broken connections.
type silence struct{}

func (silence) Printf(string, ...any) {}

func (r *receiver) close() {
	close(r.closed)
	r.gate.Close()
	if r.server != nil {
		r.ended.Wait()
	}
}

// handle takes one delivery.
func (r *receiver) handle(c *fasthttp.RequestCtx) {
	now := time.Now()
	if r.hangs {
		<-r.closed
		return
	}
	n, err := r.read(c, now)
	if err != nil {
		r.forged.Add(1)
		c.Error(err.Error(), fasthttp.StatusUnauthorized)
		return
	}
	if attempt := r.attempts[n].Add(1); !r.accepts(n, attempt) {
		c.Error("try again later", fasthttp.StatusInternalServerError)
		return
	}
	r.verified.Add(1)
	if r.receipts[n].Add(1) == 1 {
		r.latency.Record(now.Sub(r.posted[n]))
		r.distinct.Add(1)
	}
}

// read verifies a delivery and returns the number of its event.
func (r *receiver) read(c *fasthttp.RequestCtx, now time.Time) (n int, err error) {
	header := func(name string) string { return string(c.Request.Header.Peek(name)) }
	if _, err := r.verifier.Verify(header, c.PostBody(), now.UnixMilli()); err != nil {
		return 0, err
	}
	var body struct {
		Data struct{ N int }
	}
	if err := json.Unmarshal(c.PostBody(), &body); err != nil {
		return 0, err
	}
	if n = body.Data.N; n < 0 || n >= len(r.receipts) {
		return 0, errors.New("nobody has posted that")
	}
	return n, nil
}

// duplicates counts the receipts of events that had been received before.
func (r *receiver) duplicates() (n int) {
	for i := range r.receipts {
		n += max(0, int(r.receipts[i].Load())-1)
	}
	return n
}
