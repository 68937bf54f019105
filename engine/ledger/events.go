package ledger

import (
	"errors"
	"math"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Accepted is an event that was accepted. Its memory is the caller's.
type Accepted struct {
	*event.Event
	Pos     wal.Pos
	Matched int // endpoints that were owed it when it was applied
}

// Event finds an event of an organization.
func (l *Ledger) Event(org string, id event.ID) (a Accepted, found bool, err error) {
	pt := l.partition(org)
	row, found, err := pt.eventRow(org, id)
	if err != nil || !found {
		return a, false, err
	}
	return pt.readEvent(row)
}

// readEvent reads the event of a row; not found when retention has taken it,
// which its row can outlive for a while.
func (pt *partition) readEvent(row eventRow) (a Accepted, found bool, err error) {
	pt.mu.RLock()
	expired := row.pos < pt.expired
	pt.mu.RUnlock()
	if expired {
		return a, false, nil
	}
	ev, err := pt.EventAt(pt.p, row.pos)
	if errors.Is(err, wal.ErrNotFound) {
		return a, false, nil
	}
	return Accepted{Event: ev, Pos: row.pos, Matched: row.matched}, err == nil, err
}

// EventFilter chooses events. The zero value is all.
type EventFilter struct {
	Type          string       // "" = all
	Source        event.Source // 0 = all
	CreatedAfter  int64        // came in then or later, Unix ms; 0 = no bound
	CreatedBefore int64        // came in earlier; 0 = no bound
	Endpoint      endpoint.Key // is owed it; 0 = no matter who

	// Where is any further condition; nil = none. It is asked about each event
	// that meets the others, which may be many more than it chooses.
	Where func(*event.Event) bool
}

// Events lists events of an organization: those of one type in log order, all
// in the order of their ids, which differs where requests overtook each other.
func (l *Ledger) Events(org string, f EventFilter, page Page) (*List[Accepted], error) {
	pt := l.partition(org)
	if _, found := l.FindKey(org, f.Endpoint); f.Endpoint != 0 && !found {
		return &List[Accepted]{}, nil
	}
	r := newReader[Accepted](page)
	err := eachEvent(r, pt, org, f.Type, timeRange{f.CreatedAfter, f.CreatedBefore}, func(cursor []byte, read readEvent) (bool, error) {
		return r.offer(cursor, func() (*Accepted, error) {
			a, found, err := read()
			if err != nil || !found || !f.matches(&a) || f.Endpoint != 0 && !pt.owes(f.Endpoint, &a) {
				return nil, err
			}
			return &a, nil
		})
	})
	return r.result(), err
}

func (f *EventFilter) matches(a *Accepted) bool {
	return (f.Type == "" || f.Type == a.Type) && (f.Source == 0 || f.Source == a.Source) &&
		timeRange{f.CreatedAfter, f.CreatedBefore}.has(a.ReceivedAt) && (f.Where == nil || f.Where(a.Event))
}

// timeRange is the times from, inclusive, to until; 0 = no bound.
type timeRange struct{ from, until int64 }

func (t timeRange) has(at int64) bool { return at >= t.from && (t.until == 0 || at < t.until) }

// readEvent reads the event that a walk is at.
type readEvent func() (a Accepted, found bool, err error)

// eachEvent walks the events of an organization that can lie in a range of
// times, in the direction of the reader: those of a type by position, or all by
// id. The cursor it gives is 8 bytes, or 16. It and read are good during the
// call.
func eachEvent[T any](r *reader[T], pt *partition, org, eventType string, t timeRange, visit func(cursor []byte, read readEvent) (more bool, err error)) error {
	if eventType != "" {
		lower, upper, err := pt.positions(t)
		if err != nil {
			return err
		}
		prefix := pt.byTypePrefix(org, eventType)
		return r.rows(pt.Ledger, prefix, lower, upper, 8, func(part, value []byte) (bool, error) {
			return visit(part, func() (a Accepted, found bool, err error) {
				if len(value) != len(event.ID{}) {
					return a, false, errDamagedEvent
				}
				a, found, err = pt.Event(org, event.ID(value))
				return a, found && a.Type == eventType, err
			})
		})
	}
	lower, upper, err := idRange(t)
	if err != nil {
		return err
	}
	return r.rows(pt.Ledger, text(pt.key(tableEvent), org), lower, upper, 16, func(part, value []byte) (bool, error) {
		return visit(part, func() (a Accepted, found bool, err error) {
			var row eventRow
			if err := row.decode(value); err != nil {
				return a, false, err
			}
			return pt.readEvent(row)
		})
	})
}

// idRange bounds the ids of what came in within a range of times, as the end
// of a key.
func idRange(t timeRange) (lower, upper []byte, err error) {
	t.from -= idSlack
	return idsOf(t)
}

// idsOf bounds the ids that were made within a range of times.
func idsOf(t timeRange) (lower, upper []byte, err error) {
	var low, high event.ID
	last := int64(ulid.MaxTime())
	err = low.SetTime(uint64(min(max(0, t.from), last)))
	if t.until != 0 {
		err = errors.Join(err, high.SetTime(uint64(min(max(0, t.until), last))))
		upper = high[:]
	}
	return low[:], upper, err
}

// positions bounds the positions of what came in within a range of times, as
// the end of a key. The index of times knows whole minutes.
func (pt *partition) positions(t timeRange) (lower, upper []byte, err error) {
	all := pt.key(tableTime)
	it, err := pt.db.Iter(all, kv.PrefixEnd(all))
	if err != nil {
		return nil, nil, err
	}
	defer it.Close()
	if it.SeekLT(pt.key(tableTime).U32(minuteAfter(t.from))) {
		lower = slices.Clone(it.Value())
	}
	if t.until != 0 && it.SeekGE(pt.key(tableTime).U32(minuteAfter(t.until))) {
		upper = slices.Clone(it.Value())
	}
	return lower, upper, it.Err()
}

// minuteAfter is the first minute that begins after a time.
func minuteAfter(at int64) uint32 {
	return uint32(min(max(at, 0)/60_000+1, math.MaxUint32))
}

// owes reports whether an endpoint is owed an event.
func (pt *partition) owes(ep endpoint.Key, a *Accepted) bool {
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.members[ep]
	return m != nil && m.Owes(uint64(a.Pos), a.Event) == endpoint.Owed
}
