package engine

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

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
