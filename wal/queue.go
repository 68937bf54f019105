package wal

import (
	"sync"
	"time"
)

// submission is a unit of work for the committer: records that become durable
// together, or a job.
type submission struct {
	p     int
	recs  []Rec
	size  int64
	owner *owner       // the writer's claim, nil if it needs none
	job   func() error // instead of records: what a trim or an erase adds to the batch
	done  func(error)  // nil once called
	since time.Time
	err   error // refused while being taken, or the job's
}

// queue is where submitters meet the committer. It counts the bytes between
// Submit and the end of apply, and keeps the append deadline: since a commit
// may hang for as long as the disk does, deadlines are kept by a timer and not
// by the committer. One timer serves all: it is set for the oldest submission,
// so under load it fires once per timeout.
//
// The owner of a partition is kept here as well, so that the order in which
// submissions are taken decides who was fenced off.
type queue struct {
	timeout time.Duration
	limit   int64 // of pending, for Event records; twice of it for others
	wake    chan struct{}

	mu       sync.Mutex
	waiting  []submission // in order of since; the first `taken` of them are gone
	taken    int
	flight   []submission // with the committer
	spare    []submission // the flight before, to be used again
	writing  time.Time    // since when flight waits for the disk; zero when it does not
	pending  int64
	owners   []*owner
	timer    *time.Timer
	timerSet bool
	closed   bool
}

func newQueue(o Options, partitions int) *queue {
	q := &queue{
		timeout: o.AppendTimeout,
		limit:   o.PendingBytes,
		wake:    make(chan struct{}, 1),
		owners:  make([]*owner, partitions),
	}
	q.timer = time.AfterFunc(time.Hour, q.expire)
	q.timer.Stop()
	return q
}

// put queues a submission, or says why not.
func (q *queue) put(s submission, hasEvent bool) error {
	limit := q.limit
	if !hasEvent {
		limit *= 2
	}
	q.mu.Lock()
	s.since = time.Now()
	switch {
	case q.closed:
		q.mu.Unlock()
		return ErrClosed
	case s.owner != nil && s.owner != q.owners[s.p]:
		q.mu.Unlock()
		return ErrFenced
	case q.pending+s.size > limit:
		q.mu.Unlock()
		return ErrOverloaded
	}
	q.pending += s.size
	q.waiting = append(q.waiting, s)
	if !q.timerSet {
		q.timerSet = true
		q.timer.Reset(q.timeout)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default: // the committer has a wake-up that it has not seen yet
	}
	return nil
}

// take moves submissions of about that many bytes, at least one, into flight. A
// job ends a group: it reads what is on disk, and would not see what another job
// of its batch writes. The second result is false when the queue is closed and
// empty.
func (q *queue) take(bytes int64) ([]submission, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for size := int64(0); q.taken < len(q.waiting) && size < bytes; q.taken++ {
		s := q.waiting[q.taken]
		q.waiting[q.taken] = submission{}
		size += s.size
		if s.owner != nil && s.owner != q.owners[s.p] {
			s.err = ErrFenced
			q.pending -= s.size
		}
		q.flight = append(q.flight, s)
		if s.job != nil {
			size = bytes
		}
	}
	if q.taken > len(q.waiting)/2 {
		left := copy(q.waiting, q.waiting[q.taken:])
		clear(q.waiting[left:])
		q.waiting, q.taken = q.waiting[:left], 0
	}
	return q.flight, len(q.flight) > 0 || !q.closed
}

// startWriting says that nobody reads the records in flight any more, so that
// the timer may end their submissions while the disk hangs.
func (q *queue) startWriting() {
	q.mu.Lock()
	q.writing = time.Now()
	q.mu.Unlock()
}

// endWriting takes the flight from the queue. Those whose done is nil have been
// ended. It is the caller's until the next endWriting.
func (q *queue) endWriting() []submission {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing = time.Time{}
	q.flight, q.spare = q.spare[:0], q.flight
	return q.spare
}

// release ends the time for which bytes were pending.
func (q *queue) release(bytes int64) {
	q.mu.Lock()
	q.pending -= bytes
	q.mu.Unlock()
}

// expire ends what is older than the timeout, and sets the timer for what is
// then the oldest. What still waited is never written; what is in flight may
// yet become durable.
func (q *queue) expire() {
	var expired []func(error)
	q.mu.Lock()
	late := time.Now().Add(-q.timeout)
	next := time.Now().Add(q.timeout) // when to look again, at the latest
	if q.writing.IsZero() {
		if len(q.flight) > 0 {
			next = time.Now().Add(time.Millisecond) // being encoded: the committer's alone
		}
	} else {
		for i := range q.flight {
			s := &q.flight[i]
			if s.done == nil {
				continue
			}
			if s.since.After(late) {
				next = earlier(next, s.since.Add(q.timeout))
				continue
			}
			expired = append(expired, s.done)
			s.done = nil
		}
	}
	for ; q.taken < len(q.waiting) && !q.waiting[q.taken].since.After(late); q.taken++ {
		s := &q.waiting[q.taken]
		expired = append(expired, s.done)
		q.pending -= s.size
		*s = submission{}
	}
	if q.taken < len(q.waiting) {
		next = earlier(next, q.waiting[q.taken].since.Add(q.timeout))
	}
	if q.timerSet = len(q.flight) > 0 || q.taken < len(q.waiting); q.timerSet {
		q.timer.Reset(time.Until(next))
	}
	q.mu.Unlock()
	for _, done := range expired {
		done(ErrTimeout)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// hanging is for how long the disk has had the current flight.
func (q *queue) hanging() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing.IsZero() {
		return 0
	}
	return time.Since(q.writing)
}

// close refuses new submissions and lets the committer finish the others.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	for p, o := range q.owners {
		if o != nil {
			close(o.lost)
			q.owners[p] = nil
		}
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
