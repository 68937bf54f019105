package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// Verify reads every pack of the log and whatever else is in its store up to key
// 0xFF, the rows of the ledger excepted, in the order in which it lies on disk,
// and visits the records, except for those that count as deleted. It is made
// for a log that nobody writes to. What is damaged, or where visit returns an
// error, is reported, with its place, and the rest is read all the same; where
// the store cannot read on, the rest of that range is skipped, which is reported
// too. The error is ErrClosed or that of ctx.
func (s *Store) Verify(ctx context.Context, visit func(p int, r Rec) error, report func(error)) (n kv.Tally, err error) {
	if err := s.enter(); err != nil {
		return n, err
	}
	defer s.leave()
	for _, part := range []struct {
		what         string
		lower, upper []byte
		row          func(key, value []byte) error
	}{
		{"events", kv.Key{eventRange}, kv.Key{otherRange}, s.verifier(visit)},
		{"outcomes, changes and commands", kv.Key{otherRange}, kv.Key{otherRange + 1}, s.verifier(visit)},
		{"the log's own state", kv.Key{otherRange + 1}, kv.Key{0xFF}, s.verifyState},
	} {
		at := "from its beginning on"
		read, err := s.db.Each(ctx, part.lower, part.upper, func(key, value []byte) error {
			at = fmt.Sprintf("behind row %x", key)
			if err := part.row(key, value); err != nil {
				report(fmt.Errorf("log, %s: %w", part.what, err))
			}
			return nil
		})
		n.Add(read)
		switch {
		case ctx.Err() != nil:
			return n, context.Cause(ctx)
		case err != nil:
			report(fmt.Errorf("log, %s, %s: %w", part.what, at, readError(err)))
		}
	}
	return n, nil
}

// verifier returns a function that verifies the packs of a range, one after the
// other.
func (s *Store) verifier(visit func(p int, r Rec) error) func(key, value []byte) error {
	var recs []Rec
	var end Pos
	return func(key, value []byte) (err error) {
		if len(key) != packKeySize {
			return fmt.Errorf("%w: row %x is no pack", ErrCorrupt, key)
		}
		first, p := splitKey(key)
		if p >= s.Partitions() {
			return fmt.Errorf("%w: pack at position %d: partition %d of %d", ErrCorrupt, first, p, s.Partitions())
		}
		if first <= end {
			return fmt.Errorf("%w: pack at position %d, partition %d: the one before it ends at %d", ErrCorrupt, first, p, end)
		}
		if recs, err = appendRecs(recs[:0], key, value); err != nil {
			return err
		}
		end = recs[len(recs)-1].Pos
		var faults []error
		for _, r := range within(recs, s.floor(key[0], p), end) {
			if err := visit(p, r); err != nil {
				faults = append(faults, fmt.Errorf("record %x at position %d, partition %d: %w", r.ID, r.Pos, p, err))
			}
		}
		return errors.Join(faults...)
	}
}

func (s *Store) verifyState(key, value []byte) error {
	if string(key) != string(stateKey) {
		return fmt.Errorf("%w: row %x is nothing that this version knows", ErrCorrupt, key)
	}
	st := state{parts: make([]partState, s.Partitions())}
	return st.decode(value)
}
