package ledger

import (
	"cmp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// retry puts a delivery back in line, due at once. It may have one attempt
// more than it was meant to have.
func (pt *partition) retry(b *kv.Batch, r *wal.Rec, c *Command, m *member) (refusal, err error) {
	ref := Ref{Endpoint: m.Key, Pos: c.Event, Replay: c.Replay}
	row, found, err := pt.row(ref)
	if err != nil {
		return nil, err
	}
	if !found || !row.State.Retriable() {
		return ErrForbidden, nil
	}
	pt.requeue(b, r, c, m, ref, &row)
	pt.scratch.applied.Requeued = append(pt.scratch.applied.Requeued, Due{Ref: ref, At: row.Next})
	return nil, nil
}

// requeue makes the row of a delivery one that waits for its turn.
func (pt *partition) requeue(b *kv.Batch, r *wal.Rec, c *Command, m *member, ref Ref, row *delivery.Row) {
	before := row.State
	if before == delivery.Retrying {
		b.Delete(pt.retryKey(ref, row.Next))
	}
	row.MaxAttempts = max(row.MaxAttempts, row.Attempts+1)
	row.State, row.Next, row.Updated, row.Queue = delivery.Pending, cmp.Or(c.Due, r.At), r.At, uint64(r.Pos)
	pt.putRow(b, m, ref, before, row)
}

// retryAll puts up to c.Limit deliveries of an endpoint back in line that
// failed or were exhausted, and returns how many it found. What was put in line
// at c.Before or later, and has ended again since, is left out, so that a
// series of such commands comes to an end.
func (pt *partition) retryAll(b *kv.Batch, r *wal.Rec, c *Command, m *member) (count int, err error) {
	for _, state := range [...]delivery.State{delivery.Failed, delivery.Exhausted} {
		n, err := pt.retryEnded(b, r, c, m, state, c.Limit-count)
		if count += n; err != nil {
			return count, err
		}
	}
	return count, nil
}

// retryEnded is retryAll for those in one state, in log order.
func (pt *partition) retryEnded(b *kv.Batch, r *wal.Rec, c *Command, m *member, state delivery.State, limit int) (count int, err error) {
	prefix := pt.endpointKey(tableTerminal, m.Key).U8(byte(state))
	it, err := pt.db.Iter(prefix, kv.PrefixEnd(prefix))
	if err != nil {
		return 0, err
	}
	defer it.Close()
	for ok := it.First(); ok && count < limit; ok = it.Next() {
		part := it.Key()[len(prefix):]
		ref := Ref{Endpoint: m.Key, Pos: wal.Pos(keyU64(part, 0)), Replay: keyU32(part, 8)}
		row, found, err := pt.row(ref)
		if err != nil {
			return count, err
		}
		if !found || c.Before != 0 && row.Queue >= uint64(c.Before) {
			continue
		}
		pt.requeue(b, r, c, m, ref, &row)
		if count == 0 { // one word is enough: the lane reads what is due from the index
			pt.scratch.applied.Requeued = append(pt.scratch.applied.Requeued, Due{Ref: ref, At: row.Next})
		}
		count++
	}
	return count, it.Err()
}
