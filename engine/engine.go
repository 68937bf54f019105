// Package engine takes events in, keeps them, and delivers each to every
// endpoint that is owed it, until the endpoint has accepted it or the retry
// schedule is used up.
//
//	Post ─▶ ledger ─▶ log ─ durable ─▶ ledger.apply ─▶ shard loops 0…N-1
//	                   ▲                                   │ lane = one endpoint
//	                   │                                   ▼
//	                   └── outcomes ◀── outbox ◀── delivery goroutines ─▶ Sender
//
// Data goes round this one loop, in one direction. The log is the truth; what
// is known of it is in package ledger, which is the only writer of state. This
// package decides when to send what: a shard loop owns its lanes and its timer
// wheel, and no other goroutine touches them. Read shard.go, then lane.go,
// pump.go, attempt.go and decide.go.
//
// The administrative side: endpoints.go, deliveries.go, replays.go and
// tenants.go hold the verbs that people call, replayer.go and janitor.go what
// happens by itself.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/wal"
)

// Engine is a running delivery engine. All methods are safe for concurrent use.
type Engine struct {
	options   Options
	logger    *slog.Logger
	store     *wal.Store
	ledger    *ledger.Ledger
	box       *secret.Box
	sender    Sender
	bus       Bus
	owners    []wal.Owner
	shards    []*shard
	slots     slots
	memory    memory
	metrics   *engineMetrics
	userAgent []byte
	clock     clock

	buckets    [][]appliedPart // [partition][shard], used by the partition's apply goroutine
	recovered  atomic.Bool     // what was in the log at start is applied
	starving   atomic.Bool
	deliveries sync.WaitGroup  // delivery goroutines
	background sync.WaitGroup  // everything else
	quit       chan struct{}   // ends loops, readers and janitor
	life       context.Context // ends with quit
	cancel     context.CancelFunc
	failure    chan error // what Run of the ledger returned
	closing    atomic.Bool

	uses          uses
	lastComplaint atomic.Int64  // Unix ms, see storageFailed
	disabling     sync.Map      // laneID of endpoints that the engine is about to disable
	replaying     sync.Map      // event.ID of replay jobs that have a goroutine
	retrying      sync.Map      // ids of organizations for which RetryFailed runs
	deleted       chan struct{} // one token: an organization was deleted
}

// Open opens the store, applies what the log holds that the ledger has not
// seen, and starts to deliver. It returns when everything that was durable can
// be read.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("engine options: %w", err)
	}
	e := &Engine{
		options: o, logger: o.Logger, box: o.Box, sender: o.Sender, bus: o.Bus,
		slots:     slots{limit: int64(o.MaxInFlight)},
		memory:    memory{limit: o.LiveMemory},
		userAgent: []byte("hookwheel/" + o.Version),
		clock:     newClock(o.Log.Now),
		quit:      make(chan struct{}),
		deleted:   make(chan struct{}, 1),
		failure:   make(chan error, 1),
	}
	e.life, e.cancel = context.WithCancel(context.Background())
	e.memory.short = func() {
		for _, sh := range e.shards {
			signal(sh.inbox.wake)
		}
	}
	e.metrics = newEngineMetrics()
	o.Log.Observer = e.metrics.observer()
	var err error
	if e.store, err = wal.Open(o.Log); err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context) (err error) {
	if err = e.checkKey(); err != nil {
		return err
	}
	e.ledger, err = ledger.Open(ledger.Options{Log: e.store, DB: e.store.DB(), Follower: e, Logger: e.logger})
	if err != nil {
		return err
	}
	for p := range e.ledger.Partitions() {
		owner, err := e.store.Claim(ctx, p)
		if err != nil {
			return fmt.Errorf("claim partition %d: %w", p, err)
		}
		e.owners = append(e.owners, owner)
		e.buckets = append(e.buckets, make([]appliedPart, e.options.Shards))
	}
	for n := range e.options.Shards {
		e.shards = append(e.shards, newShard(e, n, e.now()))
	}

	e.background.Go(func() { e.failure <- e.ledger.Run(e.life) })
	if err := e.ledger.Follow(ctx); err != nil {
		return fmt.Errorf("apply the log: %w", err)
	}
	for p := range e.owners {
		e.resume(p)
	}
	e.recovered.Store(true)
	for _, sh := range e.shards {
		e.background.Go(func() { sh.run(e.quit) })
		e.background.Go(func() { sh.reader.run(e.quit) })
	}
	e.background.Go(e.tidy)
	e.background.Go((&eraser{Engine: e, unsure: true}).run)
	return e.resumeReplays()
}

// now is the time for all scheduling, Unix ms; see clock.
func (e *Engine) now() int64 { return e.clock.now() }

// shardOf is the shard that has an endpoint's lane. Multiplying by an odd
// constant spreads keys that are all multiples of something.
func (e *Engine) shardOf(p int, ep endpoint.Key) *shard {
	h := (uint64(ep) + uint64(p)) * 0x9E3779B97F4A7C15 >> 32
	return e.shards[h%uint64(len(e.shards))]
}

