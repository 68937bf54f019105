package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// The corners of a lane, each of which once lost, repeated or held up
// something.

// delivery is the delivery of an event, named as receivers see it.
func (r *rig) delivery(e *endpoint.Endpoint, eventID string) delivery.ID {
	r.Helper()
	id, err := event.ParseID(eventID)
	if err != nil {
		r.Fatalf("event id %q: %v", eventID, err)
	}
	return delivery.ID{Event: id, Endpoint: uint64(e.Alias)}
}

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

// G5: the line goes on at once when its head, which waits for a retry, is
// canceled, or put back in line by hand, which means at its end.
func TestFIFOHeadByHand(t *testing.T) {
	for _, cancel := range []bool{true, false} {
		script(t, nil, func(r *rig) {
			e := r.endpoint("one", func(e *endpoint.Endpoint) { e.Ordering = endpoint.FIFO })
			r.receiver.answer = func(a arrival) (int, time.Duration, string) {
				if strings.Contains(a.body, `"n":0}`) && a.nth == 1 {
					return 500, 0, ""
				}
				return 200, 100 * time.Millisecond, ""
			}
			ids := r.post(3)
			after(time.Second)
			r.want("arrivals behind a head that waits", r.receiver.count(), 1)
			act, want := r.RetryDelivery, []string{ids[0], ids[1], ids[2], ids[0]}
			if cancel {
				act, want = r.CancelDelivery, []string{ids[0], ids[1], ids[2]}
			}
			if err := act(context.Background(), org, r.delivery(e, ids[0]), ledger.Audit{}); err != nil {
				r.Fatalf("cancel %v: %v", cancel, err)
			}
			after(2 * time.Second)
			var got []string
			for _, a := range r.receiver.arrivals() {
				got = append(got, a.id)
			}
			r.want(fmt.Sprintf("arrivals, cancel %v", cancel), fmt.Sprint(got), fmt.Sprint(want))
			after(time.Hour)
			r.want("arrivals in the end", r.receiver.count(), len(want))
		})
	}
}

// G5: what is put back in line by hand goes behind an event that came before,
// also when the reader finds it in the index before the lane is told of either.
func TestFIFOLineThatIsNotToldYet(t *testing.T) {
	script(t, nil, func(r *rig) {
		var arrived atomic.Int32
		r.receiver.answer = func(arrival) (int, time.Duration, string) {
			switch arrived.Add(1) {
			case 1:
				return 500, 0, ""
			case 2:
				return -1, 2 * time.Second, "" // the end of which makes the lane look into the index
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.Ordering, e.MaxAttempts = endpoint.FIFO, 1 })
		ids := r.post(2)
		after(time.Second)
		if err := r.CancelDelivery(context.Background(), org, r.delivery(e, ids[1]), ledger.Audit{}); err != nil {
			r.Fatalf("cancel: %v", err)
		}

		r.recovered.Store(false) // what is applied from here on is told below
		ids = append(ids, r.post(1)...)
		if err := r.RetryDelivery(context.Background(), org, r.delivery(e, ids[0]), ledger.Audit{}); err != nil {
			r.Fatalf("retry: %v", err)
		}
		after(5 * time.Second)
		r.want("arrivals before the lane is told", r.receiver.count(), 2)

		p := r.ledger.PartitionOf(org)
		told := ledger.Applied{UpTo: r.ledger.Applied(p)}
		for _, id := range []string{ids[0], ids[2]} {
			at, err := r.locate(org, r.delivery(e, id))
			if err != nil {
				r.Fatalf("locate: %v", err)
			}
			if at.found {
				told.Requeued = append(told.Requeued, ledger.Due{Ref: at.Ref, At: at.row.Next})
				continue
			}
			ev, err := r.ledger.EventAt(p, at.Pos)
			if err != nil {
				r.Fatalf("event: %v", err)
			}
			told.Owed = append(told.Owed, ledger.Owed{Endpoint: e.Key, Pos: at.Pos, Event: ev, Matched: 1})
		}
		r.hand(p, &told)
		r.recovered.Store(true)
		after(time.Second)
		var got []string
		for _, a := range r.receiver.arrivals() {
			got = append(got, a.id)
		}
		r.want("arrivals", fmt.Sprint(got), fmt.Sprint([]string{ids[0], ids[1], ids[2], ids[0]}))
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

// A retry that waits in a fifo line is not made early because the line ends.
func TestFromFIFOToUnordered(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = status(500, 200)
		e := r.endpoint("one", func(e *endpoint.Endpoint) {
			e.Ordering, e.RetrySchedule = endpoint.FIFO, []endpoint.Millis{600_000}
		})
		r.post(1)
		after(time.Second)
		unordered := func(e *endpoint.Endpoint) error { e.Ordering = endpoint.Unordered; return nil }
		if _, err := r.UpdateEndpoint(context.Background(), org, e.ID, unordered, 0, ledger.Audit{}); err != nil {
			r.Fatalf("update: %v", err)
		}
		after(time.Minute)
		r.want("arrivals before the retry is due", r.receiver.count(), 1)
		after(20 * time.Minute)
		r.want("arrivals", r.receiver.count(), 2)
	})
}

// G5: what waits for retries becomes a fifo line that is longer than what is
// read of it at a time, and in which it is chance who is due first. What is
// posted later goes last.
func TestFIFOLineIsLongerThanOneRead(t *testing.T) {
	t.Parallel()
	script(t, func(o *Options) { o.Breaker = noBreaker() }, func(r *rig) {
		r.receiver.answer = status(500, 200)
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.RetrySchedule = []endpoint.Millis{600_000} })
		ids := r.post(loadChunkFIFO + 200)
		after(time.Minute)
		r.want("arrivals before it is a line", r.receiver.count(), len(ids))
		line := func(e *endpoint.Endpoint) error { e.Ordering = endpoint.FIFO; return nil }
		if _, err := r.UpdateEndpoint(context.Background(), org, e.ID, line, 0, ledger.Audit{}); err != nil {
			r.Fatalf("update: %v", err)
		}
		ids = append(ids, r.post(1)...)
		after(time.Hour)
		var got []string
		for _, a := range r.receiver.arrivals() {
			if a.nth == 2 {
				got = append(got, a.id)
			}
		}
		r.want("arrivals of the line", len(got), len(ids))
		for i := range got {
			if got[i] != ids[i] {
				r.Fatalf("arrival %d of the line: got %s, want %s", i, got[i], ids[i])
			}
		}
	})
}

