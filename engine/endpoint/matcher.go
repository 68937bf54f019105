package endpoint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hookwheel/hookwheel/engine/event"
)

// Matcher finds the endpoints that are owed a new event, without asking each.
//
// Every pattern of every enabled endpoint is an entry of one map, under the
// organization, the side (own or connected account) and the pattern itself.
// An event is looked up under its type, under each of its prefixes and under
// the empty prefix: two lookups and one for each dot, however many endpoints
// there are. Each list is in the order of keys, and so is the answer.
//
// The answer is what Owes says about each endpoint at a position after its
// latest change; events from before it are not for the Matcher.
//
// The zero value is empty and ready. It costs 100 to 200 bytes for each pattern
// and is not safe for concurrent use: the goroutine that applies the log owns
// it.
type Matcher struct {
	lists   map[topic][]*Endpoint // none empty, each in order of Key
	enabled map[Key]*Endpoint
}

// topic is what an event is looked up under.
type topic struct {
	organization string
	connected    bool // of a connected account, not of the organization's own
	pattern      Pattern
}

// Replace makes the matcher use this version of an endpoint, which may be new
// to it, instead of the one it has. A disabled or deleted one matches nothing.
func (m *Matcher) Replace(e *Endpoint) {
	if !e.Enabled() {
		m.Remove(e.Key)
		return
	}
	if m.lists == nil {
		m.lists = make(map[topic][]*Endpoint)
		m.enabled = make(map[Key]*Endpoint)
	}
	if old := m.enabled[e.Key]; old != nil && !sameTopics(old, e) {
		m.Remove(e.Key)
	}
	m.enabled[e.Key] = e
	for t := range e.topics {
		list := m.lists[t]
		i, found := find(list, e.Key)
		if found {
			list[i] = e
		} else {
			m.lists[t] = slices.Insert(list, i, e)
		}
	}
}

// Remove forgets an endpoint; it need not be known.
func (m *Matcher) Remove(key Key) {
	e := m.enabled[key]
	if e == nil {
		return
	}
	delete(m.enabled, key)
	for t := range e.topics {
		list := m.lists[t]
		i, found := find(list, key)
		switch {
		case !found: // the endpoint names the pattern twice
		case len(list) == 1:
			delete(m.lists, t)
		default:
			m.lists[t] = slices.Delete(list, i, i+1)
		}
	}
}

// Topic is all of an event that decides who is owed it as it comes in: two
// events of the same Topic have the same Match, until the next Replace or
// Remove.
type Topic struct {
	organization, eventType string
	connected               bool
	target                  Key
}

// TopicOf returns the topic of an event, whose strings it shares.
func TopicOf(ev *event.Event) Topic {
	return Topic{ev.Organization, ev.Type, ev.Account != "", Key(ev.Target)}
}

// Match appends to dst the endpoints that are owed a new event, each once, in
// order of Key. It allocates nothing if dst has room.
func (m *Matcher) Match(ev *event.Event, dst []*Endpoint) []*Endpoint {
	if ev.Target != 0 {
		if e := m.enabled[Key(ev.Target)]; e != nil && e.Organization == ev.Organization {
			dst = append(dst, e)
		}
		return dst
	}
	start := len(dst)
	t := topic{organization: ev.Organization, connected: ev.Account != "", pattern: Pattern{text: ev.Type}}
	dst = append(dst, m.lists[t]...)
	ordered := true
	t.pattern.prefix = true
	for n := 0; ; {
		t.pattern.text = ev.Type[:n]
		if list := m.lists[t]; len(list) > 0 {
			ordered = len(dst) == start
			dst = append(dst, list...)
		}
		dot := strings.IndexByte(ev.Type[n:], '.')
		if dot < 0 {
			break
		}
		n += dot + 1
	}
	if ordered {
		return dst
	}
	slices.SortFunc(dst[start:], byKey)
	return dst[:start+len(slices.Compact(dst[start:]))]
}

func byKey(a, b *Endpoint) int { return cmp.Compare(a.Key, b.Key) }

func find(list []*Endpoint, key Key) (int, bool) {
	return slices.BinarySearchFunc(list, key, func(e *Endpoint, key Key) int { return cmp.Compare(e.Key, key) })
}

// sameTopics reports whether two versions of an endpoint stand in the same
// lists, as they do after most changes.
func sameTopics(a, b *Endpoint) bool {
	return a.Organization == b.Organization &&
		slices.Equal(a.Now().EventTypes, b.Now().EventTypes) &&
		slices.Equal(a.Now().EventsFrom, b.Now().EventsFrom)
}

// topics yields everything that new events for the endpoint can be found
// under.
func (e *Endpoint) topics(yield func(topic) bool) {
	now := e.Now()
	for _, connected := range [...]bool{false, true} {
		if !now.takesFrom(connected) {
			continue
		}
		t := topic{organization: e.Organization, connected: connected}
		if len(now.EventTypes) == 0 {
			t.pattern = everything
			if !yield(t) {
				return
			}
		}
		for _, text := range now.EventTypes {
			t.pattern = patternOf(text)
			if !yield(t) {
				return
			}
		}
	}
}
