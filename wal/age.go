package wal

import (
	"github.com/hookwheel/hookwheel/wal/kv"
)

// What retention asks: how old the oldest event is, how much the events take,
// and where a limit of either lies. Answers concern the whole log, since all
// partitions share one sequence, and are given as positions for Owner.Trim.

// OldestEvent returns the position and time of the oldest event still on disk.
func (s *Store) OldestEvent() (at Pos, unixMs int64, found bool, err error) {
	return s.eventAtOrAfter(0)
}

// EventBytes is about what the events from a position on take on disk,
// compressed. What is still in memory (up to four memtables) does not count.
func (s *Store) EventBytes(from Pos) (uint64, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	return s.db.Size(packKey(nil, eventRange, from, 0), kv.Key{eventRange + 1})
}

// CutByTime returns the position before which all events are older than a time
// (Unix ms).
func (s *Store) CutByTime(unixMs int64) (Pos, error) {
	at, err := s.cut(func(at Pos) (bool, error) {
		_, ms, found, err := s.eventAtOrAfter(at)
		return found && ms < unixMs, err
	})
	if err != nil || at == 0 {
		return 0, err
	}
	return s.pastOlder(at, unixMs)
}

// pastOlder moves a cut on to the first event that is not older, or the end,
// within the pack that it lies in. Without that the last pack of a log that
// gets no more would stay for ever.
func (s *Store) pastOlder(at Pos, unixMs int64) (Pos, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	it, err := s.iterFrom(eventRange, at-1)
	if err != nil {
		return 0, err
	}
	var recs []Rec
	if it.Valid() {
		recs, err = appendRecs(nil, it.Key(), it.Value())
	}
	if cerr := it.Close(); cerr != nil {
		err = readError(cerr)
	}
	for _, r := range recs {
		if r.Pos >= at && r.At < unixMs {
			at = r.Pos + 1
		}
	}
	return at, err
}

// CutByBytes returns the position from which on the events take at most that
// many bytes.
func (s *Store) CutByBytes(bytes uint64) (Pos, error) {
	return s.cut(func(at Pos) (bool, error) {
		size, err := s.EventBytes(at)
		return size > bytes, err
	})
}

// cut finds the first pack's position for which drop is false, given that it is
// true for the ones before and false for the ones after. It takes some 30 seeks.
func (s *Store) cut(drop func(Pos) (bool, error)) (Pos, error) {
	low, _, found, err := s.OldestEvent()
	if err != nil || !found {
		return 0, err
	}
	high := Pos(s.published.Load()) + 1
	for low < high {
		mid := low + (high-low)/2
		more, err := drop(mid)
		if err != nil {
			return 0, err
		}
		if more {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// eventAtOrAfter returns the first event of the first pack that begins at a
// position or later.
func (s *Store) eventAtOrAfter(from Pos) (at Pos, unixMs int64, found bool, err error) {
	if err := s.enter(); err != nil {
		return 0, 0, false, err
	}
	defer s.leave()
	it, err := s.db.Iter(kv.Key{eventRange}, kv.Key{eventRange + 1})
	if err != nil {
		return 0, 0, false, readError(err)
	}
	var recs []Rec
	if it.SeekGE(packKey(nil, eventRange, from, 0)) {
		recs, err = appendRecs(nil, it.Key(), it.Value())
	}
	if cerr := it.Close(); cerr != nil {
		err = readError(cerr)
	}
	if err != nil || len(recs) == 0 {
		return 0, 0, false, err
	}
	return recs[0].Pos, recs[0].At, true, nil
}
