package engine

import (
	"errors"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// Rule: never send what cannot be recorded. No attempt starts for a partition
// while more outcomes than this wait to be written, or the oldest for longer.
const (
	outboxLimit = 4096
	outboxAge   = 500 // ms
)

const (
	outboxDelay = 1   // ms: outcomes gather for so long before they are written
	outboxRetry = 100 // ms: pause after the log has refused them

	// outboxGroup is how many are written at a time, and outboxBytes about how
	// large they may be together: the smallest log takes twice as much at once.
	outboxGroup = 512
	outboxBytes = 64 << 10
	outcomeSize = 128 // without its snippet
)

// outbox gathers the outcomes of one shard for one partition and writes them to
// the log, one append at a time: so their order is the order in which the
// attempts finished, which the positions in them rely on. Belongs to the loop.
type outbox struct {
	shard *shard
	p     int
	owner wal.Owner

	waiting []delivery.Outcome
	writing []delivery.Outcome // handed to the log, which has not answered
	oldest  int64              // Unix ms, when the oldest of both was added
	due     int64              // when to write; 0 = nothing waits

	added, written uint64 // how many ever
	promises       []promise

	recs []wal.Rec
	data []byte
}

// promise is what is to be done once so many outcomes are written.
type promise struct {
	written uint64
	keep    func()
}

// afterwards calls keep, which must not wait, when all outcomes that were added
// so far are in the log: now, if they are.
func (b *outbox) afterwards(keep func()) {
	if b.empty() {
		keep()
		return
	}
	b.promises = append(b.promises, promise{b.added, keep})
}

func (b *outbox) add(o *delivery.Outcome, now int64) {
	if len(b.waiting)+len(b.writing) == 0 {
		b.oldest = now
	}
	if len(b.waiting) == 0 && b.due == 0 {
		b.due = now + outboxDelay
	}
	b.waiting = append(b.waiting, *o)
	b.added++
	b.shard.engine.metrics.unwritten.Add(1)
}

// blockedUntil is when an attempt may start as far as the outbox is concerned.
func (b *outbox) blockedUntil(now int64) int64 {
	unwritten := len(b.waiting) + len(b.writing)
	if unwritten > outboxLimit || unwritten > 0 && now-b.oldest > outboxAge {
		return now + outboxRetry/2
	}
	return 0
}

// flush writes what waits, if it is time and the log has answered the last
// append. It says when to call it again; 0 = not before something happens.
func (b *outbox) flush(now int64) (again int64) {
	switch {
	case len(b.writing) > 0 || len(b.waiting) == 0:
		return 0 // the log's answer, or the next outcome, comes through the inbox
	case now < b.due:
		return b.due
	}
	n := b.group()
	b.writing = append(b.writing, b.waiting[:n]...)
	b.waiting = slices.Delete(b.waiting, 0, n)
	b.due = 0
	b.append()
	return 0
}

// group is how many of those that wait are written next.
func (b *outbox) group() (n int) {
	for size := 0; n < min(len(b.waiting), outboxGroup) && size < outboxBytes; n++ {
		size += outcomeSize + len(b.waiting[n].Attempt.Snippet)
	}
	return n
}

func (b *outbox) append() {
	b.data, b.recs = b.data[:0], b.recs[:0]
	ends := make([]int, 0, 64)
	for i := range b.writing {
		b.data = b.writing[i].Append(b.data)
		ends = append(ends, len(b.data))
	}
	from := 0
	for _, end := range ends {
		b.recs = append(b.recs, wal.Rec{Kind: wal.Outcome, ID: ledger.NewID(), Data: b.data[from:end:end]})
		from = end
	}
	b.owner.Commit(b.recs, func(err error) { b.shard.wrote(b.p, err) })
}

// wrote takes the log's answer. Outcomes that may or may not be in the log are
// written again, marked as repeated.
func (b *outbox) wrote(err error, now int64) {
	if err != nil {
		unknown := errors.Is(err, wal.ErrTimeout)
		for i := range b.writing {
			b.writing[i].Repeated = b.writing[i].Repeated || unknown
		}
		b.waiting = slices.Insert(b.waiting, 0, b.writing...)
		clear(b.writing)
		b.writing, b.due = b.writing[:0], now+outboxRetry
		return
	}
	b.shard.engine.metrics.unwritten.Add(-float64(len(b.writing)))
	b.written += uint64(len(b.writing))
	clear(b.writing)
	b.writing = b.writing[:0]
	b.oldest = now
	if len(b.waiting) > 0 {
		b.due = now
	}
	for len(b.promises) > 0 && b.promises[0].written <= b.written {
		b.promises[0].keep()
		b.promises = slices.Delete(b.promises, 0, 1)
	}
}

// empty reports whether everything is written.
func (b *outbox) empty() bool { return len(b.waiting)+len(b.writing) == 0 }
