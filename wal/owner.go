package wal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// owner is a claim on a partition. Within one process it fences by comparison
// with the queue's current owner, when a submission is put and again when it is
// taken: what an earlier owner had queued before the next Claim is refused too.
type owner struct {
	s    *Store
	p    int
	from Pos
	lost chan struct{}
}

// Claim implements Log. It returns once everything that earlier owners wrote is
// published.
func (s *Store) Claim(ctx context.Context, p int) (Owner, error) {
	o := &owner{s: s, p: p, lost: make(chan struct{})}
	if err := s.queue.setOwner(o); err != nil {
		return nil, err
	}
	if err := s.do(ctx, submission{p: p, owner: o, job: func() error {
		o.from = s.committer.state.parts[p].last
		return nil
	}}); err != nil {
		o.Release()
		return nil, fmt.Errorf("claim partition %d: %w", p, err)
	}
	return o, nil
}

// setOwner replaces a partition's owner.
func (q *queue) setOwner(o *owner) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if old := q.owners[o.p]; old != nil {
		close(old.lost)
	}
	q.owners[o.p] = o
	return nil
}

// dropOwner ends a claim, if it has not ended yet.
func (q *queue) dropOwner(o *owner) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.owners[o.p] == o {
		close(o.lost)
		q.owners[o.p] = nil
	}
}

func (o *owner) From() Pos             { return o.from }
func (o *owner) Lost() <-chan struct{} { return o.lost }
func (o *owner) Release()              { o.s.queue.dropOwner(o) }

func (o *owner) Commit(recs []Rec, done func(error)) {
	o.s.submit(submission{p: o.p, recs: recs, owner: o, done: done})
}

// do queues a job and waits for it. When ctx ends first, the job may still run.
func (s *Store) do(ctx context.Context, sub submission) error {
	result := make(chan error, 1)
	sub.done = func(err error) { result <- err }
	if err := s.queue.put(sub, false); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Trim implements Owner.
func (o *owner) Trim(ctx context.Context, before Pos) error {
	c := o.s.committer
	return o.do(ctx, "trim", func() error {
		before = min(before, Pos(o.s.published.Load())+1)
		part := &c.state.parts[o.p]
		if before > part.trimmed {
			part.trimmed = before
			o.s.gone[o.p].events.Store(uint64(before - 1))
		}
		// Also if it is nothing new: the last time may have failed here.
		return o.s.dropRange(eventRange, c.state.trimmable())
	})
}

// Absorbed implements Owner. The records are deleted by a synced batch that
// comes after the ledger's writes in the one WAL, so they disappear only from a
// disk that has those.
func (o *owner) Absorbed(ctx context.Context, upTo Pos) error {
	c := o.s.committer
	return o.do(ctx, "absorb", func() error {
		upTo = min(upTo, Pos(o.s.published.Load()))
		part := &c.state.parts[o.p]
		if upTo > part.absorbed {
			part.absorbed = upTo
			o.s.gone[o.p].others.Store(uint64(upTo))
		}
		return o.s.dropRange(otherRange, c.state.absorbable())
	})
}

func (o *owner) do(ctx context.Context, verb string, job func() error) error {
	if err := o.s.do(ctx, submission{p: o.p, owner: o, job: job}); err != nil {
		return fmt.Errorf("%s partition %d: %w", verb, o.p, err)
	}
	return nil
}

// dropRange deletes the packs of a range whose records all lie at or before the
// position. Only the last pack that begins there can reach beyond it.
func (s *Store) dropRange(rng byte, upTo Pos) error {
	c := s.committer
	last := &c.dropped[rng-eventRange]
	if upTo <= last.upTo {
		return nil
	}
	it, err := s.iterFrom(rng, upTo-1)
	if err != nil {
		return err
	}
	end := packKey(nil, rng, upTo+1, 0)
	if it.Valid() {
		recs, err := appendRecs(nil, it.Key(), it.Value())
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if recs[len(recs)-1].Pos > upTo {
			end = slices.Clone(it.Key())
		}
	}
	if err := it.Close(); err != nil {
		return readError(err)
	}
	c.batch.DeleteRange(kv.Key{rng}, end)
	*last = dropped{upTo, end}
	c.dropDue.Reset(dropAgain)
	return nil
}

// eraseMax is how many packs one job rewrites, so that appends are not kept
// waiting: 5 ms at 50 µs each.
const eraseMax = 100

// Erase implements Owner.
func (o *owner) Erase(ctx context.Context, at ...Pos) error {
	at = slices.Sorted(slices.Values(at))
	defer o.s.packs.drop()
	for chunk := range slices.Chunk(at, eraseMax) {
		if err := o.do(ctx, "erase", func() error { return o.s.erase(o.p, chunk) }); err != nil {
			return err
		}
	}
	return nil
}

// erase rewrites the packs that hold the positions. It changes nothing unless
// all of them can be read.
func (s *Store) erase(p int, at []Pos) error {
	packs := map[string][]Rec{}
	for _, pos := range at {
		if pos <= s.floor(eventRange, p) || pos > Pos(s.published.Load()) {
			continue
		}
		key, recs, err := s.readPack(p, pos)
		if err != nil {
			return err
		}
		if seen, ok := packs[string(key)]; ok {
			recs = seen
		}
		for i := range recs {
			if recs[i].Pos == pos {
				recs[i].Data = nil
				packs[string(key)] = recs
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(packs)) {
		recs := packs[key]
		refs := make([]*Rec, len(recs))
		for i := range recs {
			refs[i] = &recs[i]
		}
		s.committer.batch.Set([]byte(key), encodePack([]byte(key), refs))
	}
	return nil
}