// An endpoint that should be disabled, and could not be, is tried again.
func TestDisableThatFails(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if strings.Contains(a.body, `"n":0}`) {
				return 410, 0, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 1 })
		r.disabling.Store(laneID{r.ledger.PartitionOf(org), e.Key}, true) // so that nothing comes of it
		r.post(5)
		after(time.Minute)
		r.want("arrivals", r.receiver.count(), 5)
	})
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

// G8: lanes that read back from the log keep to the bound of memory as well, up
// to a little that each needs to go on.
func TestReadingBackKeepsMemoryBounded(t *testing.T) {
	t.Parallel()
	const lanes, size = 10, 100 << 10
	script(t, func(o *Options) { o.LiveMemory = 1 << 20 }, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, 14 * time.Second, "" }
		var endpoints []*endpoint.Endpoint
		for i := range lanes {
			e := r.endpoint(fmt.Sprint("e", i), func(e *endpoint.Endpoint) { e.MaxInFlight = 1 })
			r.verb(ledger.Pause, e)
			endpoints = append(endpoints, e)
		}
		data := append(append([]byte(`"`), bytes.Repeat([]byte("x"), size)...), '"')
		r.postData(40, data)
		for _, e := range endpoints {
			r.verb(ledger.Resume, e)
		}
		for range 5 {
			after(10 * time.Second)
			// Two are ready or under way in each lane, and one more is read.
			if got, bound := r.memory.used.Load(), int64(1<<20+lanes*readLittle+lanes*3*(size+1024)); got > bound {
				r.Fatalf("payloads in memory: got %d bytes, want at most %d", got, bound)
			}
		}
		after(time.Hour)
		r.want("arrivals", r.receiver.count(), 40*lanes)
		r.want("payloads in memory in the end", r.memory.used.Load(), int64(0))
	})
}

// G4: the memory for payloads, which all share, is not used up by endpoints that
// hang.
func TestHangingEndpointsGiveMemoryBack(t *testing.T) {
	t.Parallel()
	const hanging, size = 20, 4 << 10
	script(t, func(o *Options) { o.LiveMemory = 1 << 20 }, func(r *rig) {
		healthy := r.endpoint("healthy", func(e *endpoint.Endpoint) { e.MaxInFlight = 2 })
		for i := range hanging {
			r.endpoint(fmt.Sprint("e", i), func(e *endpoint.Endpoint) { e.MaxInFlight = 2 })
		}
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if a.url == healthy.URL {
				return 200, 0, ""
			}
			return 200, 14 * time.Second, ""
		}
		data := append(append([]byte(`"`), bytes.Repeat([]byte("x"), size)...), '"')
		r.postData(100, data)
		after(2 * time.Second)
		r.want("there is room in memory", r.memory.has(), true)
		after(time.Hour)
		r.want("arrivals", r.receiver.count(), 100*(1+hanging))
		r.want("payloads in memory in the end", r.memory.used.Load(), int64(0))
	})
}

