package engine

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// The scripts: days of deliveries in virtual time, over real storage in memory.

// script runs a test in virtual time with a running engine, and stops it.
func script(t *testing.T, change func(*Options), run func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		defer r.stop() // also after a Fatal, or virtual time would never end
		run(r)
	})
}

func (r *rig) restart() {
	r.Helper()
	r.stop()
	r.start()
}

// after lets time pass until everything that can happen by then has happened.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// settle lets time pass until nothing is owed, for two days at most.
func (r *rig) settle() {
	for range 2 * 24 * 60 {
		after(time.Minute)
		owed := uint64(0)
		for p := range r.ledger.Partitions() {
			t := r.ledger.Totals(p)
			owed += t.Counts.Pending + t.Counts.Retrying
		}
		if owed == 0 {
			return
		}
	}
}

func status(codes ...int) func(arrival) (int, time.Duration, string) {
	return func(a arrival) (int, time.Duration, string) { return codes[min(a.nth, len(codes))-1], 0, "" }
}

func (r *rig) want(what string, got, want any) {
	r.Helper()
	if got != want {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestRetriesFollowTheScheduleOverRestarts(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		script(t, nil, func(r *rig) {
			r.receiver.answer = status(500)
			e := r.endpoint("one", nil)
			began := time.Now()
			r.post(1)
			for range 72 { // 36 h: the schedule takes 27.6 h, and up to a fifth more
				after(30 * time.Minute)
				if restart {
					r.restart()
				}
			}
			arrivals := r.receiver.arrivals()
			r.want("attempts", len(arrivals), 8)
			policy := r.options.withDefaults().Defaults.Retry
			at := began
			for i, a := range arrivals {
				if i > 0 {
					low, high := policy.Delays[i-1]*8/10, policy.Delays[i-1]*12/10+time.Second
					if gap := a.at.Sub(at); gap < low || gap > high {
						r.Errorf("restart %v: attempt %d came after %v, want %v to %v", restart, i+1, gap, low, high)
					}
				}
				at = a.at
				r.want("bytes of attempt", a.body, arrivals[0].body)
				r.want("webhook-id of attempt", a.id, arrivals[0].id)
			}
			lane := r.lane(e)
			r.want("exhausted", lane.Rows[delivery.Exhausted], uint64(1))
			r.want("backlog", lane.Backlog(), uint64(0))
		})
	}
}

func TestPauseKeepsAndDisableDoesNot(t *testing.T) {
	script(t, nil, func(r *rig) {
		paused, disabled := r.endpoint("paused", nil), r.endpoint("disabled", nil)
		r.verb(ledger.Pause, paused)
		r.verb(ledger.Disable, disabled)
		r.post(3000)
		after(time.Minute)
		r.want("arrivals while stopped", r.receiver.count(), 0)
		r.want("backlog of the paused one", r.lane(paused).Backlog(), uint64(3000))
		r.want("backlog of the disabled one", r.lane(disabled).Backlog(), uint64(0))
		r.restart()
		after(time.Minute)
		r.want("arrivals after a restart", r.receiver.count(), 0)
		r.verb(ledger.Resume, paused)
		r.verb(ledger.Enable, disabled)
		after(time.Minute)
		r.want("arrivals after resume and enable", r.receiver.count(), 3000)
		r.post(1)
		after(time.Minute)
		r.want("arrivals of a new event at both", r.receiver.count(), 3002)
	})
}

// G6: what was owed before a disable goes out after the enable.
func TestDisableParksTheBacklog(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, time.Second, "" }
		e := r.endpoint("one", nil)
		r.post(500)
		after(2 * time.Second)
		r.verb(ledger.Disable, e)
		after(time.Hour)
		before := r.receiver.count()
		if before == 0 || before >= 500 {
			r.Fatalf("arrivals before the disable: got %d, want some of 500", before)
		}
		r.post(50)
		r.restart()
		r.verb(ledger.Enable, e)
		after(time.Hour)
		r.want("arrivals", r.receiver.count(), 500)
		seen := map[string]bool{}
		for _, a := range r.receiver.arrivals() {
			seen[a.id] = true
		}
		r.want("distinct arrivals", len(seen), 500)
	})
}

func TestRetryAfterHoldsTheLane(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 1 })
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if r.receiver.count() == 1 {
				return 429, 0, "600"
			}
			return 200, 0, ""
		}
		r.post(10)
		after(9 * time.Minute)
		r.want("arrivals while held", r.receiver.count(), 1)
		r.restart()
		after(30 * time.Second)
		r.want("arrivals while held, after a restart", r.receiver.count(), 1)
		after(5 * time.Minute)
		r.want("arrivals", r.receiver.count(), 11)
	})
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	script(t, nil, func(r *rig) {
		var up atomic.Bool
		r.receiver.answer = func(arrival) (int, time.Duration, string) {
			if !up.Load() {
				return 500, 0, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", nil)
		for range 100 {
			r.post(1)
			after(time.Second)
		}
		tries := r.receiver.count()
		if tries < 10 || tries > 80 {
			r.Errorf("attempts in the first 100 s: got %d, want 10 to 80", tries)
		}
		r.restart()
		after(time.Hour)
		probes := r.receiver.count() - tries
		if probes < 8 || probes > 30 {
			r.Errorf("probes in an hour: got %d, want 8 to 30", probes)
		}
		up.Store(true)
		after(10 * time.Minute)
		r.want("backlog", r.lane(e).Backlog(), uint64(0))
		after(10 * time.Hour)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(100))
	})
}

