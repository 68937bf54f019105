package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// The verbs that people call all name the organization that asks: an object of
// another one is ledger.ErrNotFound, like one that does not exist (G9). Besides
// the errors that each names, they have those of ledger.Ledger.Post: after
// wal.ErrTimeout, ErrClosed, ledger.ErrStopped and the end of ctx it is not
// known whether the verb was carried out.
//
// A verb on an endpoint has been carried out when it returns: it is durable,
// applied, and taken by the loop that has the endpoint's lane. So after a
// disable, pause or delete no attempt starts (G6), and after any change none
// starts with the old settings.

// InvalidError says what is wrong with what somebody asked for, field by field.
type InvalidError struct {
	Fields []endpoint.FieldError // at least one
}

func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Error()
	}
	return "invalid: " + strings.Join(texts, "; ")
}

// invalid is an InvalidError of one field.
func invalid(field, detail string) error {
	return &InvalidError{Fields: []endpoint.FieldError{{Field: field, Detail: detail}}}
}

// CreateEndpoint makes an endpoint of an organization. Of spec it takes what
// people can set, with the last span for event_types and events_from, and the
// mode, which the id shows; spec is not changed. What is absent has defaults:
// kind webhook, payload_format envelope, signatures standard, ordering none. With
// a DisabledReason it begins disabled, with Paused paused.
//
// given is the signing secret, one with the prefix whsk_ for asymmetric
// signatures; the zero Secret has one generated. The one in use is returned,
// for the only time. The error may be *InvalidError.
func (e *Engine) CreateEndpoint(ctx context.Context, org string, spec *endpoint.Endpoint, given secret.Secret, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error) {
	if _, found := e.ledger.Organization(org); !found {
		return nil, secret.Secret{}, ledger.ErrNotFound
	}
	next := draft(spec, endpoint.NewID(ledger.NewID(), spec.Livemode), org)
	if bus := next.EventBridge; bus != nil {
		bus.Bus, bus.Source = e.options.Defaults.EventBus, e.options.Defaults.SourcePrefix+"/"+next.ID
	}
	var faults []endpoint.FieldError
	switch {
	case next.Kind != endpoint.Webhook && !given.IsZero():
		faults = append(faults, endpoint.FieldError{Field: "secret", Detail: "is only for kind webhook"})
	case next.Kind == endpoint.Webhook:
		if given.IsZero() {
			given = secret.NewSigning()
		}
		faults = checkSecret(given)
		next.Secrets = []endpoint.Secret{e.seal(org, next.ID, given)}
	}
	if err := e.validate(ctx, next, "", faults); err != nil {
		return nil, secret.Secret{}, err
	}
	if _, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Endpoint: next}); err != nil {
		return nil, secret.Secret{}, err
	}
	created, err := e.endpoint(org, next.ID)
	return created, given, err
}

// draft is a new endpoint as spec wants it, with defaults filled in. Everything
// that only engine and log may set is left out.
func draft(spec *endpoint.Endpoint, id, org string) *endpoint.Endpoint {
	next := editable(spec)
	next.ID, next.Organization = id, org
	next.Key, next.Alias, next.Version, next.Target, next.Secrets, next.Retired = 0, endpoint.Alias(rand.Uint64()), 0, "", nil, nil
	next.CreatedAt, next.UpdatedAt, next.StateSince, next.DeletedAt = 0, 0, 0, 0
	next.Kind = cmp.Or(next.Kind, endpoint.Webhook)
	next.PayloadFormat = cmp.Or(next.PayloadFormat, event.Envelope)
	next.Ordering = cmp.Or(next.Ordering, endpoint.Unordered)
	if next.Kind == endpoint.Webhook && next.Signatures == nil {
		next.Signatures = []string{"standard"}
	}
	next.Now().Enabled = next.DisabledReason == ""
	return next
}

