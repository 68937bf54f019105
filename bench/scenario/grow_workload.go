package scenario

import (
	"context"
	"fmt"
	"strconv"
)

// growing makes a scenario whose rows are workloads of several sizes, each on
// an engine of its own.
func growing(name, title, what string, sizes func(*lab) []int, row func(context.Context, *growth, int) error) scenario {
	return scenario{
		name: name, about: title, runs: 1, long: true,
		once: func(ctx context.Context, l *lab) (run, error) {
			g := newGrowth(l, title, what)
			for _, size := range sizes(l) {
				if err := row(ctx, g, size); err != nil {
					return g.run(), fmt.Errorf("%s %d: %w", what, size, err)
				}
			}
			return g.run(), nil
		},
	}
}

var (
	growIdle = growing("grow-idle", "Deliveries to one endpoint beside so many that are owed nothing", "idle endpoints",
		func(l *lab) []int { return l.sizes(1, 100, 10_000, 100_000) },
		func(ctx context.Context, g *growth, size int) error {
			return g.fresh(ctx, size, size, workload{endpoints: 1, events: g.lab.perRow() / 2})
		})

	growActive = growing("grow-active", "Deliveries to so many endpoints by turns", "active endpoints",
		func(l *lab) []int { return l.sizes(1, 100, 10_000, 100_000) },
		func(ctx context.Context, g *growth, size int) error {
			return g.fresh(ctx, size, 0, workload{endpoints: 1, types: size, events: max(g.lab.perRow()/2, 2*size)})
		})

	growFanOut = growing("grow-fan-out", "Deliveries of events that each go to so many endpoints", "fan-out",
		func(l *lab) []int { return l.sizes(1, 10, 100, 1000) },
		func(ctx context.Context, g *growth, size int) error {
			return g.fresh(ctx, size, 0, workload{endpoints: size, events: g.lab.perRow() / size})
		})

	growPayload = growing("grow-payload", "Deliveries of events with so many bytes of data", "bytes",
		func(*lab) []int { return []int{100, 1000, 10_000, 100_000, 256_000} },
		func(ctx context.Context, g *growth, size int) error {
			return g.fresh(ctx, size, 0, workload{endpoints: 1, size: size, events: min(g.lab.perRow()/2, 1<<30/size)})
		})

	growOrganizations = growing("grow-organizations", "Deliveries for so many organizations by turns", "organizations",
		func(l *lab) []int { return l.sizes(1, 10, 100, 1000, 10_000) },
		func(ctx context.Context, g *growth, size int) error {
			return g.fresh(ctx, size, 0, workload{endpoints: 1, organizations: size, events: g.lab.perRow() / 2})
		})

	growShards = growing("grow-shards", "Deliveries to ten endpoints with so many shard loops", "shards",
		func(*lab) []int { return []int{1, 2, 4} },
		func(ctx context.Context, g *growth, size int) error {
			return g.fresh(ctx, size, 0, workload{endpoints: 10, events: g.lab.perRow() / 10}, "--shards", strconv.Itoa(size))
		})
)
