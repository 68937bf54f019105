package engine

import (
	"math/rand/v2"
	"time"

	"github.com/hookwheel/hookwheel/engine/wheel"
	"github.com/hookwheel/hookwheel/wal"
)

// shard owns the lanes of a fixed part of all endpoints and runs the loop that
// is the only one to touch them. Everybody else leaves a message in its inbox:
//
//	apply: what is owed, what was settled, which endpoints changed
//	delivery goroutines: what came of an attempt
//	reader: what was found on disk
//	log: outcomes are written
//
// One turn of the loop takes all messages at once, lets the due timers fire,
// pumps every lane that something happened to, and writes outcomes. So the cost
// of a wake-up is shared by all that came in meanwhile.
type shard struct {
	engine *Engine
	n      int
	reader reader
	inbox  inbox

	// Only the loop touches what follows.
	lanes     map[laneID]*lane
	wheel     *wheel.Wheel[*lane]
	dirty     []*lane
	starving  []*lane
	outboxes  []*outbox // by partition
	told      []wal.Pos // by partition: it knows what concerns it in the records up to here
	reclaimAt int64     // see reclaim
	stopping  bool
	ending    bool          // stopping, and no attempt is under way any more
	done      chan struct{} // closed when ending and every outcome is written
	drained   inboxes
}

func newShard(e *Engine, n int, now int64) *shard {
	sh := &shard{engine: e, n: n, done: make(chan struct{}), lanes: make(map[laneID]*lane), wheel: wheel.New[*lane](now)}
	sh.inbox.wake = make(chan struct{}, 1)
	sh.reader = reader{shard: sh, wake: make(chan struct{}, 1)}
	sh.told = make([]wal.Pos, e.ledger.Partitions())
	for p := range e.ledger.Partitions() {
		sh.outboxes = append(sh.outboxes, &outbox{shard: sh, p: p, owner: e.owners[p]})
	}
	return sh
}

// run is the loop, until quit is closed.
func (sh *shard) run(quit <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-sh.inbox.wake:
		case <-timer.C:
		case <-quit:
			return
		}
		now := sh.engine.now()
		sh.drain(now)
		sh.wheel.Advance(now, func(t *wheel.Timer[*lane]) { sh.touch(t.Value) })
		for _, l := range sh.dirty {
			l.listed = false
			l.pump(now)
		}
		clear(sh.dirty)
		sh.dirty = sh.dirty[:0]
		next, pending := sh.wheel.Next()
		sooner := func(at int64) {
			if at != 0 && (!pending || at < next) {
				next, pending = at, true
			}
		}
		sooner(sh.reclaim(now))
		for _, b := range sh.outboxes {
			sooner(b.flush(now))
		}
		if sh.ending {
			sh.checkDone()
		}
		if pending {
			timer.Reset(time.Duration(max(0, next-now)) * time.Millisecond)
		} else {
			timer.Stop()
		}
	}
}

// let wakes who waits at a barrier, as soon as it may.
func (sh *shard) let(b barrier) {
	if !b.written {
		close(b.passed)
		return
	}
	left := len(sh.outboxes)
	for _, out := range sh.outboxes {
		out.afterwards(func() {
			if left--; left == 0 {
				close(b.passed)
			}
		})
	}
}

func (sh *shard) checkDone() {
	for _, b := range sh.outboxes {
		if !b.empty() {
			return
		}
	}
	select {
	case <-sh.done:
	default:
		close(sh.done)
	}
}

// touch lists a lane to be pumped in this turn.
func (sh *shard) touch(l *lane) {
	if !l.listed {
		l.listed = true
		sh.dirty = append(sh.dirty, l)
	}
}

// drain takes all messages. Changes of endpoints come before what is owed: a
// new endpoint's first event may be in the same group.
func (sh *shard) drain(now int64) {
	sh.inbox.mu.Lock()
	in := sh.inbox.inboxes
	sh.inbox.inboxes = sh.drained
	sh.inbox.mu.Unlock()

	if in.stop && !sh.stopping {
		sh.stopping = true
		for _, l := range sh.lanes {
			l.recall()
			sh.touch(l)
		}
	}
	sh.ending = sh.ending || in.last
	for _, a := range in.finished {
		a.lane.finished(a, now)
		sh.touch(a.lane)
	}
	for i := range in.wrote {
		sh.outboxes[in.wrote[i].p].wrote(in.wrote[i].err, now)
	}
	for i := range in.applied {
		sh.apply(&in.applied[i])
	}
	for i := range in.read {
		sh.tookRead(&in.read[i], now)
	}
	for i := range in.loaded {
		sh.tookLoaded(&in.loaded[i], now)
	}
	for _, l := range in.ended {
		sh.touch(l)
	}
	if in.starved {
		for _, i := range rand.Perm(len(sh.starving)) { // or some would never be the first
			sh.starving[i].starved = false
			sh.touch(sh.starving[i])
		}
		clear(sh.starving)
		sh.starving = sh.starving[:0]
	}
	for _, b := range in.barriers {
		sh.let(b)
	}
	sh.drained = in.reset()
}

// A lane whose part of the disk cannot be read tries again after so long.
const unreadablePause = 1000 // ms

func (sh *shard) tookRead(r *readResult, now int64) {
	sh.engine.memory.give(r.bytes)
	if r.lane.forgotten {
		return
	}
	if r.err != nil {
		sh.engine.storageFailed(r.err)
		r.lane.reading = false
		r.lane.pause(now + unreadablePause)
	} else {
		r.lane.took(r)
	}
	sh.touch(r.lane)
}

func (sh *shard) tookLoaded(r *loadResult, now int64) {
	if r.lane.forgotten {
		return
	}
	if r.err != nil {
		sh.engine.storageFailed(r.err)
		r.lane.loading, r.lane.nextDue = false, now
		r.lane.pause(now + unreadablePause)
	} else {
		r.lane.loaded(r, now)
	}
	sh.touch(r.lane)
}

func (sh *shard) apply(part *appliedPart) {
	sh.told[part.p] = part.upTo
	for _, e := range part.endpoints {
		sh.changed(part.p, e)
	}
	for i := range part.owed {
		o := &part.owed[i]
		if l := sh.lane(part.p, o.Endpoint, o.Pos); l != nil {
			l.owe(o)
			sh.touch(l)
		}
	}
	for _, s := range part.settled {
		if l := sh.lane(part.p, s.Endpoint, 0); l != nil {
			l.settle(s)
			sh.touch(l)
		}
	}
	for _, ref := range part.canceled {
		if l := sh.lanes[laneID{part.p, ref.Endpoint}]; l != nil {
			l.cancel(ref)
			sh.touch(l)
		}
	}
}

// starve lists a lane to be pumped when a slot is given back from now on.
func (sh *shard) starve(l *lane) {
	if !l.starved {
		l.starved = true
		sh.starving = append(sh.starving, l)
	}
	sh.engine.starving.Store(true)
}

// disable asks for the endpoint to be disabled, without waiting: the answer
// comes back as a change. The outcome that is the reason, which was added last,
// comes before it in the log: whoever sees the endpoint disabled sees why.
func (sh *shard) disable(l *lane, reason string) {
	sh.outboxes[l.p].afterwards(func() {
		if e := l.settings.Load().Endpoint; e.Enabled() {
			sh.engine.disable(l.p, e, reason)
		}
	})
}

func (sh *shard) random() float64 { return rand.Float64() }
