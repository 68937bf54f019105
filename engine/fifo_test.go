package engine

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

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

// G5: strictly in log order, the head retried first, across a restart too.
func TestFIFOHoldsTheLineBehindAFailure(t *testing.T) {
	for _, restart := range []bool{false, true} {
		script(t, nil, func(r *rig) {
			r.endpoint("one", func(e *endpoint.Endpoint) { e.Ordering = endpoint.FIFO })
			r.receiver.answer = func(a arrival) (int, time.Duration, string) {
				switch {
				case strings.Contains(a.body, `"n":3}`) && a.nth <= 2, strings.Contains(a.body, `"n":7}`):
					return 503, time.Millisecond, ""
				}
				return 200, time.Millisecond, ""
			}
			ids := r.post(20)
			for range 24 {
				after(2 * time.Hour)
				if restart {
					r.restart()
				}
			}
			order := []string{}
			attempts := map[string]int{}
			for _, a := range r.receiver.arrivals() {
				if attempts[a.id]++; attempts[a.id] == 1 {
					order = append(order, a.id)
				}
			}
			for i := range ids {
				if i >= len(order) || order[i] != ids[i] {
					r.Fatalf("restart %v: order of first attempts: got %v, want %v", restart, order, ids)
				}
			}
			r.want("attempts of the one that fails twice", attempts[ids[3]], 3)
			r.want("attempts of the one that always fails", attempts[ids[7]], 8)
			last := map[string]int{}
			for i, a := range r.receiver.arrivals() {
				last[a.id] = i
			}
			if last[ids[7]] > last[ids[8]] {
				r.Errorf("restart %v: the line went on before its head was exhausted", restart)
			}
		})
	}
}