// resume tells the loops which endpoints of a partition are owed something from
// before this process. What the ledger applied while it recovered was not
// handed over: its outcomes may have been in the log already, and only the rows
// know.
func (e *Engine) resume(p int) {
	owing := ledger.Applied{UpTo: e.ledger.Applied(p)}
	e.ledger.Lanes(p, func(ep *endpoint.Endpoint, known *ledger.Lane) {
		if ep.Sends() && known.Backlog()+known.Waiting() > 0 {
			owing.Endpoints = append(owing.Endpoints, ep)
		}
	})
	e.hand(p, &owing)
}

// Applied implements ledger.Follower.
func (e *Engine) Applied(p int, what *ledger.Applied) {
	if e.recovered.Load() {
		e.hand(p, what)
	}
}

// hand sorts what was applied by shard and leaves each its part. For each
// partition only one goroutine at a time calls it.
func (e *Engine) hand(p int, what *ledger.Applied) {
	parts := e.buckets[p]
	part := func(ep endpoint.Key) *appliedPart { return &parts[e.shardOf(p, ep).n] }
	for _, ep := range what.Endpoints {
		to := part(ep.Key)
		to.endpoints = append(to.endpoints, ep)
	}
	for i := range what.Owed {
		to := part(what.Owed[i].Endpoint)
		to.owed = append(to.owed, what.Owed[i])
	}
	for _, s := range what.Settled {
		to := part(s.Endpoint)
		to.settled = append(to.settled, s)
	}
	for _, r := range what.Requeued {
		to := part(r.Endpoint)
		to.settled = append(to.settled, ledger.Settled{Ref: r.Ref, State: delivery.Pending, Next: r.At})
	}
	for _, ref := range what.Canceled {
		to := part(ref.Endpoint)
		to.canceled = append(to.canceled, ref)
	}
	for n, part := range parts {
		if !part.empty() {
			part.p, part.upTo = p, what.UpTo
			parts[n] = part.likeIt()
			e.shards[n].leave(func(in *inboxes) { in.applied = append(in.applied, part) })
		}
	}
}

// barrier returns when the loop of an endpoint's shard has taken everything
// that was left in its inbox before.
func (e *Engine) barrier(ctx context.Context, p int, ep endpoint.Key) error {
	return e.shardOf(p, ep).pass(ctx)
}

// wakeStarved tells lanes that wanted slots that there are some.
func (e *Engine) wakeStarved() {
	if e.starving.CompareAndSwap(true, false) {
		for _, sh := range e.shards {
			sh.leave(func(in *inboxes) { in.starved = true })
		}
	}
}

// ErrClosed says that the engine is shutting down.
var ErrClosed = errors.New("engine: shutting down")

// Close stops: no attempt starts any more, those under way may finish until ctx
// ends, what came of them is written, and the store is closed. After a Close
// that returned nil nothing will be sent twice. When ctx ends first, interrupt
// is called to break off what is still under way. A second Close does nothing
// but return ErrClosed.
func (e *Engine) Close(ctx context.Context, interrupt func()) error {
	if !e.closing.CompareAndSwap(false, true) {
		return ErrClosed
	}
	for _, sh := range e.shards {
		sh.leave(func(in *inboxes) { in.stop = true })
		_ = sh.pass(context.Background()) // the loops run until close
	}
	landed := make(chan struct{})
	go func() {
		e.deliveries.Wait()
		close(landed)
	}()
	var late error
	select {
	case <-landed:
	case <-ctx.Done():
		late = fmt.Errorf("attempts were still under way and are broken off: %w", ctx.Err())
		interrupt()
		<-landed
	}
	for _, sh := range e.shards {
		sh.leave(func(in *inboxes) { in.last = true })
	}
	for _, sh := range e.shards {
		select {
		case <-sh.done:
		case <-time.After(2 * e.options.Log.AppendTimeout):
			late = errors.Join(late, e.unwritten())
		}
	}
	return errors.Join(late, e.close())
}

// unwritten says that outcomes are not in the log, and why if that is known.
func (e *Engine) unwritten() error {
	err := errors.New("outcomes could not be written: those attempts will be made again after the next start")
	if why := e.store.Healthy(); why != nil {
		err = fmt.Errorf("%w; %w", err, why)
	}
	return err
}

// close ends everything that reads the store before it closes it.
func (e *Engine) close() error {
	close(e.quit)
	e.cancel()
	e.background.Wait()
	return e.store.Close()
}

// Failed delivers the error that has stopped the ledger, if one does: then
// nothing is accepted or recorded any more and the process should end.
func (e *Engine) Failed() <-chan error { return e.failure }

// Ledger is for reading.
func (e *Engine) Ledger() *ledger.Ledger { return e.ledger }

// Store is for its status and for backups.
func (e *Engine) Store() *wal.Store { return e.store }
