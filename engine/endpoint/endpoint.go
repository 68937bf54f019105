// Package endpoint is one receiver of events: its configuration, the rules for
// what it may be set to, and the one function that says which events it is
// owed.
//
// An Endpoint is an immutable snapshot: whoever changes one makes a copy, and
// the log decides the order of changes. What it is owed is fixed by log order
// too. An endpoint keeps spans; the span that covers an event's position, and
// nothing newer, decides about that event. So a new endpoint gets nothing
// older, an edited filter does not change the past, and what was posted while
// an endpoint was disabled is never owed.
//
//	Owes     one endpoint, any position: the definition
//	Matcher  all endpoints, new events: the same answer, by a few map lookups
package endpoint

import (
	"time"
	"unique"

	"github.com/hookwheel/hookwheel/engine/event"
)

// Key identifies an endpoint inside its partition: the log position of the
// record that created it.
type Key uint64

// Alias stands for the key wherever somebody outside can read it, as in the ids
// of deliveries: it is random. A key is a position in a log that many
// organizations share, and from two of them one could tell how much all of them
// did in between.
type Alias uint64

// Endpoint is one receiver. Read-only once it is published.
type Endpoint struct {
	ID           string `json:"id"` // ed_… or ed_test_…
	Key          Key    `json:"key"`
	Alias        Alias  `json:"alias,omitempty"` // 0 = the key
	Version      uint64 `json:"version"`         // log position of its latest change
	Organization string `json:"organization_id"`
	Livemode     bool   `json:"livemode"`
	Kind         Kind   `json:"kind"`
	Origin       string `json:"origin"` // the dialect it was created through; sets defaults only

	Name        string            `json:"name,omitempty"`
	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	EditionID   string            `json:"edition_id,omitempty"`

	URL                string       `json:"url,omitempty"`    // as it was given
	Target             string       `json:"target,omitempty"` // the same in the form that attempts are sent to
	EventBridge        *EventBridge `json:"eventbridge,omitempty"`
	PayloadFormat      event.Format `json:"payload_format"`
	SnapshotAPIVersion string       `json:"snapshot_api_version,omitempty"`
	Signatures         []string     `json:"signatures,omitempty"` // schemes, see package sign
	Headers            []Header     `json:"headers,omitempty"`
	Secrets            []Secret     `json:"secrets,omitempty"` // newest first
	Retired            []Secret     `json:"retired,omitempty"` // sign no more, newest first; history shows what they signed

	Timeout       Millis     `json:"timeout_ms,omitempty"`     // of a whole attempt; 0 = the engine's default
	RetrySchedule []Millis   `json:"retry_schedule,omitempty"` // nil = the engine's default
	MaxAttempts   int        `json:"max_attempts,omitempty"`   // 0 = one more than the schedule is long
	RateLimit     *RateLimit `json:"rate_limit,omitempty"`     // nil = none
	MaxInFlight   int        `json:"max_in_flight,omitempty"`  // 0 = the engine's default
	Ordering      Ordering   `json:"ordering"`
	DisableAfter  *Millis    `json:"disable_after,omitempty"` // nil = the engine's default, 0 = never

	Paused         bool   `json:"paused,omitempty"`
	DisabledReason string `json:"disabled_reason,omitempty"` // "" while enabled
	StateSince     int64  `json:"state_since"`               // Unix ms of the latest enable, disable, pause or resume

	CreatedAt int64 `json:"created_at"` // Unix ms
	UpdatedAt int64 `json:"updated_at"`
	DeletedAt int64 `json:"deleted_at,omitempty"` // 0 = alive

	// Spans, oldest first, at least one. The last one is what holds now.
	Spans []Span `json:"spans"`
}

// Compact gives back memory that decoding has wasted: room in lists beyond their
// elements, and a string of its own for every word that most endpoints share. It
// halves what an endpoint that has nothing to do costs. The lists are copied:
// another version of the endpoint may share them.
func (e *Endpoint) Compact() {
	if e.Target == e.URL {
		e.Target = e.URL
	}
	e.Organization, e.Origin = shared(e.Organization), shared(e.Origin)
	e.Kind, e.Ordering, e.PayloadFormat = shared(e.Kind), shared(e.Ordering), shared(e.PayloadFormat)
	e.Signatures = words(e.Signatures)
	e.Headers, e.RetrySchedule = exact(e.Headers), exact(e.RetrySchedule)
	e.Secrets, e.Retired, e.Spans = exact(e.Secrets), exact(e.Retired), exact(e.Spans)
	for i := range e.Spans {
		s := &e.Spans[i]
		s.EventTypes, s.EventsFrom = words(s.EventTypes), words(s.EventsFrom)
	}
}

func exact[T any](s []T) []T {
	if len(s) == 0 {
		return s
	}
	return append(make([]T, 0, len(s)), s...)
}

func words(s []string) []string {
	s = exact(s)
	for i := range s {
		s[i] = shared(s[i])
	}
	return s
}

func shared[T ~string](s T) T { return unique.Make(s).Value() }

// Span says which events an endpoint is owed from a position on, until the
// next span begins.
type Span struct {
	From       uint64   `json:"from"`        // the first log position it covers
	EventTypes []string `json:"event_types"` // patterns: exact, "prefix.*" or "*"; empty = all
	EventsFrom []string `json:"events_from"` // FromSelf and so on; empty = the organization's own
	Enabled    bool     `json:"enabled"`
}

// Kind is how an endpoint is reached.
type Kind string

const (
	Webhook Kind = "webhook"
	Bridge  Kind = "eventbridge"
)

// Ordering is whether a failed delivery holds up the ones behind it.
type Ordering string

const (
	Unordered Ordering = "none" // failures leave the line
	FIFO      Ordering = "fifo" // strictly in log order, one at a time
)

// Secret is a signing secret as it is stored: sealed under the master key.
type Secret struct {
	ID        string `json:"id"`
	Sealed    []byte `json:"sealed"`
	Last4     string `json:"last4"`
	CreatedAt int64  `json:"created_at"`
	ExpiresAt int64  `json:"expires_at,omitempty"` // Unix ms; 0 = does not expire
}

// Header is a static header that every delivery carries.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// RateLimit bounds how often attempts start.
type RateLimit struct {
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

// Millis is a duration that is written as a number of milliseconds.
type Millis int64

// Duration converts to the standard type.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Reasons for which an endpoint is disabled.
const (
	ReasonUser          = "user"                       // somebody asked for it
	ReasonGone          = "gone"                       // it answered 410
	ReasonFailures      = "delivery_failures"          // no success for DisableAfter
	ReasonNoEventSource = "no_aws_event_source_exists" // its event bus is gone
)

// Now is the span that holds for new events.
func (e *Endpoint) Now() *Span { return &e.Spans[len(e.Spans)-1] }

// Enabled reports whether new events are owed to it at all.
func (e *Endpoint) Enabled() bool { return e.DeletedAt == 0 && e.Now().Enabled }

// Sends reports whether attempts may start now.
func (e *Endpoint) Sends() bool { return e.Enabled() && !e.Paused }

// SetEnabled enables a copy that is being edited, or disables it because
// somebody asked for that. One that is disabled already keeps its reason.
func (e *Endpoint) SetEnabled(enabled bool) {
	now := e.Now()
	switch {
	case enabled:
		e.DisabledReason = ""
	case now.Enabled:
		e.DisabledReason = ReasonUser
	}
	now.Enabled = enabled
}
