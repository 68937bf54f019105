package endpoint

import (
	"cmp"
	"slices"

	"github.com/hookwheel/hookwheel/engine/event"
)

// Reason says whether an endpoint is owed an event and, if not, what stands
// against it.
type Reason uint8

const (
	Owed         Reason = iota
	Deleted             // the endpoint was deleted before the event
	CreatedLater        // the endpoint did not exist yet
	Disabled            // the endpoint was disabled at the time
	OtherAccount        // its events_from leaves out the event's account
	OtherType           // none of its patterns matches the event's type
	NotTarget           // the event is a test or ping for another endpoint
)

var reasonNames = [...]string{"owed", "deleted", "created_later", "disabled", "account", "type", "not_target"}

func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// Owes says whether the endpoint is owed the event of its organization that
// lies at a position of the log, and names the first condition that fails, in the order of the constants.
//
// It is the only definition of this in the program. What is delivered live,
// read back from disk, counted, listed, explained and replayed asks here, or
// asks a Matcher, which is tested to agree. Its answer for a position never
// changes: later changes of the endpoint only append spans.
//
// An event with a target goes to that endpoint whatever its account and type,
// so that a ping reaches an endpoint that subscribes to something else, and to
// no other. A position before the oldest span counts as created later; see
// PruneSpans.
func (e *Endpoint) Owes(pos uint64, ev *event.Event) Reason {
	last := e.Now()
	if e.DeletedAt != 0 && pos >= last.From {
		return Deleted
	}
	span := last
	if pos < last.From { // most questions are about new events
		span = e.SpanAt(pos)
	}
	switch {
	case span == nil:
		return CreatedLater
	case !span.Enabled:
		return Disabled
	case ev.Target == uint64(e.Key):
		return Owed
	case ev.Target != 0:
		return NotTarget
	case !span.takesFrom(ev.Account != ""):
		return OtherAccount
	case !span.matchesType(ev.Type):
		return OtherType
	}
	return Owed
}

// SpanAt is the span that covers a position, nil before the first.
func (e *Endpoint) SpanAt(pos uint64) *Span {
	i, exact := slices.BinarySearchFunc(e.Spans, pos, func(s Span, pos uint64) int { return cmp.Compare(s.From, pos) })
	if exact {
		return &e.Spans[i]
	}
	if i == 0 {
		return nil
	}
	return &e.Spans[i-1]
}

func (s *Span) matchesType(eventType string) bool {
	if len(s.EventTypes) == 0 {
		return true
	}
	for _, text := range s.EventTypes {
		if patternOf(text).Match(eventType) {
			return true
		}
	}
	return false
}

// PatternsWithin are the patterns that held somewhere behind one position up to
// another: what the endpoint is owed there has a type that one of them selects,
// or the endpoint as its target. They can be more than there are such events.
func (e *Endpoint) PatternsWithin(after, upTo uint64) (patterns []Pattern) {
	for i, span := range e.Spans {
		ended := i+1 < len(e.Spans) && e.Spans[i+1].From <= after+1
		switch {
		case ended || span.From > upTo || !span.Enabled:
		case len(span.EventTypes) == 0:
			return []Pattern{everything}
		default:
			for _, text := range span.EventTypes {
				patterns = append(patterns, patternOf(text))
			}
		}
	}
	return patterns
}

// Where events may come from. There are two families of names for the same two
// things, both in use by clients, and each endpoint gets back those that it
// was created with.
const (
	FromSelf        = "self"           // events without an account
	FromAccounts    = "other_accounts" // events with an account
	FromSelfNew     = "@self"
	FromAccountsNew = "@accounts"
)

var sources = [...]string{FromSelf, FromSelfNew, FromAccounts, FromAccountsNew}

// ValidSource reports whether name can stand in events_from.
func ValidSource(name string) bool { return slices.Contains(sources[:], name) }

// takesFrom reports whether the span takes events of connected accounts, or
// those of the organization itself.
func (s *Span) takesFrom(connected bool) bool {
	if connected {
		return slices.Contains(s.EventsFrom, FromAccounts) || slices.Contains(s.EventsFrom, FromAccountsNew)
	}
	return len(s.EventsFrom) == 0 || slices.Contains(s.EventsFrom, FromSelf) || slices.Contains(s.EventsFrom, FromSelfNew)
}

// WithSpan is a copy of the endpoint that is owed by these rules from pos on,
// the position of the record that changes them. If they are the ones that
// hold already, the copy has the same spans.
//
// Positions must not go backwards. A second change at the same position
// replaces the first.
func (e *Endpoint) WithSpan(pos uint64, eventTypes, eventsFrom []string, enabled bool) *Endpoint {
	next := *e
	if n := len(e.Spans); n > 0 {
		last := &e.Spans[n-1]
		if last.Enabled == enabled && slices.Equal(last.EventTypes, eventTypes) && slices.Equal(last.EventsFrom, eventsFrom) {
			return &next
		}
	}
	next.appendSpan(Span{From: pos, EventTypes: eventTypes, EventsFrom: eventsFrom, Enabled: enabled})
	return &next
}

// WithDeletion is a copy of the endpoint that was deleted by the record at pos,
// at a time in Unix ms. It is owed nothing from there on. What it was owed
// before remains said, for history; whoever deletes cancels what is pending.
func (e *Endpoint) WithDeletion(pos uint64, at int64) *Endpoint {
	next := *e
	next.DeletedAt = at
	now := *e.Now()
	next.appendSpan(Span{From: pos, EventTypes: now.EventTypes, EventsFrom: now.EventsFrom})
	return &next
}

// appendSpan leaves the array of spans alone, which earlier copies share.
func (e *Endpoint) appendSpan(s Span) {
	kept := e.Spans
	if n := len(kept); n > 0 && kept[n-1].From == s.From {
		kept = kept[:n-1]
	}
	e.Spans = append(slices.Clip(kept), s)
}

// PruneSpans is the endpoint without the spans that ended before a position,
// below which the log is trimmed and nobody asks any more. The span that
// covers the position stays. If there is nothing to drop, it is e itself.
func (e *Endpoint) PruneSpans(before uint64) *Endpoint {
	drop := 0
	for drop+1 < len(e.Spans) && e.Spans[drop+1].From <= before {
		drop++
	}
	if drop == 0 {
		return e
	}
	next := *e
	next.Spans = slices.Clone(e.Spans[drop:])
	return &next
}
