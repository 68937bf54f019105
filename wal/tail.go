package wal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// feeds hand what the committer publishes to the tails, from memory.
//
// One lock covers the watermark and all feeds. So when a tail attaches, it
// learns the record after which its feed begins: what is up to there it reads
// from disk, what comes after is in the feed, with no gap and no repeat. The
// lock is taken once for a group, and by each tail once for all that has
// gathered since it looked last.
type feeds struct {
	mu    sync.Mutex
	parts []feed
}

// feed is the queue of one partition's tail.
type feed struct {
	running  bool          // a Tail runs
	attached bool          // and follows from memory
	last     Pos           // the partition's last published record
	recs     []Rec         // published, not yet taken
	signal   chan struct{} // there are some; room for one
}

func newFeeds(parts []partState) *feeds {
	f := &feeds{parts: make([]feed, len(parts))}
	for p := range f.parts {
		f.parts[p].last = parts[p].last
		f.parts[p].signal = make(chan struct{}, 1)
	}
	return f
}

// publish moves the watermark to end and gives the records to those who follow.
// It returns the size of the records that nobody follows.
func (f *feeds) publish(watermark *atomic.Uint64, end Pos, runs []run) (idle int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	watermark.Store(uint64(end))
	for _, r := range runs {
		part := &f.parts[r.p]
		part.last = r.recs[len(r.recs)-1].Pos
		if !part.attached {
			idle += sizeOf(r.recs)
			continue
		}
		part.recs = append(part.recs, r.recs...)
		select {
		case part.signal <- struct{}{}:
		default:
		}
	}
	return idle
}

func sizeOf(recs []Rec) (n int64) {
	for i := range recs {
		n += int64(recSize(&recs[i]))
	}
	return n
}

var errTailRuns = errors.New("a tail of this partition runs already")

func (f *feeds) start(p int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parts[p].running {
		return errTailRuns
	}
	f.parts[p].running = true
	return nil
}

// last is the partition's last published record. Behind it a tail need not look
// through what other partitions have written since.
func (f *feeds) last(p int) Pos {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parts[p].last
}

// attach makes the feed begin, after the position it returns.
func (f *feeds) attach(p int) Pos {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts[p].attached = true
	return f.parts[p].last
}

// stop ends the feed and returns the size of what was left in it.
func (f *feeds) stop(p int) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	part := &f.parts[p]
	left := sizeOf(part.recs)
	part.running, part.attached, part.recs = false, false, nil
	return left
}

// take swaps the gathered records against an empty slice.
func (f *feeds) take(p int, empty []Rec) []Rec {
	f.mu.Lock()
	defer f.mu.Unlock()
	recs := f.parts[p].recs
	f.parts[p].recs = empty
	return recs
}

const (
	// applyMax is the most records in one call of apply.
	applyMax = 4096

	// attachBelow is how few records a pass over the disk has to find for the
	// tail to go over to memory. Before that, what is published meanwhile is
	// read from disk again, so that a long catch-up holds no memory.
	attachBelow = 4096
)

// Tail implements Log. Before it follows from memory it catches up from disk;
// records that it reads there have no Local, even if they were submitted in
// this process.
func (s *Store) Tail(ctx context.Context, p int, after Pos, apply func([]Rec) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.feeds.start(p); err != nil {
		return fmt.Errorf("tail partition %d: %w", p, err)
	}
	defer func() { s.queue.release(s.feeds.stop(p)) }()

	for {
		end := s.feeds.last(p)
		n, err := s.tailDisk(ctx, p, after, end, apply)
		if err != nil {
			return err
		}
		after = max(after, end)
		if n < attachBelow {
			break
		}
	}
	end := s.feeds.attach(p)
	if _, err := s.tailDisk(ctx, p, after, end, apply); err != nil {
		return err
	}
	if err := apply(nil); err != nil {
		return err
	}
	return s.tailMemory(ctx, p, apply)
}

// tailDisk applies what the disk has after one position, up to another.
func (s *Store) tailDisk(ctx context.Context, p int, after, upTo Pos, apply func([]Rec) error) (n int, err error) {
	for after < upTo {
		if err := s.live(ctx); err != nil {
			return n, err
		}
		recs, through, err := s.read(p, after, upTo, eventRange, otherRange)
		if err != nil {
			return n, err
		}
		if len(recs) > 0 {
			if err := apply(recs); err != nil {
				return n, err
			}
		}
		n += len(recs)
		after = through
	}
	return n, nil
}

// tailMemory applies what is published, as it comes.
func (s *Store) tailMemory(ctx context.Context, p int, apply func([]Rec) error) error {
	var spare []Rec
	for {
		recs := s.feeds.take(p, spare[:0])
		if len(recs) == 0 {
			select {
			case <-s.feeds.parts[p].signal:
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-s.closed:
				return ErrClosed
			}
		}
		var err error
		for chunk := range slices.Chunk(recs, applyMax) {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err == nil {
				err = apply(chunk)
			}
			s.queue.release(sizeOf(chunk)) // also what is left at the end
		}
		if err != nil {
			return err
		}
		clear(recs) // let go of Data and Local
		spare = recs
	}
}
