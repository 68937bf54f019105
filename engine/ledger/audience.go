package ledger

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// audience is who is owed the events of one topic, found once for all of them
// in a group. Events that follow each other are mostly alike, and of a hundred
// endpoints that are owed one, ninety-nine may be behind and take nothing: they
// cost the group a look each, not the event.
//
// What its members are owed is counted for all at once, before anything else
// looks at a lane: see tally. The result is as if each had been counted at its
// event, whatever the groups were.
type audience struct {
	endpoints []*endpoint.Endpoint
	members   []*member
	takers    []*member // those that events are handed to

	// Events since the last tally.
	count   uint64
	first   wal.Pos
	firstAt int64 // Unix ms
}

// audienceOf finds who is owed an event, and counts it.
func (pt *partition) audienceOf(ev *event.Event, at wal.Pos) *audience {
	s := &pt.scratch
	topic := endpoint.TopicOf(ev)
	a := s.audiences[topic]
	if a == nil {
		a = s.newAudience()
		s.audiences[topic] = a
		a.endpoints = pt.matcher.Match(ev, a.endpoints)
		for _, e := range a.endpoints {
			m := pt.mu.members[e.Key]
			a.members = append(a.members, m)
			if !m.withheld.Load() { // cannot change during the group, see Ledger.withhold
				a.takers = append(a.takers, m)
			}
		}
	}
	if a.count == 0 {
		a.first, a.firstAt = at, ev.ReceivedAt
		s.untallied = append(s.untallied, a)
	}
	a.count++
	return a
}

// tally brings the lanes of all audiences up to date.
func (pt *partition) tally() {
	for _, a := range pt.scratch.untallied {
		for _, m := range a.members {
			pt.countMatches(m, a.count, a.first, a.firstAt)
		}
		a.count = 0
	}
	clear(pt.scratch.untallied)
	pt.scratch.untallied = pt.scratch.untallied[:0]
}

// disperse forgets all audiences: the endpoints are about to change, or the
// group ends.
func (pt *partition) disperse() {
	pt.tally()
	s := &pt.scratch
	for topic, a := range s.audiences {
		delete(s.audiences, topic)
		clear(a.endpoints)
		clear(a.members)
		clear(a.takers)
		s.spare = append(s.spare, a)
	}
}

// newAudience returns an empty one, used before if possible.
func (s *scratch) newAudience() *audience {
	n := len(s.spare) - 1
	if n < 0 {
		return new(audience)
	}
	a := s.spare[n]
	s.spare = s.spare[:n]
	*a = audience{endpoints: a.endpoints[:0], members: a.members[:0], takers: a.takers[:0]}
	return a
}
