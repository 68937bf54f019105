package engine

import "sync/atomic"

// slots bounds how many attempts are under way in the whole process. It is a
// fuse, not a scheduler: an endpoint's own window is what normally bounds it.
// Up to three quarters of the limit everybody is admitted. Above, a lane is
// admitted only while it holds less than its fair part of all slots, or, if its
// last attempt succeeded, less than a sixteenth of them. So lanes whose
// receivers hang cannot take the last slots from the others (G4).
//
// A slot is held by a delivery goroutine for as long as it runs, never by
// something that waits.
type slots struct {
	limit int64
	used  atomic.Int64
	lanes atomic.Int64 // that hold at least one
}

// admit takes a slot for a lane that holds some already.
func (s *slots) admit(held int, healthy bool) bool {
	used := s.used.Add(1)
	if used <= s.limit/4*3 || used <= s.limit && int64(held) < s.part(healthy) {
		if held == 0 {
			s.lanes.Add(1)
		}
		return true
	}
	s.used.Add(-1)
	return false
}

// keep says whether a lane that has another attempt ready may go on with a slot
// it has, while it holds others.
func (s *slots) keep(others int, healthy bool) bool {
	return s.used.Load() <= s.limit/4*3 || int64(others) < s.part(healthy)
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
