package engine

import (
	"cmp"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// settings is everything about an endpoint that an attempt needs, worked out
// once: defaults filled in, secrets opened, headers made. Immutable; a lane
// that learns of a change of its endpoint makes a new one.
type settings struct {
	*endpoint.Endpoint
	policy       retry.Policy
	timeout      time.Duration
	maxInFlight  int
	disableAfter time.Duration // 0 = never
	signer       *sign.Signer  // nil = unsigned
	bus          string        // ARN of the event bus; "" = it is a webhook
	headers      []egress.Header
	rate         rate.Limit // attempts per second; rate.Inf = unlimited
	burst        int
}

func (d *Defaults) settings(e *endpoint.Endpoint, box *secret.Box) (*settings, error) {
	s := &settings{
		Endpoint:     e,
		policy:       d.Retry,
		timeout:      d.AttemptTimeout,
		maxInFlight:  d.MaxInFlight,
		disableAfter: d.DisableAfter,
		rate:         rate.Inf,
	}
	if len(e.RetrySchedule) > 0 {
		s.policy.Delays = make([]time.Duration, len(e.RetrySchedule))
		for i, delay := range e.RetrySchedule {
			s.policy.Delays[i] = delay.Duration()
		}
	}
	if e.MaxAttempts > 0 {
		s.policy.MaxAttempts = e.MaxAttempts
	}
	if e.Timeout > 0 {
		s.timeout = e.Timeout.Duration()
	}
	if e.MaxInFlight > 0 {
		s.maxInFlight = e.MaxInFlight
	}
	if e.Ordering == endpoint.FIFO {
		s.maxInFlight = 1
	}
	if e.DisableAfter != nil {
		s.disableAfter = e.DisableAfter.Duration()
	}
	if e.RateLimit != nil {
		s.rate, s.burst = rate.Limit(e.RateLimit.PerSecond), e.RateLimit.Burst
	}
	for _, h := range e.Headers {
		s.headers = append(s.headers, egress.Header{Name: h.Name, Value: []byte(h.Value)})
	}
	if e.Kind == endpoint.Bridge {
		s.bus = e.EventBridge.BusARN()
	}
	var err error
	s.signer, err = d.signer(e, box)
	return s, err
}

func (d *Defaults) signer(e *endpoint.Endpoint, box *secret.Box) (*sign.Signer, error) {
	if len(e.Signatures) == 0 || len(e.Secrets) == 0 {
		return nil, nil
	}
	schemes := make([]sign.Scheme, len(e.Signatures))
	for i, name := range e.Signatures {
		var err error
		if schemes[i], err = sign.ParseScheme(name); err != nil {
			return nil, err
		}
	}
	keys := make([]sign.Key, len(e.Secrets))
	for i, stored := range e.Secrets {
		value, err := box.Open(stored.Sealed, secret.AAD(e.Organization, e.ID, stored.ID))
		if err != nil {
			return nil, fmt.Errorf("open secret %s of endpoint %s: %w", stored.ID, e.ID, err)
		}
		keys[i] = sign.Key{ID: stored.ID, Value: value, NotAfter: stored.ExpiresAt}
	}
	return sign.New(schemes, d.HeaderPrefix, keys)
}

// target is the URL that attempts are sent to; "" = it is an event bus.
func (s *settings) target() string { return cmp.Or(s.Target, s.URL) }

// fifo reports whether a failure holds up what is behind it.
func (s *settings) fifo() bool { return s.Ordering == endpoint.FIFO && false }
