package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// setClock is a wall clock that can be set; time elapses as ever.
type setClock struct{ ahead atomic.Int64 }

func (c *setClock) now() time.Time        { return time.Now().Add(time.Duration(c.ahead.Load())).Round(0) }
func (c *setClock) step(by time.Duration) { c.ahead.Add(int64(by)) }

// stepped runs a script for each of the steps that a clock may make.
func stepped(t *testing.T, change func(*Options), run func(r *rig, clock *setClock, by time.Duration)) {
	for _, by := range []time.Duration{5 * time.Hour, -5 * time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			clock := new(setClock)
			script(t, func(o *Options) {
				o.Log.Now = clock.now
				o.Defaults.Retry = retry.Default()
				o.Defaults.Retry.Jitter = 0
				if change != nil {
					change(o)
				}
			}, func(r *rig) { run(r, clock, by) })
		})
	}
}

// took is how long after the first arrival each of the others came.
func (r *receiver) took() (after []time.Duration) {
	list := r.arrivals()
	for _, a := range list[min(1, len(list)):] {
		after = append(after, a.at.Sub(list[0].at).Round(time.Second))
	}
	return after
}

// While it runs, setting the clock moves no retry, and neither what a receiver
// asked for nor a breaker's probe.
func TestClockStepMovesNoDueTime(t *testing.T) {
	stepped(t, nil, func(r *rig, clock *setClock, by time.Duration) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			switch {
			case a.nth == 3:
				return 503, 0, "3000" // seconds, which is longer than the schedule's 30 minutes
			case a.nth < 5:
				return 500, 0, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", nil)
		r.post(1)
		after(time.Second)
		clock.step(by)
		after(4 * time.Minute)
		clock.step(-2 * by)
		after(5 * time.Hour)
		want := fmt.Sprint([]time.Duration{
			5 * time.Second, 5*time.Minute + 5*time.Second, 55*time.Minute + 5*time.Second, 2*time.Hour + 55*time.Minute + 5*time.Second,
		})
		r.want("retries", fmt.Sprint(r.receiver.took()), want)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(1))
	})
}

// Signatures and the history of attempts follow the wall clock, since receivers
// compare them with theirs.
func TestClockStepShowsInSignatures(t *testing.T) {
	stepped(t, nil, func(r *rig, clock *setClock, by time.Duration) {
		e := r.endpoint("one", nil)
		for i := range 3 {
			ids := r.post(1)
			after(time.Second)
			got := r.receiver.arrivals()[i]
			wall := got.at.Add(time.Duration(clock.ahead.Load()))
			r.want("timestamp", got.stamp, strconv.FormatInt(wall.Unix(), 10))
			list, _, err := r.ledger.Attempts(org, r.delivery(e, ids[0]))
			if err != nil || len(list) != 1 {
				r.Fatalf("attempts: got %v, %v, want one", list, err)
			}
			r.want("time of the attempt", list[0].At, wall.UnixMilli())
			clock.step(by)
		}
	})
}

// A secret that was rotated away signs for as long as was asked, by the time that
// elapses, although the timestamp beside the signature follows the wall clock.
func TestClockStepEndsNoSecret(t *testing.T) {
	stepped(t, nil, func(r *rig, clock *setClock, by time.Duration) {
		e := r.endpoint("one", nil)
		signatures := func(want int) {
			before := r.receiver.count()
			r.post(1)
			after(time.Second)
			r.want("signatures", r.receiver.arrivals()[before].signs, want)
		}
		signatures(1)
		clock.step(by)
		if _, _, err := r.RotateSecret(r.Context(), org, e.ID, secret.Secret{}, time.Hour, ledger.Audit{}); err != nil {
			r.Fatal(err)
		}
		signatures(2)
		clock.step(-2 * by)
		signatures(2)
		after(time.Hour)
		signatures(1)
	})
}

// The times and positions of events never go backwards, whatever the clock does,
// also over a restart (the time index depends on it).
func TestClockStepKeepsLogTimesInOrder(t *testing.T) {
	stepped(t, nil, func(r *rig, clock *setClock, by time.Duration) {
		var lastAt int64
		var lastPos uint64
		for round := range 6 {
			for _, text := range r.post(3) {
				id, err := event.ParseID(text)
				if err != nil {
					r.Fatal(err)
				}
				pos, found, err := r.ledger.FindEvent(org, id)
				if err != nil || !found {
					r.Fatalf("find event: got %v, %v", found, err)
				}
				ev, err := r.ledger.EventAt(r.ledger.PartitionOf(org), pos)
				if err != nil {
					r.Fatal(err)
				}
				if ev.ReceivedAt < lastAt || uint64(pos) <= lastPos {
					r.Errorf("round %d: got time %d at %d after %d at %d, want them in order", round, ev.ReceivedAt, pos, lastAt, lastPos)
				}
				lastAt, lastPos = ev.ReceivedAt, uint64(pos)
			}
			by = -by
			clock.step(by + by/2)
			after(time.Minute)
			if round == 3 {
				r.restart()
			}
		}
	})
}

