package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/sink"
)

// growRetries makes deliveries that failed once and wait for hours, more and
// more on one engine. What a row measures are deliveries to another endpoint
// meanwhile; what failing costs stands beside it.
var growRetries = scenario{
	name:  "grow-retries",
	about: "Deliveries to one endpoint while so many to another have failed and wait to be retried",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		g := newGrowth(l, "Deliveries to one endpoint while so many to another, of 200 B, have failed and wait to be retried", "retries waiting",
			"failing per second", "CPU µs each failure")
		e, err := l.startEngine(ctx, "--retry-schedule", "10h", "--breaker-failures", "0")
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		r := retries{lab: l, engine: e}
		for _, size := range l.sizes(1000, 10_000, 100_000, 1_000_000, 5_000_000) {
			if err := r.row(ctx, g, size); err != nil {
				return g.run(), fmt.Errorf("%s %d: %w", g.Case, size, err)
			}
		}
		return g.run(), nil
	},
}

// retries is an engine on which retries pile up.
type retries struct {
	lab    *lab
	engine *engine
	failed int64 // deliveries that wait
	events int64 // posted altogether
}

const failing = "failing." + eventType

// row lets deliveries fail until so many wait, and measures others.
func (r *retries) row(ctx context.Context, g *growth, size int) error {
	if r.failed == 0 {
		for i, eventType := range []string{eventType, failing} {
			if _, err := r.engine.createEndpoint(ctx, "", r.lab.sink.Endpoint(i), eventType); err != nil {
				return err
			}
		}
	}
	refused, err := r.fail(ctx, size-int(r.failed))
	if err != nil {
		return err
	}
	if err := r.lab.sink.Reset(ctx); err != nil {
		return err
	}
	f, err := workload{endpoints: 1, events: r.lab.perRow() / 4}.pour(ctx, r.lab, r.engine)
	if err != nil {
		return err
	}
	r.events += f.posted.Events
	err = g.add(ctx, r.engine, size, f, r.events, Value(refused.rate), Value(refused.engine.each(micros(refused.engine.CPU))))
	if err != nil {
		return err
	}
	return r.engine.expect(ctx, retrying, r.failed)
}

// fail posts events that their endpoint answers with 500.
func (r *retries) fail(ctx context.Context, events int) (f flow, err error) {
	if err := r.lab.sink.Reset(ctx, sink.Group{Name: sink.Rest, Behaviour: sink.Behaviour{Status: 500}}); err != nil {
		return f, err
	}
	before, err := r.lab.meter(ctx, r.engine)
	if err != nil {
		return f, err
	}
	config := workload{batch: min(events, 100), size: 200, events: events}.config(r.lab, r.engine)
	config.EventType = failing
	if f.posted, err = r.lab.load(ctx, config); err != nil {
		return f, err
	}
	r.failed, r.events = r.failed+f.posted.Events, r.events+f.posted.Events
	f.receipts, err = r.lab.await(ctx, sink.Rest, f.posted.Events, func(s sink.Stats) int64 { return s.Refused })
	if err != nil {
		return f, err
	}
	f.rate = float64(f.posted.Events) / time.Since(time.Unix(0, f.posted.Start)).Seconds()
	after, err := r.lab.meter(ctx, r.engine)
	if err != nil {
		return f, err
	}
	f.charge(before, after, f.posted.Events)
	return f, nil
}
