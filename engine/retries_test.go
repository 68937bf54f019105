package engine

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// G3: an attempt that failed on our side returns to its place in the line, and
// what had overtaken it is not read back from the log after a pause.
func TestOvertakenEventIsNotSentTwice(t *testing.T) {
	script(t, nil, func(r *rig) {
		var short atomic.Bool
		short.Store(true)
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if short.Load() && strings.Contains(a.body, `"n":0}`) {
				return -1, 20 * time.Millisecond, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", nil)
		ids := r.post(10)
		after(time.Second)
		r.verb(ledger.Pause, e)
		after(time.Second)
		short.Store(false)
		r.verb(ledger.Resume, e)
		after(time.Minute)
		for _, id := range ids[1:] {
			r.want("arrivals of "+id, r.receiver.counts()[[2]string{e.URL, id}], 1)
		}
		r.want("backlog", r.lane(e).Backlog(), uint64(0))
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(10))
	})
}

// Retries beyond a chunk of the index are found while those before them are
// under way. A lane that asks for the same ones again and again would never let
// virtual time go on.
func TestManyRetriesUnderWay(t *testing.T) {
	script(t, func(o *Options) { o.Breaker = noBreaker() }, func(r *rig) {
		const n = 2 * loadChunk
		r.endpoint("one", func(e *endpoint.Endpoint) {
			e.MaxInFlight, e.RetrySchedule = n, []endpoint.Millis{60_000}
		})
		var failing atomic.Bool
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			switch {
			case !failing.Load():
				return 200, 0, ""
			case a.nth == 1:
				return 500, 0, ""
			}
			return 200, 10 * time.Second, ""
		}
		r.post(n) // opens the window
		after(time.Second)
		failing.Store(true)
		r.post(2 * n)
		after(time.Second)
		before := r.receiver.count()
		after(72 * time.Second) // 60 s and a fifth more
		if got := r.receiver.count() - before; got < n {
			r.Errorf("retries started while none had ended: got %d, want at least %d", got, n)
		}
		after(time.Minute)
		r.want("arrivals", r.receiver.count(), 5*n)
	})
}

// A shorter schedule makes what waits for longer than it ever lets anything wait
// due at once, as the next start would.
func TestShorterScheduleHurriesWhatWaits(t *testing.T) {
	for _, ordering := range []endpoint.Ordering{endpoint.Unordered, endpoint.FIFO} {
		script(t, nil, func(r *rig) {
			r.receiver.answer = status(500, 200)
			e := r.endpoint("one", func(e *endpoint.Endpoint) {
				e.Ordering, e.RetrySchedule = ordering, []endpoint.Millis{10 * 60 * 60_000}
			})
			r.post(1)
			after(time.Hour)
			r.want("arrivals while it waits", r.receiver.count(), 1)
			shorter := func(e *endpoint.Endpoint) error { e.RetrySchedule = []endpoint.Millis{60_000}; return nil }
			if _, err := r.UpdateEndpoint(context.Background(), org, e.ID, shorter, 0, ledger.Audit{}); err != nil {
				r.Fatalf("update: %v", err)
			}
			after(time.Second)
			r.want(fmt.Sprintf("arrivals after the change, ordering %v", ordering), r.receiver.count(), 2)
		})
	}
}

// A delivery that is canceled while it is ready, but was not started, is not.
func TestCancelOfWhatIsReady(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, 10 * time.Second, "" }
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 1 })
		ids := r.post(3)
		after(time.Second)
		if err := r.CancelDelivery(context.Background(), org, r.delivery(e, ids[1]), ledger.Audit{}); err != nil {
			r.Fatalf("cancel: %v", err)
		}
		after(time.Minute)
		r.want("arrivals of the canceled one", r.receiver.counts()[[2]string{e.URL, ids[1]}], 0)
		r.want("arrivals", r.receiver.count(), 2)
		r.want("backlog", r.lane(e).Backlog(), uint64(0))
	})
}

// G3: what was canceled before it was tried, and what had overtaken it, is not
// sent when a lane that is made anew reads back from before it.
func TestCanceledEventIsNotReadBack(t *testing.T) {
	for _, restart := range []bool{true, false} {
		script(t, nil, func(r *rig) {
			var short atomic.Bool
			short.Store(true)
			r.receiver.answer = func(a arrival) (int, time.Duration, string) {
				if short.Load() && strings.Contains(a.body, `"n":0}`) {
					return -1, 10 * time.Millisecond, ""
				}
				return 200, 0, ""
			}
			e := r.endpoint("one", nil)
			ids := r.post(3)
			after(time.Second)
			if err := r.CancelDelivery(context.Background(), org, r.delivery(e, ids[0]), ledger.Audit{}); err != nil {
				r.Fatalf("cancel: %v", err)
			}
			after(time.Minute) // the lane is forgotten
			short.Store(false)
			if restart {
				r.restart()
			}
			r.verb(ledger.Pause, e)
			before := r.receiver.count()
			r.post(1)
			r.verb(ledger.Resume, e)
			after(time.Minute)
			what := fmt.Sprintf(", restart %v", restart)
			r.want("arrivals after the resume"+what, r.receiver.count()-before, 1)
			r.want("canceled"+what, r.lane(e).Rows[delivery.Canceled], uint64(1))
			r.want("succeeded"+what, r.lane(e).Rows[delivery.Succeeded], uint64(3))
			r.want("backlog"+what, r.lane(e).Backlog(), uint64(0))
		})
	}
}

// A retry by hand is due now, whatever the log's clock says.
func TestRetryByHandUnderAClockThatIsAhead(t *testing.T) {
	clock := new(setClock)
	script(t, func(o *Options) { o.Log.Now = clock.now }, func(r *rig) {
		clock.step(time.Hour)
		r.receiver.answer = status(500, 200)
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxAttempts = 1 })
		ids := r.post(1)
		after(time.Second)
		if err := r.RetryDelivery(context.Background(), org, r.delivery(e, ids[0]), ledger.Audit{}); err != nil {
			r.Fatalf("retry: %v", err)
		}
		after(time.Second)
		r.want("arrivals", r.receiver.count(), 2)
	})
}

// A delivery that is canceled while an attempt at it fails on our side does not
// go back into the line; put back in line by hand, it has one place there.
func TestCancelOfWhatFailsOnOurSide(t *testing.T) {
	for _, again := range []bool{false, true} {
		script(t, nil, func(r *rig) {
			var ours atomic.Bool // what goes wrong is our fault
			ours.Store(true)
			r.receiver.answer = func(arrival) (int, time.Duration, string) {
				if ours.Load() {
					return -1, time.Second, ""
				}
				return 200, 0, ""
			}
			e := r.endpoint("one", nil)
			id := r.delivery(e, r.post(1)[0])
			after(100 * time.Millisecond)
			if err := r.CancelDelivery(context.Background(), org, id, ledger.Audit{}); err != nil {
				r.Fatalf("cancel: %v", err)
			}
			want := 1 // the one that was under way
			if again {
				if err := r.RetryDelivery(context.Background(), org, id, ledger.Audit{}); err != nil {
					r.Fatalf("retry: %v", err)
				}
				want++
			}
			ours.Store(false)
			after(time.Hour)
			r.want(fmt.Sprintf("arrivals, put back %v", again), r.receiver.count(), want)
		})
	}
}
