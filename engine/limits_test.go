package engine

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

func TestRateLimit(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.endpoint("one", func(e *endpoint.Endpoint) { e.RateLimit = &endpoint.RateLimit{PerSecond: 10, Burst: 5} })
		after(time.Second) // the bucket is empty at start
		r.post(100)
		after(5 * time.Second)
		if got := r.receiver.count(); got < 50 || got > 56 {
			r.Errorf("arrivals in 5 s at 10/s and a burst of 5: got %d, want 50 to 56", got)
		}
		after(10 * time.Second)
		r.want("arrivals", r.receiver.count(), 100)
	})
}

// What counts is when attempts start. A receiver that takes long finds no more
// of them at once, however many could have been made ready meanwhile.
func TestRateLimitOfASlowReceiver(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.endpoint("one", func(e *endpoint.Endpoint) { e.RateLimit = &endpoint.RateLimit{PerSecond: 10, Burst: 1} })
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, 10 * time.Second, "" }
		r.post(1000)
		after(2 * time.Minute)
		all := r.receiver.arrivals()
		if got := len(all); got < 500 {
			r.Errorf("arrivals in 2 minutes: got %d, want at least 500", got)
		}
		for i := range len(all) - 11 { // 10 and the burst
			if took := all[i+11].at.Sub(all[i].at); took < time.Second {
				r.Fatalf("12 arrivals from number %d on: got them within %v, want them over a second or more", i, took)
			}
		}
	})
}

// G4: endpoints that hang take nothing from one that does not.
func TestHangingEndpointsDoNotSlowAHealthyOne(t *testing.T) {
	script(t, func(o *Options) { o.MaxInFlight = 160 }, func(r *rig) {
		healthy := r.endpoint("healthy", nil)
		for i := range 50 {
			r.endpoint(string(rune('a'+i/26))+string(rune('a'+i%26)), nil)
		}
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if a.url == healthy.URL {
				return 200, 10 * time.Millisecond, ""
			}
			return 200, time.Hour, ""
		}
		r.post(500)
		after(4 * time.Second)
		got := 0
		for _, a := range r.receiver.arrivals() {
			if a.url == healthy.URL {
				got++
			}
		}
		r.want("arrivals at the healthy one within 4 s", got, 500)
	})
}

// G4: nor do those that take long and have much to do keep all slots for as long
// as that takes, be there many for each of them or just one.
func TestBusyEndpointsGiveSlotsBack(t *testing.T) {
	for _, limit := range []int{160, 4} {
		for _, shards := range []int{1, 8} {
			script(t, func(o *Options) { o.MaxInFlight, o.Shards = limit, shards }, func(r *rig) {
				late := r.endpoint("late", nil)
				r.verb(ledger.Disable, late)
				for i := range 4 {
					r.endpoint(fmt.Sprint("e", i), nil)
				}
				r.receiver.answer = func(a arrival) (int, time.Duration, string) {
					if a.url == late.URL {
						return 200, 10 * time.Millisecond, ""
					}
					return 200, time.Second, ""
				}
				r.post(50 * limit)
				after(15 * time.Second)
				r.want("slots taken", r.slots.used.Load(), int64(limit))
				r.verb(ledger.Enable, late)
				before := r.receiver.count()
				r.post(50)
				after(15 * time.Second)
				what := fmt.Sprintf("of %d slots and %d shards", limit, shards)
				r.want("succeeded at the late one, "+what, r.lane(late).Rows[delivery.Succeeded], uint64(50))
				if got := r.receiver.count() - before - 50; got < 11*limit {
					r.Errorf("arrivals at the others in 15 s, %s: got %d, want at least %d", what, got, 11*limit)
				}
			})
		}
	}
}

// G4: an endpoint that refuses everything at once is soon tried once a second,
// long before its breaker opens, and at full speed again after one success.
func TestFailingEndpointIsTriedSlowly(t *testing.T) {
	script(t, nil, func(r *rig) {
		var works atomic.Bool
		r.receiver.answer = func(arrival) (int, time.Duration, string) {
			if works.Load() {
				return 200, 0, ""
			}
			return 500, 0, ""
		}
		r.endpoint("one", nil)
		r.post(1000)
		after(20 * time.Second)
		if got := r.receiver.count(); got < 20 || got > 80 {
			r.Errorf("attempts in 20 s, of 1,000 events: got %d, want about one a second after the first few", got)
		}
		works.Store(true)
		after(2 * time.Second)
		if got := r.receiver.count(); got < 950 {
			r.Errorf("2 s after it works: got %d attempts, want nearly all 1,000 events sent", got)
		}
	})
}

// G4: an endpoint whose answers do not end is sent one event at a time.
func TestOversizedAnswersNarrowTheWindow(t *testing.T) {
	script(t, nil, func(r *rig) {
		e := r.endpoint("one", nil)
		var slow atomic.Bool
		r.receiver.answer = func(arrival) (int, time.Duration, string) {
			if slow.Load() {
				return 200, 10 * time.Second, ""
			}
			return 200, 0, ""
		}
		r.post(100) // opens the window
		after(time.Second)
		r.receiver.oversized.Store(true)
		r.post(50) // narrows it
		after(time.Second)
		slow.Store(true)
		before := r.receiver.count()
		r.post(20)
		after(5 * time.Second)
		r.want("attempts under way", r.receiver.count()-before, 1)
		after(time.Hour)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(170))
	})
}

// Neither a restart nor a rest gives an endpoint more than its rate.
func TestRateLimitIsNotForgotten(t *testing.T) {
	for _, restart := range []bool{true, false} {
		script(t, nil, func(r *rig) {
			after(time.Hour)
			r.endpoint("one", func(e *endpoint.Endpoint) { e.RateLimit = &endpoint.RateLimit{PerSecond: 0.01, Burst: 5} })
			r.post(5)
			after(time.Second)
			r.want("arrivals of a burst", r.receiver.count(), 5)
			after(time.Minute)
			if restart {
				r.restart()
			}
			r.post(5)
			after(time.Second)
			r.want(fmt.Sprintf("arrivals right after the burst, restart %v", restart), r.receiver.count(), 5)
			after(time.Hour)
			r.want("arrivals", r.receiver.count(), 10)
		})
	}
}

// Slots that are given back while a lane is refused one, and nobody knows yet
// that it waits, are not missed; those that are given back later wake it (G4).
func TestSlotsGivenBackInBetween(t *testing.T) {
	e := &Engine{slots: slots{limit: 4}}
	sh := &shard{engine: e}
	sh.inbox.wake = make(chan struct{}, 1)
	e.shards = []*shard{sh}
	release := func(left int) {
		if e.slots.release(left) {
			e.wakeStarved()
		}
	}
	for held := range 4 { // another lane takes them all, and hangs
		e.slots.admit(held/4, false, true)
	}
	l := &lane{}
	start, _ := l.ring.fill([]*attempt{{}}, 1, &e.slots, func() {
		release(3)
		sh.starve(l)
	})
	if got, want := start, 1; got != want {
		t.Errorf("given back before it waits: got %d starts, want %d", got, want)
	}
	start, _ = l.ring.fill([]*attempt{{}}, 2, &e.slots, func() { sh.starve(l) })
	if got, want := start, 0; got != want {
		t.Errorf("none is free: got %d starts, want %d", got, want)
	}
	if got, want := sh.inbox.starved, false; got != want {
		t.Errorf("woken while all are taken: got %v, want %v", got, want)
	}
	release(2)
	if got, want := sh.inbox.starved, true; got != want {
		t.Errorf("woken when one is given back: got %v, want %v", got, want)
	}
}
