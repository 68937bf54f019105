package wal

import "fmt"

// Stats is a snapshot of a Store for metrics. Rates and latencies come through
// Options.Observer, the store's own figures from DB().Metrics().
type Stats struct {
	PendingBytes int64  // submitted and not yet written, or not yet applied by a tail
	PendingLimit int64  // of PendingBytes; what would pass it is refused
	Published    Pos    // readers may see up to here
	Synced       Pos    // a power cut keeps up to here
	DiskFree     int64  // bytes, as last measured; -1 if not known
	DiskReserve  int64  // bytes; 0 if free space is not known or not watched
	Degraded     string // why the log cannot be fully relied on, "" if it can
}

// Stats costs well below a microsecond.
func (s *Store) Stats() Stats {
	s.queue.mu.Lock()
	pending := s.queue.pending
	s.queue.mu.Unlock()
	return Stats{
		PendingBytes: pending,
		PendingLimit: s.opts.PendingBytes,
		Published:    Pos(s.published.Load()),
		Synced:       Pos(s.synced.Load()),
		DiskFree:     s.space.free.Load(),
		DiskReserve:  s.space.reserve.Load(),
		Degraded:     s.degraded(),
	}
}

// Healthy is nil if the log takes events at this moment, and otherwise says why
// not: what a readiness check asks.
func (s *Store) Healthy() error {
	if why := s.degraded(); why != "" {
		return fmt.Errorf("log: %s", why)
	}
	return nil
}

func (s *Store) degraded() string {
	if hanging := s.queue.hanging(); hanging > s.opts.AppendTimeout {
		return fmt.Sprintf("the disk has not finished a write for %v", hanging.Round(s.opts.AppendTimeout/10))
	}
	switch s.space.level.Load() {
	case refuseEvents:
		return "disk space is below the reserve, events are refused" + s.space.figures()
	case refuseAll:
		return "disk space is below half the reserve, everything is refused" + s.space.figures()
	}
	return s.db.Degraded()
}
