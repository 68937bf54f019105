package ledger

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// What a shard loop reads of the ledger: where its lanes stand, what they are
// owed from further back than memory reaches, and what is due to be retried.

// Lanes visits every living endpoint of partition p and what is known of its
// lane, in no order. The ledger does not change meanwhile: be quick.
func (l *Ledger) Lanes(p int, visit func(*endpoint.Endpoint, *Lane)) {
	pt := l.parts[p]
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	for _, m := range pt.mu.members {
		if m.DeletedAt == 0 {
			visit(m.Endpoint, &m.Lane)
		}
	}
}

// Lookup finds a living endpoint of partition p and what is known of its lane.
func (l *Ledger) Lookup(p int, ep endpoint.Key) (*endpoint.Endpoint, Lane, bool) {
	pt := l.parts[p]
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.members[ep]
	if m == nil || m.DeletedAt != 0 {
		return nil, Lane{}, false
	}
	return m.Endpoint, m.Lane, true
}

// Withhold lets apply count an endpoint's events without handing them over: its
// lane is behind and reads them from the log. So one that takes nothing costs
// the others next to nothing, however much it is owed.
func (l *Ledger) Withhold(p int, ep endpoint.Key) { l.withhold(p, ep, true) }

// HandOver ends Withhold. What was withheld is up to the position it returns;
// everything after that is handed over.
func (l *Ledger) HandOver(p int, ep endpoint.Key) wal.Pos { return l.withhold(p, ep, false) }

// withhold works under the lock that apply holds for a whole group: a group has
// seen the flag as it was before, and is applied, or sees it as it is now.
func (l *Ledger) withhold(p int, ep endpoint.Key, withheld bool) wal.Pos {
	pt := l.parts[p]
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	if m := pt.mu.members[ep]; m != nil {
		m.withheld.Store(withheld)
	}
	return pt.appliedTo()
}

// EventsAfter visits the accepted events of partition p after one position, up
// to and including another, in order, until visit returns false. The event is
// borrowed during the call.
func (l *Ledger) EventsAfter(p int, after, upTo wal.Pos, visit func(wal.Pos, *event.Event) bool) error {
	return l.parts[p].accepted(after, upTo, func(pos wal.Pos, ev *event.Event) (bool, error) { return visit(pos, ev), nil })
}

// accepted is EventsAfter with a visit that may fail.
func (pt *partition) accepted(after, upTo wal.Pos, visit func(wal.Pos, *event.Event) (more bool, err error)) error {
	twice, err := pt.duplicatesAfter(after, upTo)
	if err != nil {
		return err
	}
	var ev event.Event
	var failed error
	err = pt.log.Scan(pt.p, after, upTo, func(r wal.Rec) bool {
		if isErased(r) {
			return true
		}
		ev.ID, ev.ReceivedAt = r.ID, r.At
		if failed = ev.Decode(r.Data); failed != nil {
			return false
		}
		if twice.has(r.Pos) {
			return true
		}
		var more bool
		more, failed = visit(r.Pos, &ev)
		return more && failed == nil
	})
	return errors.Join(err, failed, twice.Close())
}

// isErased reports whether a record is an event whose data was wiped with its
// organization. Nothing of it counts any more.
func isErased(r wal.Rec) bool { return r.Kind == wal.Event && len(r.Data) == 0 }

// EventAt reads one event from the log; wal.ErrNotFound when retention has
// taken it, or it was erased with its organization.
func (l *Ledger) EventAt(p int, at wal.Pos) (*event.Event, error) {
	r, err := l.log.Get(p, at)
	if err == nil && isErased(r) {
		err = wal.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	ev := &event.Event{ID: r.ID, ReceivedAt: r.At}
	return ev, ev.Decode(r.Data)
}

// Matched is how many endpoints were owed an event when it was applied.
func (l *Ledger) Matched(ev *event.Event) (int, error) {
	row, _, err := l.partition(ev.Organization).eventRow(ev.Organization, ev.ID)
	return row.matched, err
}

// Started reports whether a delivery has a row: what a lane that starts again
// must not send a second time.
func (l *Ledger) Started(p int, ref Ref) (bool, error) {
	return l.db.Has(l.parts[p].deliveryKey(ref))
}

// Waiting is a delivery that waits for its next attempt.
type Waiting struct {
	Due
	Queue wal.Pos // its place in a fifo line
}

// WaitingFrom appends to dst the deliveries of an endpoint that wait for an
// attempt due at from (Unix ms) or later, the earliest first, at most limit.
// Starting at the earliest that can still be there keeps the read short: what
// was retried before leaves traces that a seek from zero has to pass.
func (l *Ledger) WaitingFrom(p int, ep endpoint.Key, from int64, limit int, dst []Waiting) ([]Waiting, error) {
	if limit <= 0 {
		return dst, nil
	}
	err := l.eachWaiting(p, ep, from, func(w Waiting) bool {
		dst = append(dst, w)
		limit--
		return limit > 0
	})
	return dst, err
}

// Line is the beginning of a fifo line.
type Line struct {
	First []Waiting // in the order of their places
	Due   int64     // when the earliest of all is due, Unix ms; Forever if nobody waits
	More  bool      // others wait behind them
}

// LineFrom is WaitingFrom in the order of a fifo line. It looks at everything
// that waits, since who is due first need not be the first in line, and keeps
// no more than twice the limit in memory.
func (l *Ledger) LineFrom(p int, ep endpoint.Key, from int64, limit int) (Line, error) {
	line := Line{Due: Forever}
	cut := func() {
		slices.SortFunc(line.First, func(a, b Waiting) int {
			return cmp.Or(cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Pos, b.Pos), cmp.Compare(a.Replay, b.Replay))
		})
		if len(line.First) > limit {
			line.First, line.More = line.First[:limit], true
		}
	}
	err := l.eachWaiting(p, ep, from, func(w Waiting) bool {
		line.Due = min(line.Due, w.At)
		if line.First = append(line.First, w); len(line.First) == 2*limit {
			cut()
		}
		return true
	})
	cut()
	return line, err
}

// eachWaiting visits the deliveries of an endpoint that wait for an attempt due
// at from or later, the earliest first, until visit returns false.
func (l *Ledger) eachWaiting(p int, ep endpoint.Key, from int64, visit func(Waiting) bool) error {
	pt := l.parts[p]
	lower := pt.endpointKey(tableRetry, ep).U64(uint64(from))
	it, err := l.db.Iter(lower, kv.PrefixEnd(pt.endpointKey(tableRetry, ep)))
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		k := it.Key()
		w := Waiting{Due: Due{Ref: Ref{Endpoint: ep}}}
		w.At = int64(keyU64(k, retryDueAt))
		w.Pos = wal.Pos(keyU64(k, retryPosAt))
		w.Replay = keyU32(k, retryPosAt+8)
		if w.Queue = wal.Pos(keyU64(it.Value(), 0)); w.Queue == 0 {
			w.Queue = w.Pos
		}
		if !visit(w) {
			break
		}
	}
	return it.Err()
}

// Row is what is known of a delivery that has been attempted, put back in line
// or canceled.
func (l *Ledger) Row(p int, ref Ref) (delivery.Row, bool, error) { return l.parts[p].row(ref) }

// Forever is a due time that never comes.
const Forever = math.MaxInt64
