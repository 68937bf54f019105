package engine

import (
	"cmp"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/retry"
)

// statusGone is the answer of an endpoint that wants nothing any more.
const statusGone = 410

// A lane pauses for so long after an attempt that failed for a reason of ours.
const localPause = 100 // ms

// finished takes what came of an attempt: it decides, tells the outbox, and
// adapts window, breaker and hold.
func (l *lane) finished(a *attempt, now int64) {
	l.shard.engine.memory.give(a.size())
	l.moved, l.still = now, false
	switch {
	case a.void:
		// The index may have it in another place, passed over while this was open.
		delete(l.open, a.key())
		l.expect(now)
		return
	case l.erased():
		return // nothing is to be kept of it, and what the receiver said least of all
	case a.class == egress.Local && l.forgotten:
		return // there is no line to go back to
	case a.class == egress.Local && a.withdrawn:
		l.land(a)
		delete(l.open, a.key())
		l.expect(now) // by hand it may have got another place
		return
	case a.class == egress.Local:
		// No fault of the endpoint's, so no attempt: it stays in line.
		l.shard.engine.memory.take(a.size())
		l.putBack(a)
		l.pause(now + localPause)
		return
	}
	l.land(a)
	if !a.retried {
		l.reached = max(l.reached, a.Pos)
	}
	s := l.settings.Load()
	o := delivery.Outcome{
		Endpoint: uint64(a.Endpoint), Event: uint64(a.Pos), Replay: a.Replay, Render: a.render,
		Attempt: delivery.Attempt{
			N: a.n(), At: a.at, Duration: a.duration.Milliseconds(),
			Status: a.status, Class: uint8(a.class), Secret: a.secret, Schemes: uint8(a.schemes), Snippet: a.snippet,
		},
	}
	l.ring.settle(a.class == egress.Success)
	disable := ""
	if a.class == egress.Success {
		l.succeeded(&o, s, a)
	} else {
		disable = l.failed(&o, s, a, now)
	}
	if disable != "" { // nothing more is started meanwhile; without an answer the lane goes on
		l.pause(now + 1000)
	}
	o.HoldUntil, o.Position = l.hold, uint64(l.position())
	o.Down = l.breaker.Down
	if l.breaker.Open {
		o.ProbeAt, o.Probes = l.breaker.NextProbe, l.breaker.Probes
	}
	l.shard.engine.metrics.attempt(a, &o, now)
	l.shard.outboxes[l.p].add(&o, now)
	if disable != "" {
		l.shard.disable(l, disable)
	}
}

func (l *lane) succeeded(o *delivery.Outcome, s *settings, a *attempt) {
	o.State = delivery.Succeeded
	var closed bool
	if l.breaker, closed = l.breaker.OnSuccess(); closed {
		l.window = retry.RestartWindow
		l.shard.engine.metrics.breakerClosed.Inc()
		return
	}
	if a.huge { // each of these costs a connection and all that is in its buffers
		l.window = l.window.OnCongestion()
		return
	}
	l.window = l.window.OnSuccess(s.maxInFlight)
}

// failed returns the reason for which the endpoint is to be disabled, "" = it
// is not.
func (l *lane) failed(o *delivery.Outcome, s *settings, a *attempt, now int64) (disable string) {
	var asked time.Duration
	if a.asksToWait() {
		_, _ = retry.ParseRetryAfter(a.again, time.UnixMilli(now))
	}
	policy := s.policy
	policy.MaxAttempts = max(policy.Attempts(), a.row.MaxAttempts)
	delay, more := policy.Next(a.n(), asked, l.shard.random())
	switch {
	case a.status == statusGone && a.target == s.target(): // one of before says nothing about the one of now
		o.State, disable = delivery.Failed, endpoint.ReasonGone
	case a.class == egress.NoBus:
		o.State, disable = delivery.Failed, endpoint.ReasonNoEventSource
	case a.class == egress.Payload:
		o.State, o.Blameless = delivery.Failed, true
		return ""
	case more:
		o.State, o.Next = delivery.Retrying, now+delay.Milliseconds()
	default:
		o.State = delivery.Exhausted
	}
	if asked > 0 {
		l.pause(now + min(asked, policy.RetryAfterMax).Milliseconds())
	} else if a.asksToWait() {
		l.resume()
	}

	var opened bool
	l.breaker, opened = l.breaker.OnFailure(l.shard.engine.options.Breaker, now, l.shard.random())
	opened = opened && l.breaker.Open
	if opened || a.class == egress.Timeout || a.class == egress.Connect {
		l.window = l.window.OnCongestion()
	}
	if opened {
		l.shard.engine.metrics.breakerOpened.Inc()
		l.recall()
		l.fallBehind()
		l.resume()
	}
	ours := a.class == egress.Credentials // the operator's to mend, not the endpoint's
	if s.disableAfter > 0 && l.breaker.Failing(now) >= s.disableAfter.Milliseconds() && !ours {
		disable = cmp.Or(disable, endpoint.ReasonFailures)
	}
	return disable
}

// asksToWait reports whether the endpoint asked for a pause. The delivery
// goroutine stops the ring at once then; finished lets it go on, now or later.
func (a *attempt) asksToWait() bool { return (a.status == 429 || a.status == 503) && a.again != "" }

// pause holds the lane until a time; what had been made ready goes back.
func (l *lane) pause(until int64) {
	l.hold = max(l.hold, until)
	l.recall()
	l.resume()
}

// resume lets attempts start again, if the endpoint's state allows any.
func (l *lane) resume() {
	if l.settings.Load().Sends() && !l.shard.stopping {
		l.ring.resume()
	}
}
