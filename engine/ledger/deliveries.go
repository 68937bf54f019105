package ledger

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// Delivery is a delivery as people see it. One that has no row yet is made up
// from what is implied: it is pending, or canceled if its endpoint was deleted.
// An attempt under way does not show.
type Delivery struct {
	ID       delivery.ID
	Pos      wal.Pos            // of its event
	Event    *event.Event       // the caller's
	Endpoint *endpoint.Endpoint // as it is now; may be deleted

	State    delivery.State
	Attempts int
	Raised   int   // a retry by hand allows attempts up to this one; 0 = as the endpoint says
	Created  int64 // Unix ms
	Updated  int64 // Unix ms
	Next     int64 // due time of the next attempt, Unix ms; 0 = none is scheduled
	Render   event.Rendering
	Last     delivery.Attempt // the latest attempt; zero if there was none
}

// MaxAttempts is how many attempts the delivery gets; fallback is the number
// for endpoints that do not say.
func (d *Delivery) MaxAttempts(fallback int) int {
	limit := fallback
	switch {
	case d.Endpoint.MaxAttempts > 0:
		limit = d.Endpoint.MaxAttempts
	case len(d.Endpoint.RetrySchedule) > 0:
		limit = len(d.Endpoint.RetrySchedule) + 1
	}
	return max(limit, d.Raised)
}

// DeliveredAt is when the endpoint had accepted it, Unix ms; 0 = it has not.
func (d *Delivery) DeliveredAt() int64 {
	if d.State != delivery.Succeeded {
		return 0
	}
	return d.Last.At + d.Last.Duration
}

// ReplayOf is the original that a replay repeats.
func (d *Delivery) ReplayOf() (original delivery.ID, isReplay bool) {
	original = d.ID
	original.Replay = 0
	return original, d.ID.Replay != 0
}

// Delivery finds a delivery of an organization by its id, which anybody can
// make up: it exists if it has a row, or if its endpoint is owed its event.
func (l *Ledger) Delivery(org string, id delivery.ID) (*Delivery, bool, error) {
	pt := l.partition(org)
	to, found := l.FindAlias(org, endpoint.Alias(id.Endpoint))
	if !found {
		return nil, false, nil
	}
	a, found, err := l.Event(org, id.Event)
	if err != nil || !found {
		return nil, false, err
	}
	d, err := pt.delivery(a.Event, Ref{Endpoint: to.Key, Pos: a.Pos, Replay: id.Replay}, 0)
	return d, d != nil, err
}

// delivery looks up the delivery of an event; nil if there is none, or if it is
// in none of the states that are asked for, when some are. Row and endpoint are
// of one moment. The endpoint must be of the event's organization.
func (pt *partition) delivery(ev *event.Event, ref Ref, states delivery.StateSet) (*Delivery, error) {
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.members[ref.Endpoint]
	if m == nil || ref.Pos < pt.expired || ref.Replay == 0 && m.Owes(uint64(ref.Pos), ev) != endpoint.Owed {
		return nil, nil
	}
	row, found, err := pt.row(ref)
	if err != nil || !found && ref.Replay != 0 {
		return nil, err
	}
	if !found {
		row = delivery.Row{State: delivery.Pending, Updated: ev.ReceivedAt}
	}
	if now := m.state(row.State); now != row.State { // its endpoint was deleted
		row.State, row.Next, row.Updated = now, 0, max(row.Updated, m.DeletedAt)
	}
	if states != 0 && !states.Has(row.State) {
		return nil, nil
	}
	d := &Delivery{
		ID:  delivery.ID{Event: ev.ID, Endpoint: uint64(m.Alias), Replay: ref.Replay},
		Pos: ref.Pos, Event: ev, Endpoint: m.Endpoint,
		State: row.State, Attempts: row.Attempts, Raised: row.MaxAttempts,
		Created: cmp.Or(row.Created, ev.ReceivedAt), Updated: row.Updated, Next: row.Next, Render: row.Render,
	}
	d.Last, err = pt.lastAttempt(ref, &row)
	return d, err
}

// AppendPayload appends the body of a delivery as it was sent or, before the
// first attempt, as it would be sent now.
func (l *Ledger) AppendPayload(dst []byte, d *Delivery) (_ []byte, err error) {
	how := cmp.Or(d.Render, event.RenderingOf(d.Endpoint.PayloadFormat, d.Event))
	matched := 0
	if how.Format() == event.Snapshot {
		if matched, err = l.Matched(d.Event); err != nil {
			return dst, err
		}
	}
	return event.AppendBody(dst, d.Event, how, matched, d.Endpoint.SnapshotAPIVersion)
}

// DeliveryFilter chooses deliveries. The zero value is all.
type DeliveryFilter struct {
	Endpoint endpoint.Key      // 0 = all
	Event    event.ID          // zero = all
	States   delivery.StateSet // 0 = all
	Type     string            // of the event; "" = all
	From     int64             // their events came in then or later, Unix ms; 0 = no bound
	To       int64             // their events came in earlier; 0 = no bound

	// Endpoints chooses among all endpoints, deleted ones included, instead of
	// Endpoint; nil = all. It is called while the ledger waits: be quick.
	Endpoints func(*endpoint.Endpoint) bool
}

