package bench

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/bench/payload"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// BenchmarkCatchUp reads from disk what an endpoint is owed of 100,000 events that
// it is behind, of 1 KB and with idempotency keys. Its filter lets through one in
// so many: read from the log, which looks at all, and by the index of types, which
// fetches those alone. One op is the whole way; what counts is ns/event, of those
// behind.
func BenchmarkCatchUp(b *testing.B) {
	const events = 100_000
	led := openLedger(b, nil)
	rates := []int{1, 10, 30, 100, 1000, 10_000}
	owed := make(map[int]*endpoint.Endpoint)
	for n, rate := range rates {
		id := createEndpoint(b, led, n, fmt.Sprintf("one_in_%d.*", rate))
		owed[rate], _ = led.FindEndpoint(organization, id)
	}
	p := led.PartitionOf(organization)
	from := led.Applied(p)
	fill(b, led, events, rates)

	for _, rate := range rates {
		for _, way := range []struct {
			name string
			read func(int, *endpoint.Endpoint, wal.Pos, wal.Pos, func(wal.Pos, *event.Event) bool) (wal.Pos, error)
		}{
			{"log", func(p int, e *endpoint.Endpoint, after, upTo wal.Pos, visit func(wal.Pos, *event.Event) bool) (wal.Pos, error) {
				return upTo, led.EventsAfter(p, after, upTo, visit)
			}},
			{"index", led.EventsFor},
		} {
			b.Run(fmt.Sprintf("owed=1_in_%d/by=%s", rate, way.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					found := 0
					for after := from; after < led.Applied(p); {
						through, err := way.read(p, owed[rate], after, led.Applied(p), func(at wal.Pos, ev *event.Event) bool {
							if owed[rate].Owes(uint64(at), ev) == endpoint.Owed {
								found++
							}
							return true
						})
						if err != nil {
							b.Fatal(err)
						}
						after = through
					}
					if want := events / rate; found < want/2 {
						b.Fatalf("got %d events, want about %d", found, want)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
			})
		}
	}
}

// fill posts events in batches of 100. One in so many has a type of its own, for
// each of the rates; the others have that of rate 1.
func fill(b *testing.B, led *ledger.Ledger, events int, rates []int) {
	source := payload.NewPool(1).Source(1024, 1)
	for first := 0; first < events; first += 100 {
		batch := make([]*event.Event, 100)
		for i := range batch {
			n := first + i
			rate := 1
			for _, r := range rates {
				if n%r == r/2 {
					rate = r
				}
			}
			batch[i] = &event.Event{
				ID: ledger.NewID(), Organization: organization, Type: fmt.Sprintf("one_in_%d.event", rate),
				Source: event.API, Data: source.Append(nil, int64(n)),
				Idempotency: event.Idempotency{Key: fmt.Sprint(n), Lifetime: 86_400_000},
			}
		}
		verdicts, err := led.Post(b.Context(), batch, false, nil)
		for _, v := range verdicts {
			err = cmp.Or(err, v.Err)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
