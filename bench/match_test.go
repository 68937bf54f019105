package bench

import (
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
)

const organization = "org_01JD0000000000000000000000"

// BenchmarkMatch looks for the endpoints that are owed an event: so many of
// those that there are. Cost follows the matches, not the endpoints.
func BenchmarkMatch(b *testing.B) {
	for _, count := range []struct{ endpoints, matching int }{
		{1, 1}, {1_000, 1}, {100_000, 1}, {100_000, 10}, {100_000, 1_000},
	} {
		b.Run(fmt.Sprintf("endpoints=%d/matching=%d", count.endpoints, count.matching), func(b *testing.B) {
			var matcher endpoint.Matcher
			for n := range count.endpoints {
				pattern := fmt.Sprintf("customer.%d.*", n)
				if n < count.matching {
					pattern = "invoice.*"
				}
				e := &endpoint.Endpoint{Key: endpoint.Key(n + 1), Organization: organization}
				matcher.Replace(e.WithSpan(1, []string{pattern}, nil, true))
			}
			ev := &event.Event{Organization: organization, Type: "invoice.paid"}
			var matched []*endpoint.Endpoint
			b.ReportAllocs()
			for b.Loop() {
				matched = matcher.Match(ev, matched[:0])
			}
			if got := len(matched); got != count.matching {
				b.Fatalf("got %d endpoints, want %d", got, count.matching)
			}
		})
	}
}
