package ledger

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// The lanes that counted events since their row was written are written every
// so many records, or when so much time has passed from record to record: this
// bounds what a start has to count again, and how far back in a log that others
// have been writing to.
const (
	flushRecords = 1 << 14
	flushTime    = 10_000 // ms
)

// apply takes one group of records. Rows go into one batch; memory changes
// under the lock, which is held until the batch is committed, so that whoever
// holds it for reading sees rows and memory agree. Then the writers get their
// answers and the follower learns what is new.
//
// No records at all mean that everything from before this process is applied.
func (pt *partition) apply(recs []wal.Rec) error {
	if len(recs) == 0 {
		close(pt.following)
		return nil
	}
	b := pt.db.Batch()
	defer b.Close()
	pt.scratch.begin()

	last := recs[len(recs)-1].Pos
	pt.mu.Lock()
	err := pt.applyGroup(b, recs)
	if err == nil {
		pt.applied.Store(uint64(last))
	}
	pt.mu.Unlock()
	if err != nil {
		return err
	}

	// The follower first: whoever has an answer may rely on the shard loops
	// having been told.
	if pt.follower != nil {
		pt.scratch.applied.UpTo = last
		pt.follower.Applied(pt.p, &pt.scratch.applied)
	}
	for _, a := range pt.scratch.answers {
		a.give()
	}
	return nil
}

// applyGroup writes one batch for all records, except that a Command gets one
// of its own: it may walk through tables, and must find there what the records
// before it wrote. Outcomes and keys look into the scratch for that.
func (pt *partition) applyGroup(b *kv.Batch, recs []wal.Rec) error {
	for i := range recs {
		r := &recs[i]
		if err := pt.applyRecord(b, r); err != nil {
			return fmt.Errorf("record at %d: %w", r.Pos, err)
		}
		alone := r.Kind == wal.Command || i+1 < len(recs) && recs[i+1].Kind == wal.Command
		if i+1 < len(recs) && !alone {
			continue
		}
		if err := pt.commit(b, r); err != nil {
			return err
		}
	}
	pt.sinceFlush += len(recs)
	return nil
}

// commit makes what was applied up to a record readable.
func (pt *partition) commit(b *kv.Batch, last *wal.Rec) error {
	pt.disperse()
	pt.writeLanes(b, last)
	pt.scratch.value = pt.appendMeta(pt.scratch.value[:0], last.Pos)
	b.Set(pt.metaKey(), pt.scratch.value)
	err := b.Commit(false)
	b.Reset()
	clear(pt.scratch.newKeys)
	clear(pt.scratch.newRows)
	return err
}

// applyRecord returns an error only when going on would be wrong: the storage
// failed or a record is damaged. What a writer did wrong is its answer.
func (pt *partition) applyRecord(b *kv.Batch, r *wal.Rec) error {
	switch r.Kind {
	case wal.Event:
		return pt.applyEvent(b, r)
	case wal.Outcome:
		pt.tally()
		return pt.applyOutcome(b, r)
	}
	pt.disperse()
	switch r.Kind {
	case wal.Config:
		var c Change
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return err
		}
		entry := pt.describeChange(&c)
		refusal, err := pt.applyChange(b, r, &c)
		if refusal == nil {
			pt.note(b, r, entry)
		}
		return pt.settle(r, Verdict{Pos: r.Pos, At: r.At, Err: refusal}, err)
	case wal.Command:
		var c Command
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return err
		}
		entry := pt.describeCommand(&c)
		v := Verdict{Pos: r.Pos, At: r.At}
		refusal, err := pt.applyCommand(b, r, &c, &v)
		if refusal == nil {
			pt.note(b, r, entry)
		}
		v.Err = refusal
		return pt.settle(r, v, err)
	}
	return fmt.Errorf("unknown kind of record %d; it was written by a newer version", r.Kind)
}

// settle notes the answer for the writer of a record, if it waits here.
func (pt *partition) settle(r *wal.Rec, v Verdict, err error) error {
	if w, waits := r.Local.(*place); waits && err == nil {
		pt.scratch.answers = append(pt.scratch.answers, answer{w, v})
	}
	return err
}

