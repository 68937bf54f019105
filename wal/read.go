package wal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// Bounds of one read from disk. An iterator costs 13 µs and holds on to files
// that were replaced, so it reads a good deal and is closed again.
const (
	readRecs  = 1024    // records of the partition, if they are kept
	readBytes = 1 << 20 // of its packs
	readPacks = 8192    // packs of all partitions, most of them passed over
)

// read returns the records of partition p in the ranges, in order, from behind
// after to at most upTo, and the position up to which nothing is missing. Data
// belongs to the caller.
func (s *Store) read(p int, after, upTo Pos, ranges ...byte) (recs []Rec, through Pos, err error) {
	through = upTo
	for _, rng := range ranges {
		low, most := max(after, s.floor(rng, p)), len(recs)+readRecs
		end, err := s.eachPack(rng, p, low, through, func(key, value []byte) (_ bool, err error) {
			from := len(recs)
			if recs, err = appendRecs(recs, key, bytes.Clone(value)); err != nil {
				return false, err
			}
			recs = append(recs[:from], within(recs[from:], low, through)...)
			return len(recs) < most, nil
		})
		if err != nil {
			return nil, 0, err
		}
		through = min(through, end)
	}
	if len(ranges) > 1 {
		slices.SortFunc(recs, func(a, b Rec) int { return cmp.Compare(a.Pos, b.Pos) })
	}
	// The other range may not have got as far.
	return within(recs, 0, through), through, nil
}

// within is the part of recs behind after up to upTo.
func within(recs []Rec, after, upTo Pos) []Rec {
	byPos := func(r Rec, at Pos) int { return cmp.Compare(r.Pos, at) }
	from, _ := slices.BinarySearchFunc(recs, after+1, byPos)
	to, _ := slices.BinarySearchFunc(recs, upTo+1, byPos)
	return recs[from:to]
}

// eachPack visits the packs of partition p in a range that can hold positions
// from behind after to at most upTo, in order, until visit returns false or it
// is time to close the iterator. It returns the position up to which no pack
// was left out. Key and value are good during the visit.
func (s *Store) eachPack(rng byte, p int, after, upTo Pos, visit func(key, value []byte) (more bool, err error)) (through Pos, err error) {
	it, err := s.iterFrom(rng, after)
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := it.Close(); cerr != nil {
			err = readError(cerr)
		}
	}()
	size, more := 0, true
	for packs := 0; it.Valid(); it.Next() {
		first, owner := splitKey(it.Key())
		if first > upTo {
			break
		}
		if !more || size >= readBytes || packs >= readPacks {
			return first - 1, nil
		}
		packs++
		if owner != p {
			continue
		}
		value := it.Value()
		if more, err = visit(it.Key(), value); err != nil {
			return 0, err
		}
		size += len(value)
	}
	return upTo, nil
}

// iterFrom returns an iterator over a range, at the pack that may hold the
// position after `after`.
func (s *Store) iterFrom(rng byte, after Pos) (*kv.Iter, error) {
	it, err := s.db.Iter(kv.Key{rng}, kv.Key{rng + 1})
	if err != nil {
		return nil, readError(err)
	}
	if !it.SeekLT(packKey(nil, rng, after+1, 0xFFFF)) {
		it.First()
	}
	return it, nil
}

// readError turns the store's damage into the log's.
func readError(err error) error {
	if errors.Is(err, kv.ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("read log: %w", err)
}

// Scan implements Log. What it reads is not copied.
func (s *Store) Scan(p int, after, upTo Pos, visit func(Rec) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	upTo = min(upTo, Pos(s.published.Load()))
	after = max(after, s.floor(eventRange, p))
	var recs []Rec
	for more := true; more && after < upTo; {
		through, err := s.eachPack(eventRange, p, after, upTo, func(key, value []byte) (_ bool, err error) {
			if recs, err = appendRecs(recs[:0], key, value); err != nil {
				return false, err
			}
			for _, r := range within(recs, after, upTo) {
				if more = visit(r); !more {
					break
				}
			}
			return more, nil
		})
		if err != nil {
			return err
		}
		after = through
	}
	return nil
}

// floor is the position up to which a range of partition p counts as gone,
// whether or not its bytes are.
func (s *Store) floor(rng byte, p int) Pos {
	if rng == eventRange {
		return Pos(s.gone[p].events.Load())
	}
	return Pos(s.gone[p].others.Load())
}

// Get implements Log.
func (s *Store) Get(p int, at Pos) (Rec, error) {
	if err := s.enter(); err != nil {
		return Rec{}, err
	}
	defer s.leave()
	if at <= s.floor(eventRange, p) || at > Pos(s.published.Load()) {
		return Rec{}, ErrNotFound
	}
	recs, version := s.packs.find(p, at)
	if recs == nil {
		var err error
		if _, recs, err = s.readPack(p, at); err != nil {
			return Rec{}, err
		}
		s.packs.add(p, recs, version)
	}
	i, found := slices.BinarySearchFunc(recs, at, func(r Rec, at Pos) int { return cmp.Compare(r.Pos, at) })
	if !found {
		return Rec{}, ErrNotFound
	}
	r := recs[i]
	r.Data = bytes.Clone(r.Data)
	return r, nil
}

// readPack returns the pack of partition p's events that covers a position, and
// its key; no records if there is none.
func (s *Store) readPack(p int, at Pos) (key []byte, recs []Rec, err error) {
	it, err := s.iterFrom(eventRange, at-1)
	if err != nil {
		return nil, nil, err
	}
	if it.Valid() {
		key = bytes.Clone(it.Key())
		if first, owner := splitKey(key); owner == p && first <= at {
			recs, err = appendRecs(nil, key, bytes.Clone(it.Value()))
		}
	}
	if cerr := it.Close(); cerr != nil {
		err = readError(cerr)
	}
	return key, recs, err
}
