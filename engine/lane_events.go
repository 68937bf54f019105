package engine

import (
	"slices"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// The first source of a lane: events that it has never tried, live or read back.

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
	if !l.behind || r.after != l.scan || l.overtaken || !l.settings.Load().Sends() {
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