func TestGoneDisables(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = status(410)
		e := r.endpoint("one", nil)
		r.post(1)
		after(time.Minute)
		r.want("reason", r.lookup(e.ID).DisabledReason, endpoint.ReasonGone)
		r.want("failed", r.lane(e).Rows[delivery.Failed], uint64(1))
		r.post(5)
		after(time.Hour)
		r.want("arrivals", r.receiver.count(), 1)
	})
}

// The outcome that is the reason is in the log first.
func TestDisabledEndpointShowsWhy(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = status(410)
		e := r.endpoint("one", nil)
		r.post(1)
		synctest.Wait() // no time passes
		for range 10 {
			if disabled, failed := !r.lookup(e.ID).Enabled(), r.lane(e).Rows[delivery.Failed]; disabled && failed == 0 {
				r.Fatal("disabled: got yes, but no failed delivery, want both")
			}
			after(time.Millisecond)
		}
		r.want("enabled in the end", r.lookup(e.ID).Enabled(), false)
	})
}

// What was under way when the endpoint was disabled does not disable it again.
func TestDisabledOnce(t *testing.T) {
	script(t, nil, func(r *rig) {
		var n atomic.Int64
		r.receiver.answer = func(arrival) (int, time.Duration, string) {
			return 410, time.Duration(n.Add(1)) * time.Second, ""
		}
		r.endpoint("one", nil)
		r.post(4)
		after(time.Minute)
		if got := r.receiver.count(); got < 2 {
			t.Fatalf("arrivals: got %d, want some at a time", got)
		}
		r.want("disabled", r.metrics.disabled.Get(), uint64(1))
	})
}

func TestDisabledAfterDaysWithoutSuccess(t *testing.T) {
	t.Parallel()
	script(t, nil, func(r *rig) {
		r.receiver.answer = status(500)
		e := r.endpoint("one", nil)
		for range 5 * 24 {
			r.post(1)
			after(time.Hour)
			r.want("enabled", r.lookup(e.ID).Enabled(), true)
		}
		for range 12 {
			r.post(1)
			after(time.Hour)
		}
		r.want("reason", r.lookup(e.ID).DisabledReason, endpoint.ReasonFailures)
	})
}

// While the server does not run nothing can succeed, so that time disables no
// endpoint, however often it happens; the time in which it runs does.
func TestDowntimeDisablesNothing(t *testing.T) {
	script(t, func(o *Options) { o.Defaults.DisableAfter = 5 * time.Hour }, func(r *rig) {
		r.receiver.answer = status(500)
		e := r.endpoint("one", nil)
		run := func(d time.Duration) {
			r.post(1)
			after(d)
		}
		run(time.Hour)
		for range 3 {
			r.stop()
			time.Sleep(6 * time.Hour)
			r.start()
			run(time.Hour)
			r.want("enabled after a downtime", r.lookup(e.ID).Enabled(), true)
			r.restart()
			run(10 * time.Minute)
			r.want("enabled after another start", r.lookup(e.ID).Enabled(), true)
		}
		run(5 * time.Hour)
		r.want("reason", r.lookup(e.ID).DisabledReason, endpoint.ReasonFailures)
	})
}

// Nor can anything succeed while it is paused: that disables no endpoint either,
// whether its lane knows of the failures of before or has to read of them.
func TestPauseDisablesNothing(t *testing.T) {
	for _, restart := range []bool{false, true} {
		script(t, func(o *Options) { o.Defaults.DisableAfter = 5 * time.Hour }, func(r *rig) {
			r.receiver.answer = status(500)
			e := r.endpoint("one", nil)
			r.post(1)
			after(time.Second)
			r.verb(ledger.Pause, e)
			if restart {
				r.restart()
			}
			after(10 * time.Hour)
			r.verb(ledger.Resume, e)
			r.want("failures after the resume", r.lane(e).Failures, uint64(0))
			after(2 * time.Second)
			r.want("attempts", r.receiver.count(), 2)
			r.want(fmt.Sprintf("enabled, restart %v", restart), r.lookup(e.ID).Enabled(), true)
		})
	}
}

// A lane that falls behind what memory holds catches up from the log.
func TestBehindAndBack(t *testing.T) {
	t.Parallel()
	script(t, func(o *Options) { o.LiveMemory = 1 << 20 }, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, 20 * time.Millisecond, "" }
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 8 })
		const n = 5000
		r.post(n)
		after(time.Second)
		r.post(100)
		after(5 * time.Minute)
		seen := map[string]int{}
		for _, a := range r.receiver.arrivals() {
			seen[a.id]++
		}
		r.want("distinct arrivals", len(seen), n+100)
		r.want("arrivals", r.receiver.count(), n+100)
		r.want("backlog", r.lane(e).Backlog(), uint64(0))
	})
}

// A clock that was a year ahead when retries were scheduled does not make them
// wait for a year once it is right again.
func TestClockSetBack(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = status(500, 200)
		e := r.endpoint("one", nil)
		r.post(1)
		after(time.Second)
		p := r.ledger.PartitionOf(org)
		waiting, err := r.ledger.WaitingFrom(p, e.Key, 0, 10, nil)
		if err != nil || len(waiting) != 1 {
			r.Fatalf("waiting: got %v, %v, want one delivery", waiting, err)
		}
		l := &lane{shard: r.shards[0]}
		l.settings.Store(&settings{Endpoint: e, policy: r.options.withDefaults().Defaults.Retry})
		now := r.now()
		r.want("due in eleven hours waits", l.waits(now+11*3600_000, now), true)
		r.want("due in a year waits", l.waits(now+365*24*3600_000, now), false)
		after(time.Minute)
		r.want("arrivals", r.receiver.count(), 2)
	})
}
