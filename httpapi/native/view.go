package native

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// endpointView is an endpoint as clients see it. null is the engine's default,
// or a moment that has not come.
type endpointView struct {
	ID           string        `json:"id"`
	Organization string        `json:"organization_id"`
	Livemode     bool          `json:"livemode"`
	Kind         endpoint.Kind `json:"kind"`
	Origin       string        `json:"origin"`

	Name        string            `json:"name"`
	Description string            `json:"description"`
	EditionID   string            `json:"edition_id"`
	Metadata    map[string]string `json:"metadata"`

	State          string     `json:"state"` // enabled, paused, disabled
	DisabledReason *string    `json:"disabled_reason"`
	StateSince     wire.Time  `json:"state_since"`
	Health         healthView `json:"health"`

	URL         *string          `json:"url"`
	EventBridge *eventBridgeView `json:"eventbridge"`
	EventTypes  []string         `json:"event_types"` // [] = all
	EventsFrom  []string         `json:"events_from"`

	PayloadFormat      event.Format        `json:"payload_format"`
	SnapshotAPIVersion *string             `json:"snapshot_api_version"`
	Signatures         []string            `json:"signatures"`
	Headers            []endpoint.Header   `json:"headers"`
	Secrets            []secretView        `json:"secrets"`
	Secret             string              `json:"secret,omitempty"` // in full, where it was just made
	Timeout            *endpoint.Millis    `json:"timeout_ms"`
	RetrySchedule      []endpoint.Millis   `json:"retry_schedule"` // ms
	MaxAttempts        *int                `json:"max_attempts"`
	RateLimit          *endpoint.RateLimit `json:"rate_limit"`
	MaxInFlight        *int                `json:"max_in_flight"`
	Ordering           endpoint.Ordering   `json:"ordering"`
	DisableAfter       *endpoint.Millis    `json:"disable_after"` // ms; 0 = never

	CreatedAt wire.Time `json:"created_at"`
	UpdatedAt wire.Time `json:"updated_at"`
}

// eventBridgeView is an event bus, and what attempts have shown of it.
type eventBridgeView struct {
	AccountID string                `json:"aws_account_id"`
	Region    string                `json:"aws_region"`
	SourceARN string                `json:"aws_event_source_arn"`
	Status    endpoint.SourceStatus `json:"status"`
}

// healthView says how deliveries to an endpoint are going, and since when.
type healthView struct {
	State       endpoint.Health `json:"state"`
	Reason      *string         `json:"reason"` // what the state follows from; null while healthy
	Since       wire.Time       `json:"since"`  // of the first of the failures in a row, or of the disabling
	Failures    uint64          `json:"consecutive_failures"`
	LastSuccess wire.Time       `json:"last_success_at"`
	LastAttempt wire.Time       `json:"last_attempt_at"`
	HeldUntil   wire.Time       `json:"held_until"`    // a Retry-After holds everything back until then
	NextProbe   wire.Time       `json:"next_probe_at"` // the breaker is open; one attempt is made then
}

// secretView is a signing secret without its text.
type secretView struct {
	ID        string    `json:"id"`
	Last4     string    `json:"last4"`
	CreatedAt wire.Time `json:"created_at"`
	ExpiresAt wire.Time `json:"expires_at"`
}

// view shows an endpoint with what is known of its deliveries.
func view(o *ledger.Overview) *endpointView {
	e := o.Endpoint
	now := e.Now()
	v := &endpointView{
		ID: e.ID, Organization: e.Organization, Livemode: e.Livemode, Kind: e.Kind, Origin: e.Origin,
		Name: e.Name, Description: e.Description, EditionID: e.EditionID, Metadata: wire.OrEmptyMap(e.Metadata),
		State: state(e), DisabledReason: wire.OrNull(e.DisabledReason), StateSince: wire.Time(e.StateSince), Health: health(o),
		URL: wire.OrNull(e.URL), EventBridge: eventBridgeOf(o), EventTypes: wire.OrEmpty(now.EventTypes), EventsFrom: wire.OrEmpty(now.EventsFrom),
		PayloadFormat: e.PayloadFormat, SnapshotAPIVersion: wire.OrNull(e.SnapshotAPIVersion),
		Signatures: wire.OrEmpty(e.Signatures), Headers: wire.OrEmpty(e.Headers), Secrets: []secretView{},
		Timeout: wire.OrNull(e.Timeout), RetrySchedule: e.RetrySchedule, MaxAttempts: wire.OrNull(e.MaxAttempts),
		RateLimit: e.RateLimit, MaxInFlight: wire.OrNull(e.MaxInFlight), Ordering: e.Ordering, DisableAfter: e.DisableAfter,
		CreatedAt: wire.Time(e.CreatedAt), UpdatedAt: wire.Time(e.UpdatedAt),
	}
	for _, s := range e.Secrets {
		v.Secrets = append(v.Secrets, secretView{ID: s.ID, Last4: s.Last4, CreatedAt: wire.Time(s.CreatedAt), ExpiresAt: wire.Time(s.ExpiresAt)})
	}
	return v
}

func eventBridgeOf(o *ledger.Overview) *eventBridgeView {
	bus := o.EventBridge
	if bus == nil {
		return nil
	}
	return &eventBridgeView{AccountID: bus.AccountID, Region: bus.Region, SourceARN: bus.SourceARN(), Status: o.EventSourceStatus()}
}

func state(e *endpoint.Endpoint) string {
	switch {
	case !e.Enabled():
		return "disabled"
	case e.Paused:
		return "paused"
	}
	return "enabled"
}

func health(o *ledger.Overview) healthView {
	lane := &o.Lane
	v := healthView{
		State: o.Health, Since: wire.Time(lane.FailingFrom), Failures: lane.Failures,
		LastSuccess: wire.Time(lane.LastSuccess), LastAttempt: wire.Time(lane.LastAttempt),
		HeldUntil: wire.Time(lane.HoldUntil), NextProbe: wire.Time(lane.ProbeAt),
	}
	reason := ""
	switch {
	case o.Health == endpoint.Off:
		v.Since, reason = wire.Time(o.StateSince), o.DisabledReason
	case lane.ProbeAt != 0:
		reason = "breaker_open"
	case lane.GaveUp:
		reason = "delivery_given_up"
	case lane.Failures > 0:
		reason = "failed_attempts"
	}
	v.Reason = wire.OrNull(reason)
	return v
}
