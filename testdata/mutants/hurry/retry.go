// Package retry decides when to try again.
//
// Three questions come up after an attempt, and each has a type that answers
// it as a pure function of its arguments, reading neither clock nor random
// source:
//
//	Policy   when does this delivery get its next attempt, if any?
//	Breaker  may this endpoint be sent anything at all?
//	Window   how many attempts to this endpoint may run at once?
//
// Breaker and Window are values: their methods return the value that follows,
// and the caller keeps it. What they know fits into the endpoint's row, so a
// restart goes on where it was instead of attacking every dead endpoint at
// once.
package retry

import (
	"errors"
	"fmt"
	"time"
)

// Limits of a policy.
const (
	MaxDelays        = 64
	MinDelay         = time.Millisecond
	MaxDelay         = 30 * 24 * time.Hour
	MaxJitter        = 0.5
	MaxRetryAfterMax = 24 * time.Hour
	MaxAttempts      = 1000 // more attempts than a schedule has delays repeat its last one
)

// Policy says when a failed delivery is tried again. A policy is a value; its
// list of delays is shared and never changed.
type Policy struct {
	// Delays[n] is how long to wait after attempt n+1 has failed. There are 1
	// to MaxDelays of them, each from MinDelay to MaxDelay.
	Delays []time.Duration

	// MaxAttempts is how many attempts a delivery gets altogether. 0 is one
	// more than there are delays; with fewer, the last delays go unused; with
	// more, up to 1000, the last delay repeats.
	MaxAttempts int

	// Jitter spreads a delay evenly over ± this fraction of it, so that what
	// failed together does not return together. From 0 to MaxJitter.
	Jitter float64

	// RetryAfterMax caps the wait that a receiver may ask for; a longer
	// request counts as this. From 0, which ignores Retry-After, to
	// MaxRetryAfterMax. The schedule's own delay is never cut.
	RetryAfterMax time.Duration
}

// Default is the policy of an endpoint that has none of its own: 8 attempts
// over 27.6 hours.
func Default() Policy {
	return Policy{
		Delays: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute,
			2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
		},
		Jitter:        0.2,
		RetryAfterMax: time.Hour,
	}
}

// Validate reports everything that lies outside the limits.
func (p Policy) Validate() error {
	var faults []error
	if len(p.Delays) == 0 || len(p.Delays) > MaxDelays {
		faults = append(faults, fmt.Errorf("retry schedule has %d delays, want 1 to %d", len(p.Delays), MaxDelays))
	}
	for i, delay := range p.Delays {
		if delay < MinDelay || delay > MaxDelay {
			faults = append(faults, fmt.Errorf("retry delay %d is %s, want %s to %s",
				i+1, FormatDuration(delay), FormatDuration(MinDelay), FormatDuration(MaxDelay)))
		}
	}
	if p.MaxAttempts < 0 || p.MaxAttempts > MaxAttempts {
		faults = append(faults, fmt.Errorf("maximum of attempts is %d, want 0 to %d", p.MaxAttempts, MaxAttempts))
	}
	if !(p.Jitter >= 0 && p.Jitter <= MaxJitter) { // so that NaN fails too
		faults = append(faults, fmt.Errorf("retry jitter is %v, want 0 to %v", p.Jitter, MaxJitter))
	}
	if p.RetryAfterMax < 0 || p.RetryAfterMax > MaxRetryAfterMax {
		faults = append(faults, fmt.Errorf("cap of Retry-After is %s, want 0s to %s",
			FormatDuration(p.RetryAfterMax), FormatDuration(MaxRetryAfterMax)))
	}
	return errors.Join(faults...)
}

// Attempts returns how many attempts a delivery gets altogether.
func (p Policy) Attempts() int {
	if p.MaxAttempts == 0 {
		return len(p.Delays) + 1
	}
	return p.MaxAttempts
}

// Next returns how long to wait after the given number of failed attempts, at
// least 1, or false when there are no more. retryAfter is what the receiver
// asked for, 0 if nothing: it can only lengthen the wait, up to RetryAfterMax.
// random is uniform in [0, 1) and chooses the jitter.
func (p Policy) Next(attempts int, retryAfter time.Duration, random float64) (delay time.Duration, ok bool) {
	if attempts >= p.Attempts() {
		return 0, false
	}
	scheduled := jitter(p.delay(attempts), p.Jitter, random)
	return max(scheduled/2, min(retryAfter, p.RetryAfterMax)), true
}

// delay returns the scheduled wait after the n-th attempt, counted from 1.
func (p Policy) delay(n int) time.Duration {
	return p.Delays[min(n, len(p.Delays))-1]
}

// jitter spreads d evenly over ± fraction of it.
func jitter(d time.Duration, fraction, random float64) time.Duration {
	return d + time.Duration(fraction*(2*random-1)*float64(d))
}

// stretched returns d with all the jitter there can be.
func stretched(d time.Duration, fraction float64) time.Duration {
	return jitter(d, fraction, 1)
}

// Longest returns an upper bound of what Next can answer. A due time further
// ahead than that is of a longer policy, or the clock was set back since.
func (p Policy) Longest() time.Duration {
	longest := p.RetryAfterMax
	for n := range min(p.Attempts()-1, len(p.Delays)) {
		longest = max(longest, stretched(p.Delays[n], p.Jitter))
	}
	return longest
}

// Span returns how long the whole schedule can take with all the jitter there
// can be. What a receiver asks for by Retry-After, an open breaker, and the
// attempts themselves come on top.
func (p Policy) Span() time.Duration {
	var span time.Duration
	for n := 1; n < p.Attempts(); n++ {
		span += stretched(p.delay(n), p.Jitter)
	}
	return span
}