// A key is good for its lifetime by the one clock that decides, the log's, even
// if that one stands still until the machine's has come up with it.
func TestClockStepVoidsNoKey(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{-5 * time.Hour, -400 * 24 * time.Hour} {
		clock := new(setClock)
		script(t, func(o *Options) { o.Log.Now = clock.now }, func(r *rig) {
			post := func(key string) (duplicate bool) {
				ev := &event.Event{
					ID: ledger.NewID(), Livemode: true, Organization: org, Type: "a.b", Source: event.API, Data: []byte("{}"),
					Idempotency: event.Idempotency{Key: key, Lifetime: (24 * time.Hour).Milliseconds()},
				}
				verdicts, err := r.ledger.Post(context.Background(), []*event.Event{ev}, false, nil)
				if err != nil {
					r.Fatalf("post: %v", err)
				}
				return verdicts[0].Duplicate
			}
			r.want("before the step", post("before"), false)
			clock.step(by)
			r.want("again after the step", post("before"), true)
			r.want("after the step", post("after"), false)
			r.want("at once again", post("after"), true)
			after(20 * time.Hour)
			r.want("much later", post("late"), false)
			after(10 * time.Hour) // in which the janitor looks ten times for keys that have expired
			r.want("within its lifetime", post("late"), true)
			r.restart()
			r.want("after a restart", post("late"), true)
		})
	}
}

// Between two runs nothing but the wall clock tells how long it was. Set ahead,
// what waits is due; set back, it waits no longer than the schedule ever lets it.
func TestClockStepBetweenRuns(t *testing.T) {
	stepped(t, func(o *Options) { o.Breaker, o.Retention = noBreaker(), -1 }, func(r *rig, clock *setClock, by time.Duration) {
		r.receiver.answer = status(500, 500, 500, 200)
		e := r.endpoint("one", nil)
		r.post(20)
		after(10 * time.Minute) // two attempts each; the third is due in 25 minutes
		before := r.receiver.count()
		r.stop()
		clock.step(by)
		r.start()
		after(time.Minute)
		due := by > 0 || by < -12*time.Hour // the longest delay is ten hours
		r.want("attempted at once", r.receiver.count()-before == 20, due)
		after(48 * time.Hour)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(20))
		r.want("arrivals", r.receiver.count(), 80)
	})
}

// A breaker that was open, and failures that are known, belong to a time that
// may lie ahead after a restart; they hold nothing up.
func TestClockStepBetweenRunsOfFailingEndpoint(t *testing.T) {
	stepped(t, nil, func(r *rig, clock *setClock, by time.Duration) {
		r.receiver.answer = status(500)
		never := endpoint.Millis(0)
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.DisableAfter = &never })
		r.post(5) // too few to open the breaker
		after(time.Minute)
		r.stop()
		clock.step(by)
		r.start()
		r.post(20)
		after(10 * time.Minute)
		r.want("breaker opened", r.metrics.breakerOpened.Get() > 0, true)
		r.receiver.mu.Lock()
		r.receiver.answer = nil
		r.receiver.mu.Unlock()
		r.stop()
		clock.step(-by)
		r.start()
		after(48 * time.Hour)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(25))
	})
}

// A clock that was set ahead between two runs makes all events look old. That
// would empty the store at once, so it is refused, said, and over when the clock
// is right again.
func TestRetentionMistrustsTheClock(t *testing.T) {
	t.Parallel()
	clock := new(setClock)
	var log bytes.Buffer
	script(t, func(o *Options) {
		o.Log.Now = clock.now
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	}, func(r *rig) {
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.Paused = true })
		r.post(100)
		for _, by := range []time.Duration{40 * 24 * time.Hour, 400 * 24 * time.Hour} {
			r.stop()
			clock.step(by)
			r.start()
			after(clockGrace - time.Minute)
			r.want("owed", r.lane(e).Backlog(), uint64(100))
			r.want("expired", r.lane(e).Expired, uint64(0))
			r.want("said", strings.Contains(log.String(), "retention would drop"), true)
			log.Reset()
			r.stop()
			clock.step(-by)
			r.start()
			after(2 * clockGrace)
			r.want("owed when the clock is right again", r.lane(e).Backlog(), uint64(100))
			r.want("said when the clock is right again", log.String(), "")
		}
		clock.step(40 * 24 * time.Hour) // while it runs
		after(2 * clockGrace)
		r.want("owed after a step while it runs", r.lane(e).Backlog(), uint64(100))

		r.stop()
		r.start() // for good: whoever set the clock has had an hour to see it
		after(clockGrace + 2*time.Minute)
		r.want("owed after an hour", r.lane(e).Backlog(), uint64(0))
		r.want("expired after an hour", r.lane(e).Expired, uint64(100))
	})
}
