package engine

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/wal"
)

// Which lanes a shard has: an endpoint gets one when it is owed something, and
// loses it when there is nothing left to do.

// changed takes a new version of an endpoint. One without a lane gets it when
// there is something to send.
func (sh *shard) changed(p int, e *endpoint.Endpoint) {
	l := sh.lanes[laneID{p, e.Key}]
	switch {
	case l == nil && e.Sends():
		sh.resurrect(p, e.Key)
	case l != nil:
		s := sh.settings(e)
		if s == nil { // nothing can be sent any more
			l.recall()
			sh.forget(l)
			return
		}
		if s.Sends() && !l.settings.Load().Sends() { // enabled or resumed: a fresh start
			l.breaker, l.hold = retry.Breaker{}, 0
		}
		l.use(s)
		sh.touch(l)
		if e.DeletedAt != 0 {
			sh.forget(l)
		}
	}
}

// resurrect makes the lane of an endpoint that is owed something from before
// this process, or from while it could not be sent anything.
func (sh *shard) resurrect(p int, ep endpoint.Key) {
	e, known, alive := sh.engine.ledger.Lookup(p, ep)
	if alive && e.Sends() && known.Backlog()+known.Waiting() > 0 {
		if l := sh.lane(p, ep, 0); l != nil {
			sh.touch(l)
		}
	}
}

// lane is the lane of an endpoint, made now if it has none; nil when there is
// no such endpoint any more. owed is the position of the event that it is
// needed for, 0 if it is none: a lane whose backlog begins with that event
// takes it from memory, any other begins by reading.
func (sh *shard) lane(p int, ep endpoint.Key, owed wal.Pos) *lane {
	id := laneID{p, ep}
	if l := sh.lanes[id]; l != nil {
		return l
	}
	applied := sh.engine.ledger.Applied(p)
	e, known, alive := sh.engine.ledger.Lookup(p, ep)
	if !alive {
		return nil
	}
	s := sh.settings(e)
	if s == nil {
		return nil
	}
	l := newLane(sh, p, s, &known)
	l.recheck = applied // beyond where it goes on there can be rows, also if it owes nothing
	if known.Backlog() > 0 && (owed == 0 || known.Oldest != owed) {
		l.behind, l.missed = true, applied
	}
	sh.lanes[id] = l
	return l
}

// settings works out an endpoint's settings. They can fail only when a stored
// secret cannot be opened: then nothing is sent, and the operator is told.
func (sh *shard) settings(e *endpoint.Endpoint) *settings {
	s, err := sh.engine.options.Defaults.settings(e, sh.engine.box)
	if err != nil {
		sh.engine.logger.Error("endpoint cannot be used", "endpoint", e.ID, "error", err)
		return nil
	}
	return s
}

// forget ends a lane. Attempts of it may still be under way: what comes of them
// is recorded. What the reader brings it is dropped.
func (sh *shard) forget(l *lane) {
	l.forgotten = true
	sh.wheel.Stop(&l.timer)
	sh.engine.metrics.due.Add(-float64(len(l.due)))
	for _, a := range l.queue {
		sh.engine.memory.give(a.size())
	}
	l.due, l.queue = nil, nil
	if l.withheld {
		sh.engine.ledger.HandOver(l.p, l.key)
	}
	delete(sh.lanes, laneID{l.p, l.key})
}
