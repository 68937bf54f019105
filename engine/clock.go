package engine

import "time"

// clock tells two times, because clocks of machines get set.
//
// Scheduling goes by now: what the wall clock said when the process started,
// plus what has elapsed since. Setting the clock, by a second or by a year, moves
// no due time, opens no breaker and expires nothing while the process runs.
//
// What other parties compare with a clock of their own goes by wall: the
// timestamp in a signature, which a receiver refuses when it is minutes off, and
// the time of an attempt in the history, from which the signature is recalled.
// The log goes by it too, but never backwards: its times are those of events.
//
// Between two runs nothing tells how long it was but the wall clock. Whatever is
// read back at a start is therefore held against what is possible: see
// newLane, lane.waits and Engine.mistrustsClock.
type clock struct {
	wall  func() time.Time
	start int64     // Unix ms, by wall
	began time.Time // the same moment; only what has elapsed since is of interest
}

func newClock(wall func() time.Time) clock {
	at := wall()
	past := at.Sub(at.Truncate(time.Millisecond)) // without which every time would be late by up to two
	return clock{wall: wall, start: at.UnixMilli(), began: time.Now().Add(-past)}
}

// now is the time for all scheduling, Unix ms.
func (c *clock) now() int64 { return c.start + c.running().Milliseconds() }

// running is how long ago the process started.
func (c *clock) running() time.Duration { return time.Since(c.began) }
