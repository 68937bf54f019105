package wal

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// space keeps the disk from filling up. Pebble on a full disk either ends the
// process (the WAL could not be written) or lets commits hang for ever while it
// repeats a flush; neither is an error that could be returned. So appends are
// refused while there is still room to work:
//
//	free < reserve       events are refused; outcomes, deletions, retention go on
//	free < reserve / 2   everything is refused, except retention
//	free < reserve / 4   that too: it takes a little space before it gives any
//	no space at all      the ballast is given up for what is already under way
//
// All of it ends by itself once there is space again.
type space struct {
	fs   kv.FS
	dir  string
	log  *slog.Logger
	want int64  // Options.DiskReserve
	size int64  // of the ballast
	kick func() // makes the keeper look

	level   atomic.Int32
	free    atomic.Int64 // as last seen; -1 if not known
	reserve atomic.Int64
	ballast atomic.Bool // the file exists
}

// What is refused, in order of severity.
const (
	refuseNothing int32 = iota
	refuseEvents
	refuseAll
)

const (
	minReserve     = 1 << 30
	reservePercent = 5
)

func newSpace(o Options, kick func()) *space {
	s := &space{fs: o.FS, dir: o.Dir, log: o.Logger, want: o.DiskReserve, size: o.MemTableSize, kick: kick}
	s.free.Store(-1)
	have, err := s.fs.Exists(s.path())
	s.ballast.Store(have)
	if err == nil {
		_, err = s.look()
	}
	if err != nil {
		s.log.Warn("disk space is not watched yet", "error", err) // the keeper tries again
	}
	return s
}

// path is where the ballast lies: as much as a memtable, so that a flush which
// found no space can end.
func (s *space) path() string { return s.fs.Join(s.dir, "ballast") }

// openable refuses to open a store that could not even finish the flush which
// opening it may need: Pebble would repeat that for ever. With a ballast there
// is something to give up.
func (s *space) openable() error {
	if free := s.free.Load(); free >= 0 && free < s.size/4 && !s.ballast.Load() {
		return fmt.Errorf("%w: %s has %d MiB free, and at least %d are needed to start", ErrDiskFull, s.dir, free>>20, s.size>>22)
	}
	return nil
}

// refusal is the error for a submission at this moment: one with an event, or
// one that frees space.
func (s *space) refusal(event, frees bool) error {
	switch s.level.Load() {
	case refuseEvents:
		if event {
			return ErrDiskFull
		}
	case refuseAll:
		if !frees || s.free.Load() < s.reserve.Load()/4 {
			return ErrDiskFull
		}
	}
	return nil
}

// figures say how bad it is, and what helps.
func (s *space) figures() string {
	if s.reserve.Load() == 0 {
		return "; make room on the disk of the store"
	}
	return fmt.Sprintf(": %d MiB are free, the reserve is %d MiB; make room on the disk of the store", s.free.Load()>>20, s.reserve.Load()>>20)
}

// look measures free space, sets the level and renews the ballast. It says
// whether to look again soon even if nothing is written.
func (s *space) look() (again bool, err error) {
	avail, total, known, err := s.fs.Free(s.dir)
	if err != nil {
		return true, fmt.Errorf("measure free space: %w", err)
	}
	if !known || s.want < 0 {
		s.level.Store(refuseNothing) // whether a disk that was full still is, only a write tells
		return false, nil
	}
	reserve := s.want
	if reserve == 0 {
		reserve = max(minReserve, int64(total)/100*reservePercent)
	}
	s.free.Store(int64(avail))
	s.reserve.Store(reserve)
	was := s.level.Load()
	level := nextLevel(was, int64(avail), reserve)
	s.level.Store(level)
	if level != was {
		s.report(level, int64(avail), reserve)
	}
	if !s.ballast.Load() && int64(avail) > reserve+2*s.size {
		if err := s.fs.Allocate(s.path(), s.size); err != nil {
			return true, fmt.Errorf("make ballast: %w", err)
		}
		s.ballast.Store(true)
	}
	return level != refuseNothing || !s.ballast.Load(), nil
}

// nextLevel is the level that follows from the free space. To leave one takes a
// little more space than to enter it, so that it does not flicker.
func nextLevel(was int32, free, reserve int64) int32 {
	slack := func(level int32) int64 {
		if was >= level {
			return reserve / 16
		}
		return 0
	}
	switch {
	case free < reserve/2+slack(refuseAll):
		return refuseAll
	case free < reserve+slack(refuseEvents):
		return refuseEvents
	}
	return refuseNothing
}

func (s *space) report(level int32, free, reserve int64) {
	switch level {
	case refuseNothing:
		s.log.Info("disk space is back, everything is accepted", "free_bytes", free, "reserve_bytes", reserve)
	case refuseEvents:
		s.log.Warn("disk space is below the reserve, events are refused", "free_bytes", free, "reserve_bytes", reserve)
	case refuseAll:
		s.log.Error("disk space is below half the reserve, nothing is accepted", "free_bytes", free, "reserve_bytes", reserve)
	}
}

// giveUp removes the ballast and says whether that made room. Pebble calls it
// when a write found no space.
func (s *space) giveUp() bool {
	s.level.Store(refuseAll)
	s.kick()
	if !s.ballast.CompareAndSwap(true, false) {
		return false
	}
	if err := s.fs.Remove(s.path()); err != nil {
		s.log.Error("disk is full and the ballast cannot be removed", "error", err)
		return false
	}
	s.log.Error("disk is full, the ballast was given up", "bytes", s.size)
	return true
}
