package ledger

import (
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// applyOutcome takes what came of one attempt: the delivery's row, the indexes
// that follow from it, and the account that the lane keeps of its endpoint.
func (pt *partition) applyOutcome(b *kv.Batch, r *wal.Rec) error {
	var o delivery.Outcome
	if err := o.Decode(r.Data); err != nil {
		return err
	}
	m := pt.mu.members[endpoint.Key(o.Endpoint)]
	if m == nil {
		return nil // erased with its organization while the attempt was under way
	}
	ref := Ref{Endpoint: m.Key, Pos: wal.Pos(o.Event), Replay: o.Replay}
	row, found, err := pt.rowFor(m, ref, &o)
	if err != nil {
		return err
	}
	switch {
	case ref.Pos < pt.expired, !found && o.Attempt.N > 1: // retention was faster
		pt.scratch.applied.Settled = append(pt.scratch.applied.Settled, Settled{Ref: ref})
		return nil
	case found && o.Attempt.N <= row.Attempts:
		return nil // appended twice: it was settled the first time, and may be under way again
	}
	before := m.state(row.State)
	switch {
	case !found:
		row.First = o.Attempt
		if o.Replay == 0 {
			m.Started++
		}
	case o.Attempt.N > 1:
		pt.scratch.value = o.Attempt.Append(pt.scratch.value[:0])
		b.Set(pt.attemptKey(ref, o.Attempt.N), pt.scratch.value)
	case row.Attempts == 0: // put in line, or canceled, before it was tried
		row.First = o.Attempt
	}
	if found && !before.Terminal() {
		b.Delete(pt.retryKey(ref, row.Next))
	}
	row.State = m.state(before.After(o.State))
	row.Attempts = max(row.Attempts, o.Attempt.N)
	row.Render, row.Updated, row.Next = o.Render, r.At, 0
	if row.State == delivery.Retrying {
		row.Next = o.Next
	}
	pt.putRow(b, m, ref, before, &row)
	pt.takeOutcome(m, &o, row.State)
	pt.scratch.applied.Settled = append(pt.scratch.applied.Settled, Settled{Ref: ref, State: row.State, Next: row.Next})
	return nil
}

// rowFor reads the row that an outcome belongs to. A first attempt has none,
// and is not looked for, unless a person had canceled deliveries of the
// endpoint before they were tried, which is rare.
func (pt *partition) rowFor(m *member, ref Ref, o *delivery.Outcome) (delivery.Row, bool, error) {
	untouched := m.Rows[delivery.Canceled]+m.Rows[delivery.Pending] == 0
	if o.Attempt.N == 1 && o.Replay == 0 && !o.Repeated && untouched {
		return delivery.Row{}, false, nil
	}
	if row, written := pt.scratch.newRows[ref]; written {
		return row, true, nil
	}
	return pt.row(ref)
}

// putRow writes a delivery's row with the indexes that follow from it, and
// moves the tallies.
func (pt *partition) putRow(b *kv.Batch, m *member, ref Ref, before delivery.State, row *delivery.Row) {
	pt.scratch.value = row.Append(pt.scratch.value[:0])
	b.Set(pt.deliveryKey(ref), pt.scratch.value)
	pt.scratch.newRows[ref] = *row
	if indexed(before) && before != row.State {
		b.Delete(pt.terminalKey(ref, before))
	}
	switch {
	case !row.State.Terminal():
		pt.scratch.value = pt.key(0)[:0].U64(row.Queue)
		b.Set(pt.retryKey(ref, row.Next), pt.scratch.value)
	case indexed(row.State) && before != row.State:
		b.Set(pt.terminalKey(ref, row.State), nil)
	}
	if before != 0 {
		m.Rows[before]--
	}
	m.Rows[row.State]++
	pt.flag(m)
}

// indexed are the states that people look for among many deliveries.
func indexed(s delivery.State) bool { return s == delivery.Failed || s == delivery.Exhausted }

// takeOutcome keeps the lane's account of its endpoint.
func (pt *partition) takeOutcome(m *member, o *delivery.Outcome, state delivery.State) {
	m.Attempts++
	m.LastAttempt = max(m.LastAttempt, o.Attempt.At)
	m.HoldUntil, m.ProbeAt, m.Probes, m.Down = o.HoldUntil, o.ProbeAt, uint64(o.Probes), o.Down
	switch {
	case o.State == delivery.Succeeded:
		m.Failures, m.FailingFrom, m.GaveUp = 0, 0, false
		m.LastSuccess = max(m.LastSuccess, o.Attempt.At)
	case !o.Blameless:
		m.Failures++
		if m.FailingFrom == 0 {
			m.FailingFrom = o.Attempt.At
		}
	}
	if indexed(state) {
		m.GaveUp = true
	}
	if p := wal.Pos(o.Position); p > m.Position {
		m.Position = p
	}
}
