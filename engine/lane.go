package engine

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookwheel/hookwheel/engine/delivery"
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
	queue    []*attempt // in log order
	scan     wal.Pos    // all that is owed up to here is in the queue or beyond it
	behind   bool       // there is more on disk; what apply hands over is not taken
	withheld bool       // and it hands nothing over
	missed   wal.Pos    // the newest of what was not taken
	recheck  wal.Pos    // up to here, what is read from disk may have a row already
	reading  bool

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

// owe takes an event that apply has just found the lane to be owed.
func (l *lane) owe(o *ledger.Owed) {
	if o.Pos <= l.scan {
		return // it was read from disk before apply's word of it arrived
	}
	if l.behind || !l.settings.Load().Sends() || len(l.queue) >= l.appetite() || !l.shard.engine.memory.has() {
		l.fall(o.Pos)
		return
	}
	l.enqueue(&attempt{
		lane: l, Ref: ledger.Ref{Endpoint: l.key, Pos: o.Pos},
		event: o.Event, matched: o.Matched,
	})
}

// enqueue puts an event behind all that is queued.
func (l *lane) enqueue(a *attempt) {
	a.prev, l.scan = l.scan, a.Pos
	l.shard.engine.memory.take(a.size())
	l.queue = append(l.queue, a)
}

// appetite is how many events are worth having in the queue: a lane whose
// receiver takes many at once eats faster than one that hangs.
func (l *lane) appetite() int { return min(16*int(l.window), 1024) }

// fallBehind lets go of the queue: the lane cannot send for a while, and will
// read it back from the log. It keeps what was overtaken by an event that has
// been attempted, which would be read, and sent, a second time.
func (l *lane) fallBehind() {
	reached := l.reached
	if n := len(l.flight); n > 0 {
		reached = max(reached, l.flight[n-1].Pos)
	}
	keep, _ := slices.BinarySearchFunc(l.queue, reached+1, byPos)
	if keep == len(l.queue) {
		return
	}
	l.fall(l.scan)
	l.scan = l.queue[keep].prev
	for _, a := range l.queue[keep:] {
		l.shard.engine.memory.give(a.size())
	}
	l.queue = slices.Clone(l.queue[:keep])
}

// took merges what the reader found for the lane.
func (l *lane) took(r *readResult) {
	l.reading = false
	if !l.behind || r.after != l.scan || r.recheck != l.recheck || !l.settings.Load().Sends() {
		return // meanwhile it let go of its queue, or something was canceled: ask again
	}
	for _, found := range r.found {
		l.enqueue(&attempt{lane: l, Ref: ledger.Ref{Endpoint: l.key, Pos: found.pos}, event: found.event})
	}
	l.scan = r.upTo
	if l.scan >= l.missed {
		l.catchUp()
	}
}

// fall makes the lane read from the log what it is owed, up to a position at
// least. From now on apply need not hand anything over.
func (l *lane) fall(missed wal.Pos) {
	l.missed = max(l.missed, missed)
	if !l.behind {
		l.behind, l.withheld = true, true
		l.shard.engine.ledger.Withhold(l.p, l.key)
	}
}

// catchUp makes the lane live again if it has read everything. What apply
// withheld meanwhile it has yet to read, and notes what comes by then.
func (l *lane) catchUp() {
	if l.withheld {
		l.withheld = false
		l.missed = max(l.missed, l.shard.engine.ledger.HandOver(l.p, l.key))
	}
	l.behind = l.scan < l.missed
}

// loaded merges what the reader found in the retry index. What was settled
// after it looked is not in there.
//
// A fifo lane wants to know who is first in line, due or not; for another, what
// is not due stays in the index.
func (l *lane) loaded(r *loadResult, now int64) {
	fifo := l.settings.Load().fifo()
	l.loading, l.more = false, r.more && fifo
	l.nextDue, l.low = min(r.rest, l.arrived), min(r.first, l.arrived)
	if r.more && !fifo { // it was one when it asked
		l.nextDue = min(l.nextDue, r.first)
	}
	for i := range r.found {
		w := &r.found[i]
		a := &attempt{lane: l, Ref: w.Ref, retried: true, due: w.At, place: w.Queue}
		if _, open := l.open[a.key()]; open {
			continue
		}
		if l.waits(w.At, now) && !fifo {
			l.nextDue = min(l.nextDue, w.At)
			continue
		}
		l.open[a.key()] = struct{}{}
		l.due = append(l.due, a)
		l.shard.engine.metrics.due.Inc()
	}
	if l.nextDue != ledger.Forever {
		l.nextDue = min(l.nextDue, now+l.longest())
	}
	if fifo {
		slices.SortFunc(l.due, func(a, b *attempt) int { return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.Pos, b.Pos)) })
	}
}

// waits says whether something due at a time is not due yet. What is due later
// than the schedule ever puts it was scheduled under a clock that has been set
// back since, and would wait for ages: it is due.
func (l *lane) waits(due, now int64) bool { return due > now && due <= now+l.longest() }

// longest is how far ahead the lane schedules at most, ms.
func (l *lane) longest() int64 {
	s := l.settings.Load()
	return max(s.policy.Longest(), l.shard.engine.options.Breaker.Longest()).Milliseconds()
}

// settle takes apply's word on an outcome, or on a delivery that a person put
// back in line.
func (l *lane) settle(s ledger.Settled) {
	key := openKey{s.Pos, s.Replay}
	if s.State == delivery.Pending {
		l.withdraw(key) // an attempt under way stays open: it takes the new place
	} else {
		delete(l.open, key)
	}
	if s.State == delivery.Retrying || s.State == delivery.Pending {
		l.expect(s.Next)
	}
}

// expect notes that the index has something that is due then.
func (l *lane) expect(due int64) {
	l.nextDue, l.low, l.arrived = min(l.nextDue, due), min(l.low, due), min(l.arrived, due)
}

// cancel takes out what was canceled. If it is under way, its outcome is late.
func (l *lane) cancel(ref ledger.Ref) {
	l.recheck = max(l.recheck, ref.Pos)
	l.withdraw(openKey{ref.Pos, ref.Replay})
}

// withdraw takes an attempt that has not started out of the line, and keeps one
// at an event that has from going back there.
func (l *lane) withdraw(key openKey) {
	if a := l.ring.withdraw(key); a != nil {
		l.putBack(a)
	}
	is := func(a *attempt) bool { return a.key() == key }
	if i := slices.IndexFunc(l.due, is); i >= 0 {
		l.due = slices.Delete(l.due, i, i+1)
		delete(l.open, key)
		l.shard.engine.metrics.due.Dec()
		return
	}
	if i := slices.IndexFunc(l.queue, is); i >= 0 {
		l.shard.engine.memory.give(l.queue[i].size())
		l.queue = slices.Delete(l.queue, i, i+1)
		return
	}
	if i := slices.IndexFunc(l.flight, is); i >= 0 {
		l.flight[i].withdrawn = true
	}
}

// unload forgets what was read from the index, which is to be read again.
func (l *lane) unload() {
	for _, a := range l.due {
		delete(l.open, a.key())
		l.expect(a.due)
	}
	l.shard.engine.metrics.due.Add(-float64(len(l.due)))
	l.due = nil
}

// recall takes back what is ready but has not started, and starts no more
// until the ring is resumed.
func (l *lane) recall() {
	l.ring.halt()
	l.takeBack()
}

// takeBack is recall, except that what becomes ready next may start.
func (l *lane) takeBack() {
	unstarted := l.ring.empty()
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