// What was read for a lane is of no use once it was paused, or once a delivery
// was canceled that the reader may not have known of.
func TestReadOvertakenByAVerb(t *testing.T) {
	script(t, nil, func(r *rig) {
		sh := &shard{engine: r.Engine}
		sending := &settings{Endpoint: r.endpoint("one", nil)}
		paused := &settings{Endpoint: &endpoint.Endpoint{Paused: true, Spans: sending.Spans}}
		result := &readResult{upTo: 9, found: []foundEvent{{pos: 5, event: &event.Event{}}}}
		for _, tt := range []struct {
			name     string
			settings *settings
			recheck  wal.Pos
			want     int
		}{
			{"nothing happened", sending, 0, 1},
			{"paused", paused, 0, 0},
			{"canceled", sending, 5, 0},
		} {
			l := &lane{shard: sh, behind: true, missed: 9, recheck: tt.recheck}
			l.settings.Store(tt.settings)
			l.took(result)
			r.want("queued, "+tt.name, len(l.queue), tt.want)
			r.want("still behind, "+tt.name, l.behind, tt.want == 0)
			for _, a := range l.queue {
				r.memory.give(a.size())
			}
		}
	})
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

func TestCloseTwice(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.stop()
		if err := r.Close(context.Background(), func() {}); !errors.Is(err, ErrClosed) {
			r.Errorf("second close: got %v, want %v", err, ErrClosed)
		}
		r.start()
	})
}

// G8: a lane that has had nothing to do for a while is forgotten, whatever
// happened to its endpoint meanwhile.
func TestIdleLaneIsForgotten(t *testing.T) {
	script(t, nil, func(r *rig) {
		e := r.endpoint("one", nil)
		r.post(1)
		p := r.ledger.PartitionOf(org)
		known := func() bool { return r.shardOf(p, e.Key).lanes[laneID{p, e.Key}] != nil }
		after(10 * time.Second)
		r.want("lane after ten seconds", known(), true)
		r.verb(ledger.Pause, e)
		after(time.Second)
		r.verb(ledger.Resume, e)
		after(time.Minute)
		r.want("lane after a minute", known(), false)
	})
}

// What is deleted takes no memory, whatever becomes of its attempts.
func TestDeletedLaneLeavesNothing(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if strings.Contains(a.body, `"n":0}`) {
				return -1, 10 * time.Second, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", nil)
		r.post(100)
		after(time.Second)
		if err := r.DeleteEndpoint(context.Background(), org, e.ID, ledger.Audit{}); err != nil {
			r.Fatalf("delete: %v", err)
		}
		after(time.Minute)
		r.want("payloads in memory", r.memory.used.Load(), int64(0))
	})
}

// G2, G4: what apply does not hand to a lane that is behind is read from the
// log, also what is posted while the lane catches up.
func TestWithheldEventsArrive(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, 10 * time.Millisecond, "" }
		e := r.endpoint("one", nil)
		r.verb(ledger.Pause, e)
		r.post(500)
		p := r.ledger.PartitionOf(org)
		after(time.Second)
		l := r.shardOf(p, e.Key).lanes[laneID{p, e.Key}]
		if l == nil || !l.withheld || len(l.queue) > 0 {
			r.Fatalf("lane of the paused endpoint: got %+v, want one that is behind, withheld and has nothing queued", l)
		}
		r.verb(ledger.Resume, e)
		for range 100 {
			r.post(3)
			after(time.Millisecond)
		}
		r.settle()
		r.want("arrivals", r.receiver.count(), 800)
		r.post(5)
		after(time.Second)
		r.want("arrivals once it is live again", r.receiver.count(), 805)
	})
}

// G2: an event that returned to the line, while a later one is still under way,
// is not taken for attempted after a restart.
func TestEventPutBackBehindALaterOneSurvivesARestart(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			switch {
			case strings.Contains(a.body, `"n":0}`) && a.nth == 1:
				return -1, 10 * time.Millisecond, ""
			case strings.Contains(a.body, `"n":1}`):
				return 200, 10 * time.Second, ""
			}
			return 200, 50 * time.Millisecond, ""
		}
		e := r.endpoint("one", nil)
		r.post(3)
		after(80 * time.Millisecond) // the third has ended, the first is held back for a moment
		r.restart()
		after(time.Minute)
		r.want("backlog", r.lane(e).Backlog(), uint64(0))
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(3))
	})
}

