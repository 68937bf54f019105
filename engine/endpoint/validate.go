package endpoint

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// What an endpoint may be set to. Lengths are in bytes.
const (
	MaxName          = 256
	MaxDescription   = 1024
	MaxEditionID     = 255
	MaxMetadata      = 50 // keys
	MaxMetadataKey   = 64
	MaxMetadataValue = 512

	MinTimeout      = Millis(100)
	MaxTimeout      = Millis(time.Minute / time.Millisecond)
	MaxDelays       = 64 // of a retry schedule
	MinDelay        = Millis(1)
	MaxDelay        = 30 * day
	MaxAttempts     = 100 // a delivery's row stays small, and so does what a hopeless endpoint costs
	MinPerSecond    = 0.001
	MaxPerSecond    = 100_000
	MaxBurst        = 100_000
	MaxInFlight     = 1024
	MaxDisableAfter = 365 * day

	MaxRetired = 20   // whose signatures history can show
	MaxSecrets = 10   // good at the same time; each adds a signature to every delivery
	MaxSpans   = 1000 // changes of what is owed that the log still reaches back to

	day = Millis(24 * time.Hour / time.Millisecond)
)

// FieldError is what is wrong with one field. Field is its path in the native
// API: "url", "event_types/3", "headers/0/name".
type FieldError = event.FieldError

// Limits are what the rules for an endpoint depend on besides the endpoint.
type Limits struct {
	// CheckURL returns the canonical form of a URL that deliveries may go to,
	// or an error for the client that says why they may not. Required. The
	// endpoint keeps the URL as it was given.
	CheckURL func(url string) (string, error)

	// HeaderPrefix begins the names of the headers that deliveries set;
	// "" = sign.DefaultPrefix.
	HeaderPrefix string

	// RetrySchedule is what an endpoint without its own has.
	RetrySchedule []Millis

	// MaxRetrySpan is how long the delays of one delivery may be together, so
	// that no delivery outlives its event; 0 = no limit.
	MaxRetrySpan Millis
}

// Validate reports everything that is wrong with what an endpoint is set to,
// in the order of the fields; nothing if all is well. Absent settings, which
// stand for the engine's defaults, are fine.
func Validate(e *Endpoint, limits Limits) []FieldError {
	var v validation
	v.text("name", e.Name, MaxName)
	v.check(len(e.Description) <= MaxDescription && utf8.ValidString(e.Description),
		"description", "must be UTF-8 of at most %d bytes", MaxDescription)
	v.metadata(e.Metadata)
	v.text("edition_id", e.EditionID, MaxEditionID)
	v.filter(e.Now())
	v.check(len(e.Spans) <= MaxSpans, "event_types", "must not be changed any more for now: it was %d times within the retention", MaxSpans)
	v.target(e, limits)
	v.format(e)
	v.delivery(e, limits)
	return v.faults
}

// validation collects faults.
type validation struct{ faults []FieldError }

func (v *validation) check(ok bool, field, detail string, args ...any) {
	if !ok {
		v.faults = append(v.faults, FieldError{Field: field, Detail: fmt.Sprintf(detail, args...)})
	}
}

func (v *validation) text(field, text string, most int) {
	v.check(len(text) <= most && event.ValidText(text), field, "must be at most %d bytes of UTF-8 without control characters", most)
}

// between checks a setting of which 0 means that it is absent.
func between[T ~int | ~int64](v *validation, field string, value, least, most T, unit string) {
	v.check(value == 0 || value >= least && value <= most, field, "must lie between %d and %d%s", least, most, unit)
}

func (v *validation) metadata(metadata map[string]string) {
	v.check(len(metadata) <= MaxMetadata, "metadata", "must have at most %d keys", MaxMetadata)
	keys, values := true, true
	for key, value := range metadata {
		keys = keys && key != "" && len(key) <= MaxMetadataKey && event.ValidText(key)
		values = values && len(value) <= MaxMetadataValue && utf8.ValidString(value)
	}
	v.check(keys, "metadata", "must have keys of 1 to %d bytes of UTF-8 without control characters", MaxMetadataKey)
	v.check(values, "metadata", "must have values of at most %d bytes of UTF-8", MaxMetadataValue)
}

func (v *validation) filter(now *Span) {
	v.check(len(now.EventTypes) <= MaxPatterns, "event_types", "must be at most %d patterns", MaxPatterns)
	for i, text := range now.EventTypes[:min(len(now.EventTypes), MaxPatterns)] {
		if _, err := ParsePattern(text); err != nil {
			v.check(false, fmt.Sprintf("event_types/%d", i), "%v", err)
		}
	}
	v.check(len(now.EventsFrom) <= len(sources), "events_from", "must be at most %d names", len(sources))
	for i, name := range now.EventsFrom[:min(len(now.EventsFrom), len(sources))] {
		v.check(ValidSource(name), fmt.Sprintf("events_from/%d", i), "must be one of %s", strings.Join(sources[:], ", "))
	}
}

