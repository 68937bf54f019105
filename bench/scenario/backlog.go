package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/sink"
)

// backlog lets events pile up for an endpoint that is paused.
var backlog = scenario{
	name:  "backlog",
	about: "10 million events that wait for a paused endpoint: memory, time to start, and what it does to accepting more",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		e, err := l.startEngine(ctx)
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		if _, err := l.paused(ctx, e); err != nil {
			return run{}, err
		}
		first, err := l.pile(ctx, e, 0)
		if err != nil {
			return run{}, err
		}
		if _, err := l.pile(ctx, e, l.scaled(10_000_000)); err != nil {
			return run{}, err
		}
		last, err := l.pile(ctx, e, 0)
		if err != nil {
			return run{}, err
		}
		rss, start, err := e.restarted(ctx)
		if err != nil {
			return run{}, err
		}
		return run{figures: []Figure{
			{
				Name: "memory with a backlog of 10 million events", Unit: "MB",
				Value: float64(rss) / (1 << 20), Goal: Goal{Must: 512, Aim: 256, AtMost: true},
			},
			{
				Name: "start with a backlog of 10 million events", Unit: "s",
				Value: start.Seconds(), Goal: Goal{Must: 5, Aim: 1, AtMost: true},
			},
			{
				Name: "accepting more on top of 10 million", Unit: "events/s",
				Value: last.rate, Reference: first.rate, Against: "empty", Goal: Goal{Must: 0.80, Aim: 0.95},
			},
		}}, nil
	},
}

var growBacklog = scenario{
	name:  "grow-backlog",
	about: "events that wait for a paused endpoint",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		return grow(ctx, l, "Events that wait for a paused endpoint", "backlog", l.sizes(10_000, 100_000, 1_000_000),
			func(ctx context.Context, n int) (*engine, flow, error) {
				e, err := l.startEngine(ctx)
				if err != nil {
					return nil, flow{}, err
				}
				if _, err := l.paused(ctx, e); err != nil {
					return e, flow{}, err
				}
				f, err := l.pile(ctx, e, n)
				return e, f, err
			})
	},
}

// paused makes an endpoint that is owed all events and paused.
func (l *lab) paused(ctx context.Context, e *engine) (id string, err error) {
	if id, err = e.createEndpoint(ctx, "", l.sink.Endpoint(0), eventType); err != nil {
		return "", err
	}
	return id, e.control(ctx, id, "pause")
}

// pile posts so many events in batches, or with 0 for Options.Duration, of
// which the sink gets none.
func (l *lab) pile(ctx context.Context, e *engine, events int) (flow, error) {
	if err := l.sink.Reset(ctx); err != nil {
		return flow{}, err
	}
	return workload{batch: 100, events: events}.pour(ctx, l, e)
}

// catchUp lets an endpoint that is a million events behind come back, first
// beside another that is delivered to at a fixed rate, then alone.
var catchUp = scenario{
	name:  "catch-up",
	about: "an endpoint that is a million events behind comes back while another is live",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		direct, err := workload{endpoints: 1, batch: 100}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		e, err := l.startEngine(ctx)
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		behind, err := l.paused(ctx, e)
		if err != nil {
			return run{}, err
		}
		piled, err := l.pile(ctx, e, l.scaled(1_000_000))
		if err != nil {
			return run{}, err
		}
		const live = "live"
		if _, err := e.createEndpoint(ctx, "", l.sink.Endpoint(1), live); err != nil {
			return run{}, err
		}
		table := Table{Title: "A live endpoint at 2,000/s, while another", Case: "does this", Columns: []string{"p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"}}
		config := workload{}.config(l, e)
		config.EventType, config.Rate = live, 2000
		watch := func(name string) error {
			if err := l.sink.Reset(ctx, sink.Group{Name: live, First: 1, Last: 1}); err != nil {
				return err
			}
			if name != "waits" {
				if err := e.control(ctx, behind, "resume"); err != nil {
					return err
				}
			}
			posted, err := l.load(ctx, config)
			if err != nil {
				return err
			}
			got, err := l.awaitReceipts(ctx, live, posted.Events)
			table.Rows = append(table.Rows, latencyRow(name, got.Latency))
			return err
		}
		if err := watch("waits"); err != nil {
			return run{}, err
		}
		if err := watch("catches up"); err != nil {
			return run{}, err
		}
		beside, err := l.sink.Stats(ctx, sink.Rest)
		if err != nil {
			return run{}, err
		}
		all, err := l.awaitReceipts(ctx, sink.Rest, piled.posted.Events)
		if err != nil {
			return run{}, err
		}
		if all.Duplicates != 0 {
			return run{}, fmt.Errorf("%d events came twice", all.Duplicates)
		}
		if all.Receipts == beside.Receipts {
			return run{}, errors.New("it has caught up beside the live traffic, and nothing is left to measure alone: post for a shorter time")
		}
		rate := func(from, to sink.Stats, since int64) float64 {
			return float64(to.Receipts-from.Receipts) / time.Duration(to.Last-since).Seconds()
		}
		return run{
			figures: []Figure{
				{
					Name: "catch-up from disk", Unit: "deliveries/s", Value: rate(beside, all, beside.Last),
					Reference: direct.rate, Against: "live, 100 per POST", Goal: Goal{Must: 0.9, Aim: 1},
				},
				{Name: "catch-up beside 2,000 live deliveries/s", Unit: "deliveries/s", Value: rate(sink.Stats{}, beside, beside.First)},
			},
			tables: []Table{table},
		}, nil
	},
}
