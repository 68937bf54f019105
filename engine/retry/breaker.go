package retry

import (
	"errors"
	"fmt"
	"time"
)

// BreakerConfig says when a breaker opens and how it probes.
type BreakerConfig struct {
	// Failures is how many attempts in a row must have failed before the
	// breaker opens. 0 turns it off. At most 1 million.
	Failures int

	// After is how long the failures must have gone on, so that a burst that
	// fails within a second opens nothing. From 0 to 24 hours.
	After time.Duration

	// Probe is the wait before the first probe; each probe that fails doubles
	// it up to ProbeMax. From 1 ms to ProbeMax, which is at most 24 hours.
	Probe, ProbeMax time.Duration

	// Jitter spreads that wait evenly over ± this fraction of it. From 0 to
	// MaxJitter.
	Jitter float64
}

// DefaultBreaker opens after 10 failures over 30 seconds and probes every 5
// seconds at first, every 5 minutes at last.
func DefaultBreaker() BreakerConfig {
	return BreakerConfig{Failures: 10, After: 30 * time.Second, Probe: 5 * time.Second, ProbeMax: 5 * time.Minute, Jitter: 0.2}
}

// Validate reports everything that lies outside the ranges.
func (c BreakerConfig) Validate() error {
	const longest = 24 * time.Hour
	var faults []error
	if c.Failures < 0 || c.Failures > 1_000_000 {
		faults = append(faults, fmt.Errorf("breaker opens after %d failures, want 0 to 1000000", c.Failures))
	}
	if c.After < 0 || c.After > longest {
		faults = append(faults, fmt.Errorf("breaker opens after %s, want 0s to %s", FormatDuration(c.After), FormatDuration(longest)))
	}
	if c.Probe < time.Millisecond || c.Probe > c.ProbeMax || c.ProbeMax > longest {
		faults = append(faults, fmt.Errorf("breaker probes every %s to %s, want 1ms to %s, the longer one second",
			FormatDuration(c.Probe), FormatDuration(c.ProbeMax), FormatDuration(longest)))
	}
	if !(c.Jitter >= 0 && c.Jitter <= MaxJitter) { // so that NaN fails too
		faults = append(faults, fmt.Errorf("breaker jitter is %v, want 0 to %v", c.Jitter, MaxJitter))
	}
	return errors.Join(faults...)
}

// Longest returns an upper bound of the wait before a probe. A NextProbe
// further ahead than that means that the clock was set back.
func (c BreakerConfig) Longest() time.Duration { return stretched(c.ProbeMax, c.Jitter) }

// Breaker keeps an endpoint that does not work from being hammered, and its
// deliveries from using up their attempts while nothing can succeed. The zero
// value is closed and knows of no failure. Times are Unix milliseconds.
//
// Closed, everything may be sent, at first: after a few failures in a row one
// attempt at a time, each after a pause, up to one a second. Without that a
// hundred endpoints that refuse every connection at once would take as many
// attempts as the machine can make until their breakers open. It opens when
// enough attempts in a row have failed over long enough a time. Open, nothing is
// sent but one probe at a time, an ordinary attempt of some delivery, after waits
// that double. The first success ends it all.
type Breaker struct {
	Open      bool
	Failures  int   // attempts that failed in a row
	Since     int64 // when the first of them ended; 0 while there are none
	Down      int64 // ms since then in which the process did not run
	Probes    int   // of them, probes: failures that moved NextProbe
	NextProbe int64 // while open, when the next probe may start
	NextTry   int64 // while closed, when the next attempt may start; not persisted
}

const (
	slowAfter = 3    // failures in a row that are nothing special
	firstTry  = 10   // ms of pause after one more; each more doubles it
	lastTry   = 1000 // ms, at most
)

// OnFailure returns the breaker after an attempt that failed at now, and
// whether it has opened by that (or, if it has been turned off meanwhile,
// closed). random is uniform in [0, 1).
//
// While it is open, attempts that were already running when it opened come
// back as well. Those that end before the next probe is due only count as
// failures; one that ends later is as good as a probe, whoever started it. So
// it does not matter which was which.
func (b Breaker) OnFailure(c BreakerConfig, now int64, random float64) (next Breaker, changed bool) {
	if b.Failures == 0 {
		b.Since = now
	}
	b.Failures++
	if c.Failures > 0 && b.Failures > slowAfter {
		b.NextTry = now + int64(min(firstTry<<min(b.Failures-slowAfter-1, 10), lastTry))
	}
	wasOpen := b.Open
	switch {
	case c.Failures == 0:
		b.Open, b.Probes, b.NextProbe, b.NextTry = false, 0, 0, 0
	case b.Open && now >= b.NextProbe:
		b.Probes++
		b.NextProbe = now + c.wait(b.Probes, random).Milliseconds()
	case !b.Open && b.Failures >= c.Failures && now-b.Since >= c.After.Milliseconds():
		b.Open = true
		b.NextProbe = now + c.wait(0, random).Milliseconds()
	}
	return b, b.Open != wasOpen
}

// OnSuccess returns the breaker after an attempt that succeeded, and whether
// it has closed by that.
func (b Breaker) OnSuccess() (next Breaker, changed bool) { return Breaker{}, b.Open }

// Failing is how long nothing but failures has come, ms. While the process did
// not run nothing could succeed either, so that time does not count.
func (b Breaker) Failing(now int64) int64 {
	if b.Failures == 0 {
		return 0
	}
	return max(0, now-b.Since-b.Down)
}

// Allows says whether an attempt may start at now, and if not, when one may.
// While Alone, the caller starts none before the one that runs has ended.
func (b Breaker) Allows(now int64) (ok bool, at int64) {
	next := b.NextTry
	if b.Open {
		next = b.NextProbe
	}
	return now >= next, max(now, next)
}

// Alone reports whether attempts go one at a time.
func (b Breaker) Alone() bool { return b.Open || b.NextTry != 0 }

// Limit returns how many attempts may run at once: one while Alone, otherwise as
// many as the window lets.
func (b Breaker) Limit(window int) int {
	if b.Alone() {
		return 1
	}
	return window
}

// wait returns the time before a probe when so many have failed.
func (c BreakerConfig) wait(probes int, random float64) time.Duration {
	wait := c.Probe
	for range probes {
		if wait >= c.ProbeMax/2 {
			wait = c.ProbeMax
			break
		}
		wait *= 2
	}
	return jitter(wait, c.Jitter, random)
}