// G8: a lane that stands still while memory is short does not read its whole
// backlog because its rate limit holds it up.
func TestLaneThatStandsStillReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	const size, hanging = 16 << 10, 4
	script(t, func(o *Options) { o.LiveMemory, o.Shards = 1<<20, 1 }, func(r *rig) {
		slow := r.endpoint("slow", func(e *endpoint.Endpoint) { e.RateLimit = &endpoint.RateLimit{PerSecond: 1, Burst: 1} })
		for i := range hanging {
			r.endpoint(fmt.Sprint("e", i), nil)
		}
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if a.url == slow.URL {
				return 200, 3 * time.Second, ""
			}
			return 200, 14 * time.Second, ""
		}
		r.postData(400, append(append([]byte(`"`), bytes.Repeat([]byte("x"), size)...), '"'))
		var most int64
		for range 600 {
			after(50 * time.Millisecond)
			most = max(most, r.memory.used.Load())
		}
		// The bound, one large read that it let through, and what each lane needs to go on.
		if bound := int64(1<<20 + readMuch + (1+hanging)*(readLittle+8*size)); most > bound {
			r.Errorf("payloads in memory: got %d bytes, want at most %d", most, bound)
		}
	})
}

// G4: nor is that memory used up by endpoints that are held and have nothing
// under way: because they asked to wait, have failed, or take one event in a
// while.
func TestHeldEndpointsGiveMemoryBack(t *testing.T) {
	for name, held := range map[string]struct {
		status int
		again  string
		limit  *endpoint.RateLimit
	}{
		"asked to wait": {status: 429, again: "3600"},
		"fails":         {status: 500},
		"rate limit":    {status: 200, limit: &endpoint.RateLimit{PerSecond: 0.1, Burst: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			script(t, func(o *Options) { o.LiveMemory = 1 << 20 }, func(r *rig) {
				for i := range 3 {
					r.endpoint(fmt.Sprint("e", i), func(e *endpoint.Endpoint) { e.RateLimit = held.limit })
				}
				r.receiver.answer = func(arrival) (int, time.Duration, string) { return held.status, 0, held.again }
				r.postData(100, append(append([]byte(`"`), bytes.Repeat([]byte("x"), 16<<10)...), '"'))
				after(time.Second)
				r.memory.take(r.memory.limit) // somebody else's
				after(2 * time.Second)
				r.memory.give(r.memory.limit)
				if got, want := r.memory.used.Load(), int64(128<<10); got > want {
					r.Errorf("payloads in memory: got %d bytes, want at most %d", got, want)
				}
			})
		})
	}
}

// A lane whose secret cannot be opened any more lets go of everything, also of
// what the reader finds for it and of what is under way; the endpoint goes on
// where it was when it gets another secret (G2, G8).
func TestLaneWithoutItsSecret(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, time.Second, "" }
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 2 })
		sealed := e.Secrets[0].Sealed
		r.post(200)
		after(10 * time.Second)
		seal := func(sealed []byte) {
			next := *r.lookup(e.ID)
			next.Secrets = []endpoint.Secret{{ID: "sec_1", Sealed: sealed}}
			if _, err := r.ledger.Change(context.Background(), &ledger.Change{Endpoint: &next, Base: next.Version}); err != nil {
				r.Fatalf("change: %v", err)
			}
		}
		seal([]byte("damaged"))
		after(time.Hour)
		if got := r.receiver.count(); got == 0 || got > 40 {
			r.Errorf("arrivals while the secret is damaged: got %d, want only those of before", got)
		}
		r.want("payloads in memory", r.memory.used.Load(), int64(0))
		r.want("due", r.metrics.due.Get(), float64(0))
		seal(sealed)
		after(time.Hour)
		r.want("arrivals in the end", r.receiver.count(), 200)
		r.want("payloads in memory in the end", r.memory.used.Load(), int64(0))
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

// That an address wants nothing any more says nothing about the one that the
// endpoint has by now.
func TestGoneOfAnEarlierAddress(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if strings.Contains(a.url, "elsewhere") {
				return 200, 0, ""
			}
			return 410, 5 * time.Second, ""
		}
		e := r.endpoint("one", nil)
		r.post(1)
		after(time.Second)
		move := func(e *endpoint.Endpoint) error { e.URL = "https://elsewhere.example/"; return nil }
		if _, err := r.UpdateEndpoint(context.Background(), org, e.ID, move, 0, ledger.Audit{}); err != nil {
			r.Fatalf("update: %v", err)
		}
		after(time.Minute)
		r.want("enabled", r.lookup(e.ID).Enabled(), true)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(1))
	})
}