// Deliveries lists deliveries of an organization, of new events first, and for
// each event in the order in which the endpoints were created. Those of one
// endpoint that were tried and are in a certain state are found by their rows;
// all others by going through the events.
func (l *Ledger) Deliveries(org string, f DeliveryFilter, page Page) (*List[Delivery], error) {
	pt := l.partition(org)
	var to []endpoint.Key
	if f.Endpoint == 0 {
		to = pt.keysOf(org, f.Endpoints)
	} else if _, found := l.FindKey(org, f.Endpoint); found {
		to = append(to, f.Endpoint)
	}
	r := newReader[Delivery](page)
	var err error
	switch {
	case len(to) == 0:
	case f.Event != event.ID{}:
		read := func() (Accepted, bool, error) { return l.Event(org, f.Event) }
		_, err = ofEvent(r, pt, &f, nil, read, to)
	case f.Endpoint != 0 && f.States != 0 && f.States&withoutRow == 0:
		err = ofRows(r, pt, &f, to[0])
	default:
		err = eachEvent(r, pt, org, f.Type, timeRange{f.From, f.To}, func(cursor []byte, read readEvent) (bool, error) {
			return ofEvent(r, pt, &f, cursor, read, to)
		})
	}
	return r.result(), err
}

// withoutRow are the states that a delivery can be in before it has a row.
var withoutRow = delivery.SetOf(delivery.Pending, delivery.Canceled)

// ofEvents is the part of the filter that chooses events.
func (f *DeliveryFilter) ofEvents() *EventFilter {
	return &EventFilter{Type: f.Type, CreatedAfter: f.From, CreatedBefore: f.To}
}

// keysOf are the keys of an organization's endpoints, deleted ones included, in
// their order; of those that are chosen, or of all.
func (pt *partition) keysOf(org string, chosen func(*endpoint.Endpoint) bool) []endpoint.Key {
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	keys := make([]endpoint.Key, 0, len(pt.mu.byOrg[org]))
	for _, m := range pt.mu.byOrg[org] {
		if chosen == nil || chosen(m.Endpoint) {
			keys = append(keys, m.Key)
		}
	}
	return keys
}

// ofEvent offers the deliveries of one event. Their cursors are the event's,
// the complement of the endpoint's key, so that keys rise where cursors fall,
// and the number of the replay.
func ofEvent(r *reader[Delivery], pt *partition, f *DeliveryFilter, cursor []byte, read readEvent, to []endpoint.Key) (more bool, err error) {
	cursor = slices.Clip(cursor)
	at := func(key endpoint.Key, replay uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(cursor, ^uint64(key)), replay)
	}
	a, found, err := read()
	if err != nil {
		return false, err
	}
	if !found || a.Matched == 0 || !f.ofEvents().matches(&a) {
		whole := at(math.MaxUint64, 0)
		if r.backwards {
			whole = at(0, math.MaxUint32)
		}
		return r.offer(whole, func() (*Delivery, error) { return nil, nil })
	}
	for i := range to {
		key := to[i]
		if r.backwards {
			key = to[len(to)-1-i]
		}
		last, err := pt.lastReplay(key, a.Pos)
		if err != nil {
			return false, err
		}
		for n := range last + 1 {
			ref := Ref{Endpoint: key, Pos: a.Pos, Replay: last - n}
			if r.backwards {
				ref.Replay = n
			}
			more, err := r.offer(at(key, ref.Replay), func() (*Delivery, error) { return pt.delivery(a.Event, ref, f.States) })
			if err != nil || !more {
				return false, err
			}
		}
	}
	return true, nil
}

// ofRows offers the deliveries of one endpoint that have a row, and are in one
// of the states that the filter names. Their cursors are position and replay.
func ofRows(r *reader[Delivery], pt *partition, f *DeliveryFilter, to endpoint.Key) error {
	if pt.rows(to, f.States) == 0 {
		return nil
	}
	prefix := pt.endpointKey(tableDelivery, to)
	state, byIndex := onlyIndexed(f.States)
	if byIndex {
		prefix = pt.endpointKey(tableTerminal, to).U8(byte(state))
	}
	lower, upper, err := pt.positions(timeRange{f.From, f.To})
	if err != nil {
		return err
	}
	return r.rows(pt.Ledger, prefix, lower, upper, 8+4, func(part, value []byte) (bool, error) {
		ref := Ref{Endpoint: to, Pos: wal.Pos(keyU64(part, 0)), Replay: keyU32(part, 8)}
		return r.offer(part, func() (*Delivery, error) {
			var row delivery.Row
			if !byIndex {
				if err := row.Decode(value); err != nil || !f.States.Has(row.State) {
					return nil, err
				}
			}
			a, found, err := pt.readEvent(eventRow{pos: ref.Pos})
			if err != nil || !found || !f.ofEvents().matches(&a) {
				return nil, err
			}
			return pt.delivery(a.Event, ref, f.States)
		})
	})
}

// onlyIndexed is the one state of a set, if that has an index.
func onlyIndexed(states delivery.StateSet) (delivery.State, bool) {
	for _, s := range [...]delivery.State{delivery.Failed, delivery.Exhausted} {
		if states == delivery.SetOf(s) {
			return s, true
		}
	}
	return 0, false
}

// rows is how many of an endpoint's deliveries are, or have ended, in one of
// the states.
func (pt *partition) rows(ep endpoint.Key, states delivery.StateSet) (n uint64) {
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.members[ep]
	if m == nil {
		return 0
	}
	for s, rows := range m.Rows {
		if states.Has(delivery.State(s)) {
			n += rows
		}
	}
	return n
}
