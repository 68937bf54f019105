package ledger

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/oklog/ulid/v2"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// Verdict is what apply decided about one record.
type Verdict struct {
	Pos wal.Pos
	At  int64 // Unix ms, when it entered the log

	// Events only. A duplicate was dropped because First holds its key; with
	// ErrConflict in Err the content is another.
	Duplicate     bool
	First         event.ID
	FirstLivemode bool
	Matched       int
	Endpoints     []*endpoint.Endpoint // the ones that matched, if asked for

	Count int // of RetryAll and ContinueReplay: deliveries put in line

	Err error // why the record changed nothing: ErrConflict, ErrNotFound, …
}

// submission is one call that waits for its records to be durable and applied.
// Both ends report to it, in any order: the log once, apply once per record.
// Whoever is last wakes the caller: one wake-up per call, however large it is.
type submission struct {
	recs     []wal.Rec
	data     []byte // what the records hold, back to back
	ends     []int  // where each one's data ends
	places   []place
	verdicts []Verdict

	left atomic.Int64
	err  error // why the log did not take it; set before done
	done chan struct{}
}

// place is where the verdict on one record goes. It travels with the record,
// as its Local.
type place struct {
	s              *submission
	i              int
	wantsEndpoints bool
}

// answer is a verdict on its way to its place.
type answer struct {
	*place
	verdict Verdict
}

func (a answer) give() {
	a.s.verdicts[a.i] = a.verdict
	a.s.release()
}

func (s *submission) release() {
	if s.left.Add(-1) == 0 {
		s.done <- struct{}{}
	}
}

// written is the log's report. When it refuses, apply never sees the records;
// after a timeout it may, so the submission is then left to it.
func (s *submission) written(err error) {
	if err == nil {
		s.release()
		return
	}
	s.err = err
	s.done <- struct{}{}
}

func (l *Ledger) newSubmission() *submission {
	s, _ := l.submissions.Get().(*submission)
	if s == nil {
		s = &submission{done: make(chan struct{}, 1)}
	}
	s.recs, s.data, s.ends, s.err = s.recs[:0], s.data[:0], s.ends[:0], nil
	return s
}

// add closes a record whose data the caller has appended to s.data.
func (s *submission) add(kind wal.Kind, id [16]byte) {
	s.recs = append(s.recs, wal.Rec{Kind: kind, ID: id})
	s.ends = append(s.ends, len(s.data))
}

// submit appends the records of s to partition p, waits, and appends the
// verdicts to dst. After it, s belongs to the pool or to a late apply.
func (l *Ledger) submit(ctx context.Context, p int, s *submission, wantsEndpoints bool, dst []Verdict) ([]Verdict, error) {
	n := len(s.recs)
	s.verdicts = slices.Grow(s.verdicts[:0], n)[:n]
	s.places = slices.Grow(s.places[:0], n)[:n]
	from := 0
	for i := range s.recs {
		s.places[i] = place{s: s, i: i, wantsEndpoints: wantsEndpoints}
		s.recs[i].Data, s.recs[i].Local = s.data[from:s.ends[i]:s.ends[i]], &s.places[i]
		from = s.ends[i]
	}
	s.left.Store(int64(n) + 1)
	l.log.Submit(p, s.recs, s.written)
	select {
	case <-s.done:
	case <-ctx.Done():
		return dst, ctx.Err()
	case <-l.stopped:
		return dst, ErrStopped
	}
	if s.err != nil {
		return dst, s.err
	}
	dst = append(dst, s.verdicts...)
	clear(s.verdicts) // they hold endpoints
	l.submissions.Put(s)
	return dst, nil
}

// NewID makes the id of a new event or other record: a ULID of the time now,
// greater than all that this process made before within the same millisecond.
func NewID() event.ID { return ulid.Make() }

// Post makes events of one organization durable, all or none, and appends to
// dst what apply decided about each, in their order. Every event needs its ID
// and Organization; it is borrowed during the call. An ID that is older than the
// log, because the clock was set back, is changed. When Post returns, the events
// can be found and are on their way.
//
// withEndpoints asks for the endpoints that matched, not just for their number.
//
// The errors are those of wal.Log.Submit, the cause of ctx, and ErrStopped.
// After wal.ErrTimeout, the end of ctx and ErrStopped the events may still be
// accepted and delivered.
func (l *Ledger) Post(ctx context.Context, events []*event.Event, withEndpoints bool, dst []Verdict) ([]Verdict, error) {
	if len(events) == 0 {
		return dst, nil
	}
	s := l.newSubmission()
	pt := l.partition(events[0].Organization)
	for _, ev := range events {
		if err := pt.renew(&ev.ID); err != nil {
			return dst, err
		}
		s.data = ev.Append(s.data)
		s.add(wal.Event, ev.ID)
	}
	return l.submit(ctx, pt.p, s, withEndpoints, dst)
}

// renew gives an id the time of the newest minute in the log, if it has an
// earlier one. Lists by time, and retention, rely on it that the time in an id is
// about that of its record, which never goes back.
func (pt *partition) renew(id *event.ID) error {
	if least := uint64(pt.lastMinute.Load()) * 60_000; id.Time() < least {
		return id.SetTime(least)
	}
	return nil
}

// Change writes a Config record and returns when it is applied. The error is
// the verdict's (ErrNotFound, ErrExists, ErrChanged) or one of Post's.
func (l *Ledger) Change(ctx context.Context, c *Change) (Verdict, error) {
	p := TenantsPartition
	switch {
	case c.Endpoint != nil:
		p = l.PartitionOf(c.Endpoint.Organization)
	case c.Answer != nil:
		p = l.PartitionOf(c.Answer.Organization)
	}
	return l.order(ctx, p, wal.Rec{Kind: wal.Config}, encode(c))
}

// Command writes a Command record and returns when it is applied. The error is
// the verdict's (ErrNotFound, ErrForbidden) or one of Post's.
func (l *Ledger) Command(ctx context.Context, c *Command) (Verdict, error) {
	return l.CommandAt(ctx, l.PartitionOf(c.Organization), c)
}

// CommandAt is Command for what concerns a whole partition.
func (l *Ledger) CommandAt(ctx context.Context, p int, c *Command) (Verdict, error) {
	frees := c.Verb == Expire || c.Verb == Forget
	return l.order(ctx, p, wal.Rec{Kind: wal.Command, Frees: frees}, encode(c))
}

// Commands writes several commands of one organization at once. Each has a
// verdict of its own; the error is one of Post's.
func (l *Ledger) Commands(ctx context.Context, org string, list []*Command) ([]Verdict, error) {
	s := l.newSubmission()
	for _, c := range list {
		s.data = append(s.data, encode(c)...)
		s.add(wal.Command, NewID())
	}
	return l.submit(ctx, l.PartitionOf(org), s, false, nil)
}

func (l *Ledger) order(ctx context.Context, p int, rec wal.Rec, data []byte) (Verdict, error) {
	s := l.newSubmission()
	s.data = append(s.data, data...)
	s.add(rec.Kind, NewID())
	s.recs[0].Frees = rec.Frees
	var room [1]Verdict
	verdicts, err := l.submit(ctx, p, s, false, room[:0])
	if err != nil {
		return Verdict{}, err
	}
	return verdicts[0], verdicts[0].Err
}
