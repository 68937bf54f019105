package ledger

import (
	"cmp"
	"errors"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// ErrTooFar says that a part of a history lies further back than one call
// looks.
var ErrTooFar = errors.New("ledger: the part begins too far from the newest delivery")

// Window is which part of an endpoint's history is wanted.
type Window struct {
	States delivery.StateSet // 0 = all
	Skip   int               // so many of the newest are passed over
	Take   int               // most that are visited
}

// History visits the deliveries of a living endpoint, replays included, those
// of new events first. It reports how many it passed and visited, and whether
// there are more behind. visit may keep what it is given; its error ends the
// walk.
//
// Deliveries goes through the events of the organization, which is hopeless for
// an endpoint that is owed one event in a million. This goes through what the
// endpoint has: its rows, and merged into them what was never tried. That has
// no rows, so it is looked for among the newest 10,000 events. Of rows too no
// more than 10,000 are examined. A part that is not complete then may have more
// behind; if there is nothing in it, the error is ErrTooFar.
func (l *Ledger) History(org string, ep endpoint.Key, w Window, visit func(*Delivery) error) (n int, more bool, err error) {
	pt := l.partition(org)
	o, found := l.EndpointByKey(org, ep)
	if !found || o.DeletedAt != 0 {
		return 0, false, nil
	}
	untried, tooFar, err := pt.untried(&o, w)
	if err != nil {
		return 0, false, err
	}
	err = pt.eachRef(&o, w.States, untried, func(ref Ref) (bool, error) {
		switch {
		case n < w.Skip:
			n++
			return true, nil
		case n == w.Skip+w.Take:
			more = true
			return false, nil
		}
		a, found, err := pt.readEvent(eventRow{pos: ref.Pos})
		if err != nil || !found {
			return err == nil, err
		}
		d, err := pt.delivery(a.Event, ref, w.States)
		if err != nil || d == nil { // nil: it has changed just now
			return err == nil, err
		}
		n++
		return true, visit(d)
	})
	if errors.Is(err, ErrTooFar) || err == nil && !more && tooFar {
		if w.Skip > 0 && n <= w.Skip {
			return n, false, ErrTooFar
		}
		return n, true, nil
	}
	return n, more, err
}

// untried are the newest of the deliveries that have no row, as many as the
// window can show, unless the others are too far.
func (pt *partition) untried(o *Overview, w Window) (refs []Ref, tooFar bool, err error) {
	if o.Lane.Backlog() == 0 || w.States != 0 && !w.States.Has(delivery.Pending) {
		return nil, false, nil
	}
	limit := int(min(o.Lane.Backlog(), uint64(w.Skip+w.Take+1)))
	r := newReader[Ref](Page{Limit: limit})
	err = eachEvent(r, pt, o.Organization, "", timeRange{}, func(cursor []byte, read readEvent) (bool, error) {
		more, err := r.offer(cursor, func() (*Ref, error) {
			a, found, err := read()
			if err != nil || !found || o.Owes(uint64(a.Pos), a.Event) != endpoint.Owed {
				return nil, err
			}
			ref := Ref{Endpoint: o.Key, Pos: a.Pos}
			started, err := pt.db.Has(pt.deliveryKey(ref))
			if err != nil || started {
				return nil, err
			}
			return &ref, nil
		})
		return more && len(r.list.Items) < limit, err
	})
	slices.SortFunc(r.list.Items, newerFirst)
	return r.list.Items, r.more, err
}

func newerFirst(a, b Ref) int {
	return cmp.Or(cmp.Compare(b.Pos, a.Pos), cmp.Compare(b.Replay, a.Replay))
}

// eachRef merges the deliveries that have rows with those that have none.
func (pt *partition) eachRef(o *Overview, states delivery.StateSet, untried []Ref, visit func(Ref) (more bool, err error)) error {
	upTo := func(row Ref) (more bool, err error) {
		more = true
		for more && err == nil && len(untried) > 0 && newerFirst(untried[0], row) < 0 {
			more, err = visit(untried[0])
			untried = untried[1:]
		}
		return more, err
	}
	stopped := false
	err := pt.eachRow(o, states, func(row Ref) (more bool, err error) {
		more, err = upTo(row)
		if len(untried) > 0 && untried[0] == row { // it has got a row since
			untried = untried[1:]
		}
		if more && err == nil {
			more, err = visit(row)
		}
		stopped = !more
		return more, err
	})
	if err != nil || stopped {
		return err
	}
	_, err = upTo(Ref{})
	return err
}

// eachRow visits the rows of an endpoint that are in one of the states, newest
// first, by whichever table has the fewest others.
func (pt *partition) eachRow(o *Overview, states delivery.StateSet, visit func(Ref) (more bool, err error)) error {
	if canceled := delivery.SetOf(delivery.Canceled); o.Lane.Rows[delivery.Canceled] == 0 && states != canceled {
		states &^= canceled // so that an index can do
	}
	waiting := delivery.SetOf(delivery.Pending, delivery.Retrying)
	if states != 0 && states&^waiting == 0 && o.Lane.Waiting() <= maxExamined {
		return pt.eachWaiting(o, states, visit)
	}
	prefix := pt.endpointKey(tableDelivery, o.Key)
	state, byIndex := onlyIndexed(states)
	if byIndex {
		prefix = pt.endpointKey(tableTerminal, o.Key).U8(byte(state))
	}
	it, err := pt.db.Iter(prefix, kv.PrefixEnd(prefix))
	if err != nil {
		return err
	}
	defer it.Close()
	examined := 0
	for ok := it.Last(); ok; ok = it.Prev() {
		if examined++; examined > maxExamined {
			return ErrTooFar
		}
		part := it.Key()[len(prefix):]
		ref := Ref{Endpoint: o.Key, Pos: wal.Pos(keyU64(part, 0)), Replay: keyU32(part, 8)}
		if !byIndex && states != 0 {
			var row delivery.Row
			if err := row.Decode(it.Value()); err != nil {
				return err
			}
			if !states.Has(row.State) {
				continue
			}
		}
		if more, err := visit(ref); err != nil || !more {
			return err
		}
	}
	return it.Err()
}

// eachWaiting is eachRow for what waits for an attempt, which the retry index
// has in the order of due times.
func (pt *partition) eachWaiting(o *Overview, states delivery.StateSet, visit func(Ref) (more bool, err error)) error {
	list, err := pt.WaitingFrom(pt.p, o.Key, 0, maxExamined, nil)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b Waiting) int { return newerFirst(a.Ref, b.Ref) })
	for i := range list {
		row, found, err := pt.row(list[i].Ref)
		if err != nil {
			return err
		}
		if !found || !states.Has(row.State) {
			continue
		}
		if more, err := visit(list[i].Ref); err != nil || !more {
			return err
		}
	}
	return nil
}
