package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hookwheel/hookwheel/bench/payload"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// owed counts the deliveries that the ledger hands over.
type owed struct{ count atomic.Int64 }

func (o *owed) Applied(_ int, what *ledger.Applied) { o.count.Add(int64(len(what.Owed))) }

// BenchmarkFanOut posts 1 KB events from 64 writers: written, synced, applied,
// and handed over to whoever delivers to so many endpoints. One op is one
// event; accepting one writes nothing per endpoint, so its cost hardly grows
// and that of a delivery falls.
func BenchmarkFanOut(b *testing.B) {
	for _, endpoints := range []int{0, 1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			benchmarkFanOut(b, endpoints)
		})
	}
}

func benchmarkFanOut(b *testing.B, endpoints int) {
	var deliveries owed
	led := openLedger(b, &deliveries)
	for n := range endpoints {
		createEndpoint(b, led, n, "bench.*")
	}
	b.SetBytes(1024)
	b.ReportAllocs()
	b.ResetTimer()
	post(b, led)
	b.StopTimer()
	if got, want := deliveries.count.Load(), int64(b.N)*int64(endpoints); got != want {
		b.Errorf("got %d deliveries, want %d", got, want)
	}
	b.ReportMetric(float64(b.N*endpoints)/b.Elapsed().Seconds(), "deliveries/s")
}

// openLedger opens an empty ledger on disk until the benchmark ends.
func openLedger(b *testing.B, follower ledger.Follower) *ledger.Ledger {
	store := openStore(b)
	led, err := ledger.Open(ledger.Options{Log: store, DB: store.DB(), Follower: follower})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- led.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			b.Error(err)
		}
	})
	if err := led.Follow(ctx); err != nil {
		b.Fatal(err)
	}
	return led
}

func createEndpoint(b *testing.B, led *ledger.Ledger, n int, pattern string) (id string) {
	e := &endpoint.Endpoint{ID: fmt.Sprintf("ed_%026d", n), Organization: organization, Kind: endpoint.Webhook}
	change := &ledger.Change{Endpoint: e.WithSpan(0, []string{pattern}, nil, true)}
	if _, err := led.Change(b.Context(), change); err != nil {
		b.Fatal(err)
	}
	return e.ID
}

// post posts b.N events, from 64 writers that each wait for the answer.
func post(b *testing.B, led *ledger.Ledger) {
	pool := payload.NewPool(1)
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for writer := range 64 {
		group.Go(func() {
			source := pool.Source(1024, uint64(writer))
			ev := &event.Event{Organization: organization, Type: "bench.event", Source: event.API}
			var verdicts []ledger.Verdict
			for left.Add(-1) >= 0 {
				ev.ID = ledger.NewID()
				ev.Data = source.Append(ev.Data[:0], 1700000000000000000)
				var err error
				verdicts, err = led.Post(b.Context(), []*event.Event{ev}, false, verdicts[:0])
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}
