// Package sink is the receiver of the benchmarks: it takes webhooks for any
// number of endpoints, counts exactly what arrived and what arrived again,
// measures how long each event took, and misbehaves on request.
//
//	POST /e/<n>  a webhook for endpoint n
//	/control/…   the scenario's side: set groups, change one, read the counts
//
// Endpoints need not be declared. A range of them forms a group, which has one
// behaviour and one set of counts; endpoints in no group belong to the group
// Rest. The sink runs as a process of its own (see Child), so that its CPU is
// not taken for the engine's.
//
// It shares no code with the engine: its signature check is a second opinion.
package sink

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/bench/payload"
)

// Rest is the name of the group of all endpoints that are in no other.
const Rest = "rest"

// Group is a range of endpoints that behave alike and are counted together.
type Group struct {
	Name      string    `json:"name"`
	First     uint32    `json:"first"`
	Last      uint32    `json:"last"`             // inclusive
	Secret    string    `json:"secret,omitempty"` // whsec_…; when set, what is not signed with it gets 401
	Behaviour Behaviour `json:"behaviour"`
}

// Stats is what a group of endpoints has seen. A receipt is a request that the
// sink answers with 2xx, whatever it does to the body of the answer; from then
// on the event is delivered, so getting it once more is a duplicate.
type Stats struct {
	Requests      int64           `json:"requests"`
	Receipts      int64           `json:"receipts"`   // distinct pairs of endpoint and webhook-id
	Duplicates    int64           `json:"duplicates"` // receipts of a pair received before
	Refused       int64           `json:"refused"`    // not answered, or not with 2xx, on purpose
	BadSignatures int64           `json:"bad_signatures"`
	First         int64           `json:"first_ns"` // Unix nanoseconds of the first and the last receipt; 0 = none
	Last          int64           `json:"last_ns"`
	Latency       measure.Latency `json:"latency"` // from the event's sent_at to its receipt, duplicates left out
}

// group is a Group with what was counted. Groups are replaced as a whole;
// only the behaviour of one can change while it lives.
type group struct {
	Group
	behaviour atomic.Pointer[Behaviour]
	verify    *verifier // nil = signatures are not looked at
	attempts  counters

	requests, duplicates, refused, badSignatures atomic.Int64
	receipts, first, last                        atomic.Int64
	seen                                         measure.IDs
	latency                                      measure.Histogram
}

// Sink is the receiver. Its methods are safe for concurrent use.
type Sink struct {
	groups atomic.Pointer[[]*group] // searched in order; the last is Rest
	closed context.Context          // ends what misbehaves when the sink stops
}

// Serve answers requests on the listener until ctx ends, and closes it.
func Serve(ctx context.Context, listener net.Listener) error {
	s := &Sink{closed: ctx}
	if err := s.setGroups(nil); err != nil {
		return err
	}
	server := &fasthttp.Server{
		Handler:               s.handle,
		ReadBufferSize:        16 << 10,
		MaxRequestBodySize:    32 << 20,
		NoDefaultServerHeader: true,
		NoDefaultDate:         true,
		CloseOnShutdown:       true,
		Logger:                quiet{},
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.ShutdownWithContext(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return <-failed
}

// quiet drops fasthttp's log lines: connections broken on purpose are no news.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

var (
	endpointPrefix = []byte("/e/")
	controlPrefix  = []byte("/control/")
)

func (s *Sink) handle(ctx *fasthttp.RequestCtx) {
	path := ctx.Path()
	if number, ok := bytes.CutPrefix(path, endpointPrefix); ok {
		endpoint, err := strconv.ParseUint(string(number), 10, 32)
		if err == nil {
			s.receive(ctx, uint32(endpoint))
			return
		}
	}
	if bytes.HasPrefix(path, controlPrefix) {
		s.control(ctx)
		return
	}
	ctx.SetStatusCode(fasthttp.StatusNotFound)
}

// receive counts one webhook and answers it as its group behaves.
func (s *Sink) receive(ctx *fasthttp.RequestCtx, endpoint uint32) {
	now := time.Now()
	g := s.group(endpoint)
	g.requests.Add(1)
	if g.verify != nil && !g.verify.valid(&ctx.Request) {
		g.badSignatures.Add(1)
		ctx.SetStatusCode(fasthttp.StatusUnauthorized)
		return
	}
	behaviour := g.behaviour.Load()
	status := behaviour.status(endpoint, &g.attempts)
	if behaviour.accepts(status) {
		g.receipt(ctx, endpoint, now)
	} else {
		g.refused.Add(1)
	}
	behaviour.act(s.closed, ctx, status)
}

func (g *group) receipt(ctx *fasthttp.RequestCtx, endpoint uint32, now time.Time) {
	if !g.seen.Add(endpoint, ctx.Request.Header.Peek("Webhook-Id")) {
		g.duplicates.Add(1)
		return
	}
	g.receipts.Add(1)
	g.first.CompareAndSwap(0, now.UnixNano())
	g.last.Store(now.UnixNano())
	if sent, ok := payload.SentAt(ctx.PostBody()); ok {
		g.latency.Record(time.Duration(now.UnixNano() - sent))
	}
}

func (g *group) stats() Stats {
	return Stats{
		Requests:      g.requests.Load(),
		Receipts:      g.receipts.Load(),
		Duplicates:    g.duplicates.Load(),
		Refused:       g.refused.Load(),
		BadSignatures: g.badSignatures.Load(),
		First:         g.first.Load(),
		Last:          g.last.Load(),
		Latency:       g.latency.Latency(),
	}
}

// group returns the first group that an endpoint lies in.
func (s *Sink) group(endpoint uint32) *group {
	groups := *s.groups.Load()
	for _, g := range groups {
		if g.First <= endpoint && endpoint <= g.Last {
			return g
		}
	}
	return groups[len(groups)-1]
}

// setGroups forgets all groups with their counts and starts with these, and
// with the group Rest, which may be among them to give it a behaviour.
func (s *Sink) setGroups(groups []Group) error {
	rest := Group{Name: Rest}
	var made []*group
	for _, config := range groups {
		if config.Name == Rest {
			rest = config
			continue
		}
		g, err := newGroup(config)
		if err != nil {
			return err
		}
		made = append(made, g)
	}
	rest.First, rest.Last = 0, math.MaxUint32
	g, err := newGroup(rest)
	if err != nil {
		return err
	}
	made = append(made, g)
	s.groups.Store(&made)
	return nil
}

func newGroup(config Group) (*group, error) {
	if err := config.Behaviour.validate(); err != nil {
		return nil, err
	}
	g := &group{Group: config}
	g.behaviour.Store(&config.Behaviour)
	if config.Secret != "" {
		verify, err := newVerifier(config.Secret)
		if err != nil {
			return nil, err
		}
		g.verify = verify
	}
	return g, nil
}
