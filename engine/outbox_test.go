package engine

import (
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// smallLog is an owner that refuses more than a MiB at a time, and everything
// while it is full.
type smallLog struct {
	wal.Owner
	full    bool
	written int
}

func (o *smallLog) Commit(recs []wal.Rec, done func(error)) {
	size := 0
	for _, r := range recs {
		size += len(r.Data)
	}
	switch {
	case o.full:
		done(wal.ErrDiskFull)
	case size > 1<<20:
		done(wal.ErrTooLarge)
	default:
		o.written += len(recs)
		done(nil)
	}
}

// However much has come together while the log refused, it is written once the
// log takes it again.
func TestOutboxAfterAFullDisk(t *testing.T) {
	log := &smallLog{full: true}
	sh := &shard{engine: &Engine{metrics: newEngineMetrics()}}
	sh.inbox.wake = make(chan struct{}, 1)
	b := &outbox{shard: sh, owner: log}
	const n = 4 * outboxLimit
	snippet := string(make([]byte, 1024))
	now := int64(1_700_000_000_000)
	turn := func() {
		now += outboxRetry
		for _, w := range sh.inbox.wrote {
			b.wrote(w.err, now)
		}
		sh.inbox.wrote = nil
		b.flush(now)
	}
	for i := range n {
		b.add(&delivery.Outcome{Event: uint64(i), State: delivery.Succeeded, Attempt: delivery.Attempt{N: 1, Snippet: snippet}}, now)
		if i%100 == 0 {
			turn()
		}
	}
	if b.blockedUntil(now) <= now {
		t.Errorf("blocked with %d outcomes unwritten: got no, want yes", n)
	}
	log.full = false
	for range 1000 {
		turn()
	}
	if got, want := log.written, n; got != want || !b.empty() {
		t.Errorf("written within %v: got %d, empty %v, want %d, true", 1000*outboxRetry*time.Millisecond, got, b.empty(), want)
	}
	if got := b.blockedUntil(now); got > now {
		t.Errorf("blocked when all is written: got until %d, want no", got)
	}
}

// Rule: never send what cannot be recorded. What is ready already must not
// start either while too many outcomes are unwritten.
func TestNothingStartsWhileOutcomesAreUnwritten(t *testing.T) {
	script(t, nil, func(r *rig) {
		e := r.endpoint("one", nil)
		now, p := r.now(), r.ledger.PartitionOf(org)
		sh := newShard(r.Engine, 0, now)
		l := newLane(sh, p, sh.settings(e), &ledger.Lane{})
		a := &attempt{lane: l, Ref: ledger.Ref{Endpoint: e.Key, Pos: 1}, event: &event.Event{}}
		l.launch(a)
		l.ring.fill([]*attempt{a}, 0, &r.slots, nil)
		sh.outboxes[p].waiting = make([]delivery.Outcome, outboxLimit+1)
		sh.outboxes[p].oldest = now
		l.pump(now)
		ready, _ := l.ring.load()
		r.want("ready", ready, 0)
		r.want("queued", len(l.queue), 1)
	})
}

// Outcomes of the longest kind are written with the smallest tables there may be
// as well, however many have come together.
func TestOutboxOfASmallStore(t *testing.T) {
	options := func(o *Options) { o.Log.MemTableSize = 256 << 10 }
	script(t, options, func(r *rig) {
		e := r.endpoint("one", nil)
		p := r.ledger.PartitionOf(org)
		sh := newShard(r.Engine, 0, r.now())
		sh.lanes = nil
		b := sh.outboxes[p]
		snippet := string(make([]byte, 1024))
		for i := range outboxLimit {
			b.add(&delivery.Outcome{Endpoint: uint64(e.Key), Event: uint64(i), State: delivery.Failed, Attempt: delivery.Attempt{N: 2, Snippet: snippet}}, r.now())
		}
		for range outboxLimit {
			b.flush(r.now())
			after(outboxRetry * time.Millisecond)
			for _, w := range sh.inbox.wrote {
				if w.err != nil {
					r.Fatalf("with %d outcomes unwritten: got %v, want them written", len(b.waiting)+len(b.writing), w.err)
				}
				b.wrote(w.err, r.now())
			}
			sh.inbox.wrote = nil
		}
		r.want("all is written", b.empty(), true)
	})
}