// editable is a copy of an endpoint that shares nothing with it, with one span:
// the one that says what is wanted.
func editable(e *endpoint.Endpoint) *endpoint.Endpoint {
	next := *e
	next.Metadata = maps.Clone(e.Metadata)
	next.Signatures = slices.Clone(e.Signatures)
	next.Headers = slices.Clone(e.Headers)
	next.Secrets = slices.Clone(e.Secrets)
	next.Retired = slices.Clone(e.Retired)
	next.RetrySchedule = slices.Clone(e.RetrySchedule)
	next.EventBridge = clone(e.EventBridge)
	next.RateLimit = clone(e.RateLimit)
	next.DisableAfter = clone(e.DisableAfter)
	next.Spans = []endpoint.Span{{}}
	if len(e.Spans) > 0 {
		now := *e.Now()
		now.EventTypes, now.EventsFrom = slices.Clone(now.EventTypes), slices.Clone(now.EventsFrom)
		next.Spans[0] = now
	}
	return &next
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// validate checks an endpoint as a whole and adds what is wrong to faults. A
// URL that stays as it was is not checked again: that its host cannot be
// resolved just now must not keep anybody from changing the name.
func (e *Engine) validate(ctx context.Context, next *endpoint.Endpoint, oldURL string, faults []endpoint.FieldError) error {
	ctx, cancel := context.WithTimeout(ctx, e.options.Defaults.AttemptTimeout)
	defer cancel()
	limits := e.limits()
	limits.CheckURL = func(url string) (canonical string, err error) {
		if oldURL != "" && url == oldURL {
			return next.Target, nil
		}
		next.Target, err = e.options.CheckURL(ctx, url)
		return next.Target, err
	}
	faults = append(endpoint.Validate(next, limits), faults...)
	if len(faults) > 0 {
		return &InvalidError{Fields: faults}
	}
	return e.checkSigner(next)
}

// checkSigner tries whether an endpoint's secrets suit its schemes, each of
// which wants something else of them.
func (e *Engine) checkSigner(next *endpoint.Endpoint) error {
	_, err := e.options.Defaults.signer(next, e.box)
	if errors.Is(err, sign.ErrKey) {
		return invalid("signatures", "cannot all be made with the secrets: "+err.Error())
	}
	return err
}

// limits are what the configuration allows an endpoint.
func (e *Engine) limits() endpoint.Limits {
	defaults := &e.options.Defaults
	l := endpoint.Limits{HeaderPrefix: defaults.HeaderPrefix}
	for _, delay := range defaults.Retry.Delays {
		l.RetrySchedule = append(l.RetrySchedule, endpoint.Millis(delay.Milliseconds()))
	}
	if keep := e.options.Retention; keep > 0 {
		l.MaxRetrySpan = endpoint.Millis(float64(keep.Milliseconds()) / (1 + defaults.Retry.Jitter))
	}
	return l
}

// endpoint finds a living endpoint.
func (e *Engine) endpoint(org, id string) (*endpoint.Endpoint, error) {
	found, ok := e.ledger.FindEndpoint(org, id)
	if !ok {
		return nil, ledger.ErrNotFound
	}
	return found, nil
}

// UpdateEndpoint changes an endpoint. mutate gets a copy that it may change as
// it likes, and is called again if somebody else was faster: concurrent updates
// of different fields all count. With ifVersion the endpoint must still have
// that version, else the error is ledger.ErrChanged; 0 is any version.
//
// Kind, payload_format and snapshot_api_version stay as they were created: a
// retry must send the bytes of the first attempt (G7). So does eventbridge, on
// which the receiver's rules depend. Enabling and disabling can be part of it,
// see endpoint.SetEnabled, and are then in force together with the rest. Pausing
// and secrets have verbs of their own. The error is mutate's, *InvalidError or
// one of those.
func (e *Engine) UpdateEndpoint(ctx context.Context, org, id string, mutate func(*endpoint.Endpoint) error, ifVersion uint64, audit ledger.Audit) (*endpoint.Endpoint, error) {
	return e.change(ctx, org, id, ifVersion, audit, func(now, next *endpoint.Endpoint) error {
		if err := mutate(next); err != nil {
			return err
		}
		if len(next.Spans) != 1 {
			return invalid("event_types", "must be given by one span")
		}
		faults := fixed(now, next)
		full := *next
		full.Spans = now.WithSpan(1<<63, next.Now().EventTypes, next.Now().EventsFrom, next.Now().Enabled).Spans
		added, disables := len(full.Spans) > len(now.Spans), now.Enabled() && !next.Now().Enabled
		if !added || disables { // to disable must always work
			full.Spans = next.Spans
		}
		err := e.validate(ctx, &full, now.URL, faults)
		next.Target = full.Target
		return err
	})
}

// fixed reports the changes of what cannot be changed by an update.
func fixed(now, next *endpoint.Endpoint) (faults []endpoint.FieldError) {
	check := func(same bool, field, detail string) {
		if !same {
			faults = append(faults, endpoint.FieldError{Field: field, Detail: detail})
		}
	}
	const never, verbs = "cannot be changed", "is not changed by an update"
	check(next.ID == now.ID && next.Key == now.Key, "id", never)
	check(next.Organization == now.Organization, "organization_id", never)
	check(next.Livemode == now.Livemode, "livemode", never)
	check(next.Origin == now.Origin, "origin", never)
	check(next.Kind == now.Kind, "kind", never)
	check(next.EventBridge == nil || now.EventBridge == nil || *next.EventBridge == *now.EventBridge, "eventbridge", never)
	check(next.PayloadFormat == now.PayloadFormat, "payload_format", never)
	check(next.SnapshotAPIVersion == now.SnapshotAPIVersion, "snapshot_api_version", never)
	check(slices.EqualFunc(next.Secrets, now.Secrets, sameSecret) && slices.EqualFunc(next.Retired, now.Retired, sameSecret), "secrets", verbs)
	check(next.Paused == now.Paused && next.Now().Enabled == (next.DisabledReason == ""), "state", verbs)
	return faults
}

// change is how an endpoint's settings change: compute makes the next version
// out of the one that holds, until nobody else has changed it meanwhile.
func (e *Engine) change(ctx context.Context, org, id string, ifVersion uint64, audit ledger.Audit, compute func(now, next *endpoint.Endpoint) error) (*endpoint.Endpoint, error) {
	for {
		now, err := e.endpoint(org, id)
		if err != nil {
			return nil, err
		}
		if ifVersion != 0 && now.Version != ifVersion {
			return nil, ledger.ErrChanged
		}
		next := editable(now)
		if err := compute(now, next); err != nil {
			return nil, err
		}
		_, err = e.ledger.Change(ctx, &ledger.Change{Audit: audit, Base: now.Version, Endpoint: next})
		if errors.Is(err, ledger.ErrChanged) && ifVersion == 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := e.barrier(ctx, e.ledger.PartitionOf(org), now.Key); err != nil {
			return nil, err
		}
		return e.endpoint(org, id)
	}
}
