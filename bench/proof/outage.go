package proof

import (
	"slices"
	"time"
)

// outage is a time in which the server lost what it had not written.
type outage struct {
	span
	unwritten int64 // for how long before it outcomes may have waited to be written
}

// fault takes in that the server was struck.
func (m *model) fault(r *Record) {
	f := r.Fault
	switch {
	case f.Over && len(m.crashes) > 0 && m.crashes[len(m.crashes)-1].to == never:
		m.crashes[len(m.crashes)-1].to = r.Mono
	case !f.Over && f.Crash:
		m.crashes = append(m.crashes, outage{span: span{r.Mono, never}})
	}
	if !f.Over {
		m.restarts++
	}
	if f.Step != 0 {
		m.stepped(r)
	}
}

// recent is how long before a crash a post tells something about it.
const recent = int64(10 * time.Second)

// measureCommits finds out how long outcomes waited to be written before each
// crash. Posts tell: they are answered when they are written, and outcomes are
// written together with them. An outcome can miss one group and lose the next, so
// that it waits for twice as long as the longest of them.
func (m *model) measureCommits(records []Record) {
	began := map[string]int64{}
	for i := range records {
		switch r := &records[i]; {
		case r.Intent != nil:
			began[r.Intent.Post] = r.Mono
		case r.Answer != nil:
			m.waited(began[r.Answer.Post], r.Mono, r.Answer.Status/100 == 2)
		}
	}
	for i := range m.crashes {
		m.crashes[i].unwritten = int64(m.Unrecorded+m.Slack) + 2*m.crashes[i].unwritten
	}
}

// waited tells the crashes of a post: of one that was answered shortly before,
// or which they met.
func (m *model) waited(from, to int64, written bool) {
	for i := range m.crashes {
		c := &m.crashes[i]
		met := from < c.from && to >= c.from
		if met || written && to < c.from && to >= c.from-recent {
			c.unwritten = max(c.unwritten, min(to, c.from)-from)
		}
	}
}

// crashed reports whether a crash, before the receipt of a repetition, could
// have kept what became of an attempt from being written.
func (m *model) crashed(attempt, repeated *receipt) bool {
	return slices.ContainsFunc(m.crashes, func(c outage) bool { return c.from <= repeated.at && m.lostIn(c, attempt) })
}

// lostIn reports whether a crash came so soon after an attempt, or during it,
// that the outcome may not have been written. A busy receiver reads a request
// when its sender is gone already.
func (m *model) lostIn(c outage, attempt *receipt) bool {
	ended := attempt.at + int64(attempt.Delay)*int64(time.Millisecond)
	if attempt.Status == 0 {
		ended = attempt.at + int64(m.Timeout)
	}
	return attempt.at-int64(m.Slack) <= c.to && ended >= c.from-c.unwritten
}

// lost counts the attempts whose outcomes crashes may have taken.
func (m *model) lost(attempts ...*receipt) (n int) {
	for _, r := range attempts {
		if slices.ContainsFunc(m.crashes, func(c outage) bool { return m.lostIn(c, r) }) {
			n++
		}
	}
	return n
}

// struck reports whether the server crashed in a time, so that it may not have
// written what happened at the beginning of it.
func (m *model) struck(from, to int64) bool {
	return slices.ContainsFunc(m.crashes, func(c outage) bool { return c.from <= to && c.to+int64(m.Slack) >= from })
}
