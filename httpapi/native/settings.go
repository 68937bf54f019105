package native

import (
	"cmp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// settings are what a client can set of an endpoint, at its creation and later.
// Every field may be absent: then it is left as it is. null sets the default.
type settings struct {
	Name        wire.Patch[string]             `json:"name"`
	Description wire.Patch[string]             `json:"description"`
	EditionID   wire.Patch[string]             `json:"edition_id"`
	Metadata    wire.Patch[map[string]*string] `json:"metadata"` // merged; null removes a key

	URL         wire.Patch[string]            `json:"url"`
	EventBridge wire.Patch[eventBridge]       `json:"eventbridge"`
	EventTypes  wire.Patch[[]string]          `json:"event_types"`
	EventsFrom  wire.Patch[[]string]          `json:"events_from"`
	Signatures  wire.Patch[[]string]          `json:"signatures"`
	Headers     wire.Patch[[]header]          `json:"headers"`
	Timeout     wire.Patch[endpoint.Millis]   `json:"timeout_ms"`
	Retry       wire.Patch[[]endpoint.Millis] `json:"retry_schedule"`
	MaxAttempts wire.Patch[int]               `json:"max_attempts"`
	RateLimit   wire.Patch[rateLimit]         `json:"rate_limit"`
	MaxInFlight wire.Patch[int]               `json:"max_in_flight"`
	Ordering    wire.Patch[endpoint.Ordering] `json:"ordering"`
	DisableFor  wire.Patch[endpoint.Millis]   `json:"disable_after"`

	// Only at the creation.
	Kind               wire.Patch[endpoint.Kind] `json:"kind"`
	PayloadFormat      wire.Patch[event.Format]  `json:"payload_format"`
	SnapshotAPIVersion wire.Patch[string]        `json:"snapshot_api_version"`
	State              wire.Patch[string]        `json:"state"`
	Secret             wire.Patch[string]        `json:"secret"`
}

type eventBridge struct {
	AccountID string `json:"aws_account_id"`
	Region    string `json:"aws_region"`
}

// over is the bus that now becomes with what is given; null is none.
func (b eventBridge) over(now *endpoint.EventBridge, null bool) *endpoint.EventBridge {
	if null {
		return nil
	}
	var next endpoint.EventBridge
	if now != nil {
		next = *now
	}
	next.AccountID = cmp.Or(b.AccountID, next.AccountID)
	next.Region = cmp.Or(b.Region, next.Region)
	return &next
}

type header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type rateLimit struct {
	PerSecond wire.Patch[float64] `json:"per_second"` // required of a new limit
	Burst     wire.Patch[int]     `json:"burst"`      // default 1
}

// over is the limit that now becomes with what is given; null is none.
func (r rateLimit) over(now *endpoint.RateLimit, null bool) *endpoint.RateLimit {
	if null {
		return nil
	}
	next := endpoint.RateLimit{Burst: defaultBurst}
	if now != nil {
		next = *now
	}
	set(&next.PerSecond, r.PerSecond)
	setOr(&next.Burst, r.Burst, defaultBurst)
	return &next
}

const defaultBurst = 1

// set puts a field that was given into its place. null is the zero value, which
// stands for the default.
func set[T any](to *T, p wire.Patch[T]) {
	if p.Given {
		*to = p.Value
	}
}

// setOr is set for a default that is not the zero value.
func setOr[T any](to *T, p wire.Patch[T], fallback T) {
	if p.Null {
		p.Value = fallback
	}
	set(to, p)
}

// apply changes an endpoint to what the settings say.
func (s *settings) apply(e *endpoint.Endpoint) error {
	set(&e.Name, s.Name)
	set(&e.Description, s.Description)
	set(&e.EditionID, s.EditionID)
	set(&e.URL, s.URL)
	now := e.Now()
	set(&now.EventTypes, s.EventTypes)
	set(&now.EventsFrom, s.EventsFrom)
	setOr(&e.Signatures, s.Signatures, []string{"standard"})
	set(&e.Timeout, s.Timeout)
	set(&e.RetrySchedule, s.Retry)
	set(&e.MaxAttempts, s.MaxAttempts)
	set(&e.MaxInFlight, s.MaxInFlight)
	setOr(&e.Ordering, s.Ordering, endpoint.Unordered)
	setOr(&e.Kind, s.Kind, endpoint.Webhook)
	setOr(&e.PayloadFormat, s.PayloadFormat, event.Envelope)
	set(&e.SnapshotAPIVersion, s.SnapshotAPIVersion)
	if s.DisableFor.Given {
		e.DisableAfter = nil
		if !s.DisableFor.Null {
			e.DisableAfter = &s.DisableFor.Value
		}
	}
	if s.EventBridge.Given {
		e.EventBridge = s.EventBridge.Value.over(e.EventBridge, s.EventBridge.Null)
	}
	s.applyLists(e)
	return s.check()
}

// applyLists changes what is merged or converted element by element.
func (s *settings) applyLists(e *endpoint.Endpoint) {
	if s.Headers.Given {
		e.Headers = nil
		for _, h := range s.Headers.Value {
			e.Headers = append(e.Headers, endpoint.Header(h))
		}
	}
	e.Metadata = wire.Merged(e.Metadata, s.Metadata)
	if s.RateLimit.Given {
		e.RateLimit = s.RateLimit.Value.over(e.RateLimit, s.RateLimit.Null)
	}
}

// check refuses zeros and empty texts that were given: in an endpoint they
// stand for "absent".
func (s *settings) check() error {
	var faults []wire.Field
	for _, f := range []struct {
		name   string
		isZero bool
	}{
		{"kind", isZero(s.Kind)}, {"payload_format", isZero(s.PayloadFormat)}, {"ordering", isZero(s.Ordering)},
		{"state", isZero(s.State)}, {"secret", isZero(s.Secret)},
		{"timeout_ms", isZero(s.Timeout)}, {"max_attempts", isZero(s.MaxAttempts)}, {"max_in_flight", isZero(s.MaxInFlight)},
	} {
		if f.isZero {
			faults = append(faults, wire.Field{Pointer: "/" + f.name, Detail: notZero})
		}
	}
	if len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	return nil
}

const notZero = "must not be zero or empty; null is the default"

func isZero[T comparable](p wire.Patch[T]) bool {
	var zero T
	return p.Given && !p.Null && p.Value == zero
}
