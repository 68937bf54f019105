package proof

import (
	"fmt"
	"slices"
	"time"
)

// clock is the server's wall clock, which scenarios set: how far it was ahead of
// the ledgers' and when, and at which moments the server could not know how long
// it had not been running.
//
// Times are told apart by the hours that lie between them. So what the server
// tells can be held against the ledgers, as if nobody had set anything.
type clock struct {
	periods []period // each begins with a step, the first before all time
	blind   []blind
}

// period is a time for which the server's clock was ahead by so much. It
// overlaps with the next for as long as the setting took.
type period struct {
	wall  span // by the ledgers' clocks
	ahead int64
}

// blind is a time that the server did not run and in which its clock was set.
// After it, what had to wait may be due, and what was over may not be.
type blind struct {
	span
	wall span
}

// stepped takes in that the clock was, or is about to be, set.
func (c *clock) stepped(r *Record) {
	last := &c.periods[len(c.periods)-1]
	if r.Fault.Over {
		c.periods[len(c.periods)-2].wall.to = r.Wall
		if n := len(c.blind); r.Fault.Down {
			c.blind[n-1].to, c.blind[n-1].wall.to = r.Mono, r.Wall
		}
		return
	}
	last.wall.to = r.Wall
	c.periods = append(c.periods, period{wall: span{r.Wall, r.Wall}, ahead: last.ahead + r.Fault.Step*int64(time.Second)})
	if r.Fault.Down {
		c.blind = append(c.blind, blind{span: span{r.Mono, never}, wall: span{r.Wall, never}})
	}
}

// ours is what the ledgers' clocks said when the server's said at, give or take
// the slack; known is false if it never did.
func (c *clock) ours(at int64, slack time.Duration) (wall int64, known bool) {
	for _, p := range c.periods {
		if t := at - p.ahead; t >= p.wall.from-int64(slack) && t <= p.wall.to+int64(slack) {
			return t, true
		}
	}
	return 0, false
}

// ownTimes replaces the times of attempts, which are the server's, by those of
// the ledgers.
func (m *model) ownTimes(records []Record) {
	if len(m.periods) == 1 {
		return // nobody set it
	}
	m.periods[0].wall.from, m.periods[len(m.periods)-1].wall.to = records[0].Wall, records[len(records)-1].Wall
	told := *m.state
	told.Attempts = make(map[string][]Attempt, len(m.state.Attempts))
	for id, list := range m.state.Attempts {
		list = slices.Clone(list)
		for i, a := range list {
			at, known := m.ours(a.At.UnixNano(), m.Timeout+m.Slack)
			if !known {
				m.timeless = append(m.timeless, fmt.Sprintf("an attempt of delivery %s is told to have started at %v, which the server's clock never showed", id, a.At))
			}
			list[i].At = time.Unix(0, at)
		}
		told.Attempts[id] = list
	}
	m.state = &told
}

// blindIn reports whether the server lost its sense of time between two moments.
func (c *clock) blindIn(from, to int64) bool {
	return slices.ContainsFunc(c.blind, func(b blind) bool { return b.from <= to && b.to >= from })
}

// blindInWall is the same for moments of the wall clock.
func (c *clock) blindInWall(from, to int64) bool {
	return slices.ContainsFunc(c.blind, func(b blind) bool { return b.wall.from <= to && b.wall.to >= from })
}

// unsure is when a secret ends that was rotated away at a time and should have
// ended in another.
func (c *clock) unsure(rotated int64, until span) span {
	for _, b := range c.blind {
		if b.to >= rotated {
			return span{min(until.from, b.from), never}
		}
	}
	return until
}
