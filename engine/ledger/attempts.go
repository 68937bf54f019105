package ledger

import (
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Attempts are all attempts of a delivery of an organization, in order; not
// found when there is no such delivery, see Delivery.
func (l *Ledger) Attempts(org string, id delivery.ID) (list []delivery.Attempt, found bool, err error) {
	d, found, err := l.Delivery(org, id)
	if err != nil || !found {
		return nil, false, err
	}
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	ref := Ref{Endpoint: d.Endpoint.Key, Pos: d.Pos, Replay: id.Replay}
	row, started, err := pt.row(ref)
	if err != nil || !started || row.Attempts == 0 {
		return nil, true, err
	}
	list = append(list, row.First)
	prefix := pt.attemptPrefix(ref)
	err = pt.walk(prefix, kv.PrefixEnd(prefix), func(_, v []byte) error {
		var a delivery.Attempt
		if err := a.Decode(v); err != nil {
			return err
		}
		list = append(list, a)
		return nil
	})
	return list, true, err
}

// lastAttempt is the latest attempt of a delivery with this row; the zero value
// if there was none.
func (pt *partition) lastAttempt(ref Ref, row *delivery.Row) (a delivery.Attempt, err error) {
	if row.Attempts <= 1 {
		return row.First, nil
	}
	value, found, err := pt.db.Get(nil, pt.attemptKey(ref, row.Attempts))
	if err != nil || !found {
		return row.First, err
	}
	return a, a.Decode(value)
}
