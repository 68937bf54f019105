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

// retryAll puts the deliveries of c.Events to one endpoint back in line that
// failed or were exhausted, and returns how many those are. Of an event that was
// replayed the last replay counts. With c.Limit it ends when so many wait for the
// endpoint, which only apply can tell: others put deliveries in line as well.
func (pt *partition) retryAll(b *kv.Batch, r *wal.Rec, c *Command, m *member) (count int, err error) {
	past, err := pt.history(m.Key)
	if err != nil {
		return 0, err
	}
	defer past.Close()
	for _, at := range c.Events {
		if c.Limit > 0 && m.Waiting() >= uint64(c.Limit) {
			break
		}
		newest, row, found, err := past.newest(at)
		if err != nil {
			return count, err
		}
		if !found || at < pt.expired || !indexed(row.State) {
			continue
		}
		pt.requeue(b, r, c, m, newest, &row)
		if count == 0 { // one word is enough: the lane reads what is due from the index
			pt.scratch.applied.Requeued = append(pt.scratch.applied.Requeued, Due{Ref: newest, At: row.Next})
		}
		count++
	}
	return count, nil
}