// target checks where deliveries go and what is in their headers.
func (v *validation) target(e *Endpoint, limits Limits) {
	switch e.Kind {
	case Webhook:
		if _, err := limits.CheckURL(e.URL); err != nil {
			v.check(false, "url", "%v", err)
		}
		v.check(e.EventBridge == nil, "eventbridge", "is only for kind %s", Bridge)
		v.check(len(e.Signatures) > 0, "signatures", "must name at least one scheme")
		v.signatures(e.Signatures)
		v.headers(e, limits.HeaderPrefix)
		v.check(len(e.Secrets) <= MaxSecrets, "secrets", "must not be more than %d at a time", MaxSecrets)
	case Bridge:
		v.check(e.URL == "", "url", "is only for kind %s", Webhook)
		v.check(len(e.Signatures) == 0, "signatures", "is only for kind %s", Webhook)
		v.check(len(e.Headers) == 0, "headers", "is only for kind %s", Webhook)
		if e.EventBridge == nil {
			v.check(false, "eventbridge", "is required")
			return
		}
		v.check(awsAccount(e.EventBridge.AccountID), "eventbridge/aws_account_id", "must be 12 digits")
		v.check(awsRegion(e.EventBridge.Region), "eventbridge/aws_region", "must be the name of a region, like us-east-1")
	default:
		v.check(false, "kind", "must be %s or %s", Webhook, Bridge)
	}
}

func (v *validation) signatures(names []string) {
	seen := map[sign.Scheme]bool{}
	for i, name := range names {
		scheme, err := sign.ParseScheme(name)
		if err != nil {
			v.check(false, fmt.Sprintf("signatures/%d", i), "is an %v", err)
			continue
		}
		v.check(!seen[scheme], fmt.Sprintf("signatures/%d", i), "names %s again", scheme)
		seen[scheme] = true
	}
}

// format checks the shape of the body.
func (v *validation) format(e *Endpoint) {
	v.check(e.PayloadFormat.Valid(), "payload_format", "must be one of %s, %s, %s, %s", event.Envelope, event.Raw, event.Snapshot, event.Thin)
	v.check(e.SnapshotAPIVersion == "" || e.PayloadFormat == event.Snapshot, "snapshot_api_version", "is only for payload_format %s", event.Snapshot)
	v.text("snapshot_api_version", e.SnapshotAPIVersion, event.MaxAPIVersion)
}

// delivery checks when and how often attempts are made.
func (v *validation) delivery(e *Endpoint, limits Limits) {
	between(v, "timeout_ms", e.Timeout, MinTimeout, MaxTimeout, " ms")
	v.check(len(e.RetrySchedule) <= MaxDelays && (e.RetrySchedule == nil || len(e.RetrySchedule) > 0),
		"retry_schedule", "must have 1 to %d delays; for no retries set max_attempts to 1", MaxDelays)
	for i, delay := range e.RetrySchedule[:min(len(e.RetrySchedule), MaxDelays)] {
		v.check(delay >= MinDelay && delay <= MaxDelay, fmt.Sprintf("retry_schedule/%d", i), "must lie between %d and %d ms", MinDelay, MaxDelay)
	}
	between(v, "max_attempts", e.MaxAttempts, 1, MaxAttempts, "")
	v.check(limits.MaxRetrySpan == 0 || retrySpan(e, limits.RetrySchedule) <= limits.MaxRetrySpan,
		"retry_schedule", "must not last longer than events are kept: %d ms in all", limits.MaxRetrySpan)
	if r := e.RateLimit; r != nil {
		v.check(r.PerSecond >= MinPerSecond && r.PerSecond <= MaxPerSecond, "rate_limit/per_second", "must lie between %v and %d", MinPerSecond, MaxPerSecond)
		v.check(r.Burst >= 1 && r.Burst <= MaxBurst, "rate_limit/burst", "must lie between 1 and %d", MaxBurst)
	}
	between(v, "max_in_flight", e.MaxInFlight, 1, MaxInFlight, "")
	v.check(e.Ordering == Unordered || e.Ordering == FIFO, "ordering", "must be %s or %s", Unordered, FIFO)
	if d := e.DisableAfter; d != nil {
		v.check(*d >= 0 && *d <= MaxDisableAfter, "disable_after", "must lie between 0 and %d ms", MaxDisableAfter)
	}
}

// retrySpan is how long all delays of a delivery are together. Attempts beyond
// the schedule repeat its last delay.
func retrySpan(e *Endpoint, defaults []Millis) (span Millis) {
	schedule := e.RetrySchedule
	if len(schedule) == 0 {
		schedule = defaults
	}
	if len(schedule) == 0 {
		return 0
	}
	retries := len(schedule)
	if e.MaxAttempts > 0 {
		retries = min(e.MaxAttempts, MaxAttempts) - 1
	}
	for i := range retries {
		span += min(schedule[min(i, len(schedule)-1)], MaxDelay)
	}
	return span
}

func awsAccount(id string) bool {
	return len(id) == 12 && strings.Trim(id, "0123456789") == ""
}

// awsRegion reports whether a name can be a region; it becomes part of a host.
func awsRegion(name string) bool {
	return len(name) <= 32 && strings.Count(name, "-") >= 2 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		name[0] != '-' && name[len(name)-1] != '-'
}
