package engine

import (
	"sync/atomic"
	"time"
)

// slots bounds how many attempts are under way in the whole process. It is a
// fuse, not a scheduler: an endpoint's own window is what normally bounds it.
// Up to three quarters of the limit everybody is admitted. Above, a lane is
// admitted only while it holds less than its fair part of all slots, or, if its
// last attempt succeeded, less than a sixteenth of them. So lanes whose
// receivers hang cannot take the last slots from the others (G4).
//
// Nor can those that have much to do and whose receivers take it all: whoever
// has a fair part leaves as many slots as there are lanes that were refused one
// and hold none, and gives some back after a turn.
//
// A slot is held by a delivery goroutine for as long as it runs, never by
// something that waits.
type slots struct {
	limit  int64
	used   atomic.Int64
	lanes  atomic.Int64 // that hold at least one
	hungry atomic.Int64 // that were refused one and hold none
}

// slotTurn is for how long a slot can be held while others go without.
const slotTurn = 200 * time.Millisecond

// admit takes a slot for a lane that holds some already, or that is hungry.
func (s *slots) admit(held int, hungry, healthy bool) bool {
	room := s.limit
	if others := s.hungry.Load(); others > 0 && !hungry {
		lanes := s.lanes.Load() + others
		if held == 0 {
			lanes++ // its own
		}
		if int64(held) >= s.limit/lanes {
			room -= others
		}
	}
	used := s.used.Add(1)
	if used <= s.limit/4*3 || used <= room && int64(held) < s.part(healthy) {
		if held == 0 {
			s.lanes.Add(1)
		}
		return true
	}
	s.used.Add(-1)
	return false
}

// keep says whether a lane that has another attempt ready may go on with a slot
// it has, while it holds others; overdue says that it has had its turn.
func (s *slots) keep(others int, healthy, overdue bool) bool {
	used, hungry := s.used.Load(), s.hungry.Load()
	switch {
	case used <= s.limit/4*3:
		return true
	case overdue && used+hungry > s.limit && int64(others) >= s.limit/(s.lanes.Load()+hungry):
		return false
	}
	return int64(others) < s.part(healthy)
}

func (s *slots) part(healthy bool) int64 {
	fair := max(1, s.limit/max(1, s.lanes.Load()))
	if healthy {
		return max(fair, s.limit/16)
	}
	return fair
}

// release gives a slot back; the lane then holds some still. It says whether
// others may have been waiting for it.
func (s *slots) release(held int) (wanted bool) {
	if held == 0 {
		s.lanes.Add(-1)
	}
	return s.used.Add(-1) >= s.limit/4*3-1
}
