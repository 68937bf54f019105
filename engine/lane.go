package engine

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/wheel"
	"github.com/hookwheel/hookwheel/wal"
)

// laneID names a lane: endpoint keys are unique within a partition.
type laneID struct {
	p  int
	ep endpoint.Key
}

// lane is the queue of one endpoint. It exists only while the endpoint is owed
// something; an idle endpoint costs nothing here.
//
// What it is owed comes from two sources. Events it has never tried come in log
// order: live, handed over by apply, or, when it is behind, read back from the
// log. Deliveries that failed come from the retry index when they are due.
//
//	apply ─▶ live ──▶ queue ──┐
//	log ───▶ behind ─▶ queue ─┴▶ ring ─▶ delivery goroutines ─▶ settled
//	retry index ─▶ due ────────▶ ▲
//
// The shard loop is the only goroutine that touches a lane, except for ring and
// settings. A lane has at most one timer in the shard's wheel: the earliest
// moment at which it could do something that it cannot do now.
type lane struct {
	shard    *shard
	p        int
	key      endpoint.Key
	settings atomic.Pointer[settings] // read by delivery goroutines, set by the loop
	ring     ring
	timer    wheel.Timer[*lane]
	listed   bool // in shard.dirty

	// Events never tried.
	queue     []*attempt // in log order
	scan      wal.Pos    // all that is owed up to here is in the queue or beyond it
	behind    bool       // there is more on disk; what apply hands over is not taken
	withheld  bool       // and it hands nothing over
	missed    wal.Pos    // the newest of what was not taken
	recheck   wal.Pos    // up to here, what is read from disk may have a row already
	reading   bool
	overtaken bool // something was canceled since the reader was asked

	// Deliveries that wait for a retry.
	due     []*attempt // read from the index, and due
	low     int64      // nothing in the index is due before; where to read from
	nextDue int64      // the earliest that was not read yet; ledger.Forever = none
	arrived int64      // the earliest that was settled while a read is under way
	loading bool
	more    bool // fifo only: the index holds more than was read

	// Under way. An attempt is open from when it is put into the ring, or read
	// from the index, until apply has settled it; flight holds the events among
	// those that are not finished, in log order.
	open    map[openKey]struct{}
	flight  []*attempt
	reached wal.Pos // the newest event that was attempted

	forgotten bool // by its shard: it does nothing any more, see shard.forget

	moved int64 // Unix ms of the end of the last attempt, or of when it got something to do
	still bool  // it stands still, and keeps nothing ready, see reclaim

	window    retry.Window
	breaker   retry.Breaker
	limiter   *rate.Limiter // nil = unlimited
	hold      int64         // Unix ms until which a Retry-After, or we, hold it
	starved   bool          // in shard.starving: it could start more if the process had slots
	turn      bool          // whose turn it is: due deliveries and new events alternate
	idleSince int64         // Unix ms; 0 = busy
}

// openKey names an attempt within its lane.
type openKey struct {
	pos    wal.Pos
	replay uint32
}

func (a *attempt) key() openKey { return openKey{a.Pos, a.Replay} }

// newLane makes the lane of an endpoint from what the ledger knows of it.
func newLane(sh *shard, p int, s *settings, known *ledger.Lane) *lane {
	now := sh.engine.now()
	l := &lane{
		shard: sh, p: p, key: s.Key,
		scan: known.Position, missed: known.Position, nextDue: ledger.Forever,
		open:   make(map[openKey]struct{}),
		window: retry.StartWindow,
		breaker: retry.Breaker{
			Open: known.ProbeAt != 0, Failures: int(known.Failures), Since: min(known.FailingFrom, now),
			Down: known.Down, Probes: int(known.Probes), NextProbe: known.ProbeAt,
		},
		hold: known.HoldUntil,
	}
	l.timer.Value = l
	l.use(s)
	l.moved = now
	if !l.waits(l.hold, now) {
		l.hold = 0
	}
	if l.breaker.Open && !l.waits(l.breaker.NextProbe, now) {
		l.breaker.NextProbe = now
	}
	if began := sh.engine.clock.start; known.FailingFrom != 0 && known.LastAttempt < began {
		// How long before that the last process ended, nobody knows: what has
		// passed since its last attempt counts as down.
		l.breaker.Down += began - known.LastAttempt
	}
	if known.Waiting() > 0 {
		l.nextDue = 0
	}
	return l
}

