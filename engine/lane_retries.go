package engine

import (
	"cmp"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// The second source of a lane: deliveries in the retry index.

// loaded merges what the reader found in the retry index. What was settled
// after it looked is not in there.
//
// A fifo lane wants to know who is first in line, due or not; for another, what
// is not due stays in the index. So does, for a fifo lane, what was put in line
// by a record that it was not told of yet: events can come before that.
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
		if fifo && a.place > l.shard.told[l.p] {
			l.more = false // apply's word of it, and of what is behind it, makes the lane look again
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
// than the schedule ever puts it was scheduled by a longer one, or under a clock
// that has been set back since, and would wait for ages: it is due.
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
	l.recheck, l.overtaken = max(l.recheck, ref.Pos), true
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