// flag marks a lane's row as to be written with this group.
func (pt *partition) flag(m *member) {
	if !m.dirty {
		m.dirty = true
		pt.dirty = append(pt.dirty, m)
	}
}

func (pt *partition) writeLanes(b *kv.Batch, last *wal.Rec) {
	write := func(m *member) {
		m.Counted, m.dirty = last.Pos, false
		if m.gone {
			return
		}
		pt.scratch.value = m.Lane.append(pt.scratch.value[:0])
		b.Set(pt.endpointKey(tableLane, m.Key), pt.scratch.value)
	}
	for _, m := range pt.dirty {
		m.dirty = false
	}
	pt.dirty = pt.dirty[:0]
	if pt.sinceFlush < flushRecords && last.At-pt.flushedAt < flushTime {
		return
	}
	for _, m := range pt.matched {
		m.counting = false
		write(m)
	}
	clear(pt.matched)
	pt.matched, pt.sinceFlush, pt.flushedAt, pt.counted = pt.matched[:0], 0, last.At, last.Pos
}

func (pt *partition) applyEvent(b *kv.Batch, r *wal.Rec) error {
	if isErased(*r) {
		return nil
	}
	ev := &event.Event{ID: r.ID, ReceivedAt: r.At}
	if err := ev.Decode(r.Data); err != nil {
		return err
	}
	v := Verdict{Pos: r.Pos, At: r.At}
	if ev.Idempotency.Lifetime != 0 {
		first, err := pt.claimKey(b, ev, r)
		if err != nil {
			return err
		}
		if first != nil {
			v.First, v.FirstLivemode, v.Duplicate = first.event, first.livemode, true
			if first.fingerprint != ev.Idempotency.Fingerprint {
				v.Err = ErrConflict
			}
			b.Set(pt.duplicateKey(r.Pos), nil)
			return pt.settle(r, v, nil)
		}
	}

	to := pt.audienceOf(ev, r.Pos)
	matched := len(to.members)
	for _, m := range to.takers {
		pt.scratch.applied.Owed = append(pt.scratch.applied.Owed, Owed{Endpoint: m.Key, Pos: r.Pos, Event: ev, Matched: matched})
	}
	pt.scratch.value = eventRow{pos: r.Pos, matched: matched}.append(pt.scratch.value[:0])
	b.Set(pt.eventKey(ev.Organization, ev.ID), pt.scratch.value)
	b.Set(pt.byTypeKey(ev.Organization, ev.Type, r.Pos), ev.ID[:])
	if ev.Target != 0 {
		b.Set(pt.byTypeKey(ev.Organization, targeted, r.Pos), ev.ID[:])
	}
	if minute := uint32(r.At / 60_000); minute > pt.lastMinute.Load() {
		pt.lastMinute.Store(minute)
		b.Set(pt.key(tableTime).U32(minute), pt.key(0)[:0].U64(uint64(r.Pos)))
	}

	if w, waits := r.Local.(*place); waits {
		v.Matched = matched
		if w.wantsEndpoints {
			v.Endpoints = slices.Clone(to.endpoints)
		}
		pt.scratch.answers = append(pt.scratch.answers, answer{w, v})
	}
	return nil
}

// Refusals: what apply answers to a writer that asked for the impossible.
var (
	ErrNotFound  = errors.New("no such object")
	ErrExists    = errors.New("an object of this id exists already")
	ErrChanged   = errors.New("the object has changed in the meantime")
	ErrConflict  = errors.New("the idempotency key was used for other content")
	ErrForbidden = errors.New("the state of the object does not allow it")
	ErrBusy      = errors.New("as many of them are running as may run at once")
)

func (s *scratch) begin() {
	clear(s.applied.Owed)
	clear(s.answers)
	s.applied = Applied{
		Owed: s.applied.Owed[:0], Settled: s.applied.Settled[:0], Endpoints: s.applied.Endpoints[:0],
		Requeued: s.applied.Requeued[:0], Canceled: s.applied.Canceled[:0],
	}
	s.answers = s.answers[:0]
}