// use takes new settings.
func (l *lane) use(s *settings) {
	old := l.settings.Swap(s)
	switch {
	case s.RateLimit == nil:
		l.limiter = nil
	case l.limiter == nil:
		// Empty when the process started: a restart brings no burst.
		l.limiter = rate.NewLimiter(s.rate, s.burst)
		l.limiter.ReserveN(time.UnixMilli(l.shard.engine.clock.start), s.burst)
	case *s.RateLimit != *old.RateLimit:
		now := time.UnixMilli(l.shard.engine.now())
		l.limiter.SetLimitAt(now, s.rate)
		l.limiter.SetBurstAt(now, s.burst)
	}
	if old != nil && s.policy.Longest() < old.policy.Longest() {
		l.expect(l.shard.engine.now()) // some of what waits may have become due, see waits
	}
	if old != nil && s.fifo() != old.fifo() {
		l.recall()
		l.unload()
	}
	if s.Sends() && !l.shard.stopping {
		l.ring.resume()
	} else {
		l.recall()
		l.fallBehind()
	}
}

// recall takes back what is ready but has not started, and starts no more
// until the ring is resumed.
func (l *lane) recall() {
	l.ring.halt()
	l.takeBack()
}

// takeBack is recall, except that what becomes ready next may start.
func (l *lane) takeBack() {
	unstarted := l.ring.empty(&l.shard.engine.slots)
	for i := len(unstarted) - 1; i >= 0; i-- {
		l.putBack(unstarted[i])
	}
}

// putBack returns an attempt that was not made to where it came from.
func (l *lane) putBack(a *attempt) {
	if a.retried {
		l.due = slices.Insert(l.due, 0, a)
		l.shard.engine.metrics.due.Inc()
		return
	}
	l.land(a)
	delete(l.open, a.key())
	at, _ := slices.BinarySearchFunc(l.queue, a.Pos, byPos)
	l.queue = slices.Insert(l.queue, at, a)
}

// launch notes that an attempt goes into the ring.
func (l *lane) launch(a *attempt) {
	if a.retried {
		return // open since it was read
	}
	l.open[a.key()] = struct{}{}
	at, _ := slices.BinarySearchFunc(l.flight, a.Pos, byPos)
	l.flight = slices.Insert(l.flight, at, a)
}

// land takes an event out of the flight.
func (l *lane) land(a *attempt) {
	if at, found := slices.BinarySearchFunc(l.flight, a.Pos, byPos); found {
		l.flight = slices.Delete(l.flight, at, at+1)
	}
}

func byPos(a *attempt, pos wal.Pos) int { return cmp.Compare(a.Pos, pos) }

// position is up to where all that the lane is owed has had an attempt. What
// was put back is in the queue, before what is under way. A forgotten lane does
// not know any more what it had queued: it says nothing.
func (l *lane) position() wal.Pos {
	if l.forgotten {
		return 0
	}
	position := l.scan
	if len(l.queue) > 0 {
		position = l.queue[0].prev
	}
	if len(l.flight) > 0 {
		position = min(position, l.flight[0].prev)
	}
	return position
}

// owesPause reports whether the rate limit still counts attempts of before: a
// lane that is made anew would know nothing of them.
func (l *lane) owesPause(now int64) bool {
	return l.limiter != nil && l.limiter.TokensAt(time.UnixMilli(now)) < float64(l.limiter.Burst())
}

// idle reports whether nothing at all is left to do.
func (l *lane) idle(now int64) bool {
	return len(l.queue) == 0 && len(l.due) == 0 && len(l.open) == 0 && !l.behind && !l.reading && !l.loading &&
		l.nextDue == ledger.Forever && !l.breaker.Open && l.hold <= now
}
