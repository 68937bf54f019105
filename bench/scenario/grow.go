package scenario

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hookwheel/hookwheel/bench/sink"
)

// Growth scenarios do the same at several sizes of one thing. What a row shows
// should not depend on the size, or as little as can be.

// perRow is how many deliveries a row is measured by, or half of that.
const perRow = 200_000

// grow makes a table with a row for every size: of an engine, not discarded,
// and what it did.
func grow(ctx context.Context, l *lab, title, what string, sizes []int, do func(ctx context.Context, size int) (*engine, flow, error)) (run, error) {
	table := Table{
		Title: title, Case: what,
		Columns: []string{"per second", "engine CPU µs each", "RSS MB", "stored B/event", "start s"},
	}
	for _, size := range sizes {
		row, err := growRow(ctx, size, do)
		if err != nil {
			return run{}, fmt.Errorf("%s %d: %w", what, size, err)
		}
		table.Rows = append(table.Rows, row)
		l.Progress(fmt.Sprintf("%s %s: %v", what, row.Case, row.Values))
	}
	return run{tables: []Table{table}}, nil
}

// sizes returns sizes as the options scale them. The smallest stays.
func (l *lab) sizes(first int, more ...int) []int {
	sizes := []int{first}
	for _, size := range more {
		if size = l.scaled(size); size > sizes[len(sizes)-1] {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

func growRow(ctx context.Context, size int, do func(ctx context.Context, size int) (*engine, flow, error)) (row Row, err error) {
	e, f, err := do(ctx, size)
	if e != nil {
		defer e.discard()
	}
	if err != nil {
		return row, err
	}
	usage, err := e.usage()
	if err != nil {
		return row, err
	}
	stored, err := e.stored()
	if err != nil {
		return row, err
	}
	start, err := e.crash(ctx)
	if err != nil {
		return row, err
	}
	return Row{Case: number(float64(size)), Values: []Value{
		Value(f.rate), Value(micros(f.engine.CPU) / f.engine.Events), Value(usage.RSS >> 20),
		Value(float64(stored) / float64(f.posted.Events)), Value(start.Seconds()),
	}}, nil
}

// growth makes a scenario of a workload that depends on the size.
func growth(name, title, what string, sizes func(*lab) []int, at func(size int) workload) scenario {
	return scenario{
		name: name, about: title, runs: 1, long: true,
		once: func(ctx context.Context, l *lab) (run, error) {
			return grow(ctx, l, title, what, sizes(l), func(ctx context.Context, size int) (*engine, flow, error) {
				e, err := l.startEngine(ctx)
				if err != nil {
					return nil, flow{}, err
				}
				w := at(size)
				if err := w.prepare(ctx, l, e); err != nil {
					return e, flow{}, err
				}
				f, err := w.pour(ctx, l, e)
				return e, f, err
			})
		},
	}
}

var (
	growFanOut = growth("grow-fan-out", "Deliveries to all of so many endpoints", "endpoints",
		func(l *lab) []int { return l.sizes(1, 10, 100, 1000, 10_000, 100_000) },
		func(size int) workload { return workload{endpoints: size, events: max(1, perRow/size)} })

	growPayload = growth("grow-payload", "Deliveries of events of so many bytes", "bytes",
		func(*lab) []int { return []int{100, 1000, 10_000, 100_000, 250_000} },
		func(size int) workload { return workload{endpoints: 1, size: size, events: min(perRow/2, 1<<30/size)} })

	growOrganizations = growth("grow-organizations", "Deliveries for so many organizations by turns", "organizations",
		func(l *lab) []int { return l.sizes(1, 10, 100, 1000, 10_000) },
		func(size int) workload { return workload{endpoints: 1, organizations: size, events: perRow / 2} })
)

var growEndpoints = scenario{
	name:  "grow-endpoints",
	about: "deliveries to one endpoint beside idle ones",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		return grow(ctx, l, "Deliveries to one endpoint beside idle ones", "idle", l.sizes(1, 100, 10_000, 100_000),
			func(ctx context.Context, size int) (*engine, flow, error) {
				e, err := l.startEngine(ctx)
				if err != nil {
					return nil, flow{}, err
				}
				if err := e.fill(ctx, l, size); err != nil {
					return e, flow{}, err
				}
				w := workload{endpoints: 1, events: perRow / 2}
				if err := w.prepare(ctx, l, e); err != nil {
					return e, flow{}, err
				}
				f, err := w.pour(ctx, l, e)
				return e, f, err
			})
	},
}

var growShards = scenario{
	name:  "grow-shards",
	about: "deliveries to ten endpoints with so many shard loops",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		return grow(ctx, l, "Deliveries to ten endpoints with so many shard loops", "shards", []int{1, 2, 4},
			func(ctx context.Context, size int) (*engine, flow, error) {
				e, err := l.startEngine(ctx, "--shards", strconv.Itoa(size))
				if err != nil {
					return nil, flow{}, err
				}
				w := workload{endpoints: 10}
				if err := w.prepare(ctx, l, e); err != nil {
					return e, flow{}, err
				}
				f, err := w.pour(ctx, l, e)
				return e, f, err
			})
	},
}

// growRetries makes deliveries that failed once and wait for hours.
var growRetries = scenario{
	name:  "grow-retries",
	about: "deliveries that have failed and wait to be retried",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		return grow(ctx, l, "Deliveries that failed once and wait to be retried", "waiting", l.sizes(1000, 10_000, 100_000, 1_000_000, 5_000_000),
			func(ctx context.Context, size int) (*engine, flow, error) {
				e, err := l.startEngine(ctx, "--retry-schedule", "10h", "--breaker-failures", "0")
				if err != nil {
					return nil, flow{}, err
				}
				f, err := l.refused(ctx, e, size)
				return e, f, err
			})
	},
}

// refused posts events that their endpoint answers with 500.
func (l *lab) refused(ctx context.Context, e *engine, events int) (f flow, err error) {
	w := workload{endpoints: 1, batch: min(events, 100), events: events}
	if err := w.prepare(ctx, l, e); err != nil {
		return f, err
	}
	if err := l.sink.Reset(ctx, sink.Group{Name: sink.Rest, Behaviour: sink.Behaviour{Status: 500}}); err != nil {
		return f, err
	}
	before, _, err := usages(e, l)
	if err != nil {
		return f, err
	}
	if f.posted, err = l.load(ctx, w.config(l, e)); err != nil {
		return f, err
	}
	poll := time.NewTicker(arrivalPoll)
	defer poll.Stop()
	for f.receipts.Refused < f.posted.Events {
		if f.receipts, err = l.sink.Stats(ctx, sink.Rest); err != nil {
			return f, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return f, context.Cause(ctx)
		}
	}
	after, _, err := usages(e, l)
	f.rate = float64(f.posted.Events) / time.Since(time.Unix(0, f.posted.Start)).Seconds()
	f.engine = newCost("engine", f.posted.Events, after.Since(before))
	return f, err
}
