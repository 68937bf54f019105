package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/sink"
)

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
		// More than it gets done beside the live traffic, however small the scale.
		atLeast := int(2.5 * direct.rate * l.Duration.Seconds())
		piled, err := l.pile(ctx, e, max(l.scaled(1_000_000), atLeast))
		if err != nil {
			return run{}, err
		}
		if _, err := e.createEndpoint(ctx, "", l.sink.Endpoint(1), live); err != nil {
			return run{}, err
		}
		before, err := l.watch(ctx, e)
		if err != nil {
			return run{}, err
		}
		during, err := l.watch(ctx, e, behind)
		if err != nil {
			return run{}, err
		}
		beside, err := l.sink.Stats(ctx, sink.Rest)
		if err != nil {
			return run{}, err
		}
		alone, err := l.awaitReceipts(ctx, sink.Rest, piled.posted.Events)
		if err != nil {
			return run{}, err
		}
		if alone.Receipts != piled.posted.Events || alone.Duplicates != 0 {
			return run{}, fmt.Errorf("%d events waited, but there were %d deliveries and %d duplicates", piled.posted.Events, alone.Receipts, alone.Duplicates)
		}
		if alone.Receipts == beside.Receipts {
			return run{}, errors.New("it has caught up beside the live traffic, and nothing is left to measure alone: post for a shorter time")
		}
		return run{
			figures: catchUpFigures(direct, beside, alone, before, during),
			costs:   during.costs,
			tables: []Table{{
				Title: "2,000 live events/s while another endpoint waits, then catches up; ms", Case: "what", Columns: latencyColumns,
				Rows: []Row{
					latencyRow("POST, the other waits", before.rate, before.posted.Latency),
					latencyRow("POST, it catches up", during.rate, during.posted.Latency),
					latencyRow("accept to receipt, the other waits", before.rate, before.receipts.Latency),
					latencyRow("accept to receipt, it catches up", during.rate, during.receipts.Latency),
				},
			}},
		}, nil
	},
}

const (
	live     = "live." + eventType
	liveRate = 2000 // per second
)

// watch posts to the live endpoint at its rate and measures what arrives, from
// the moment at which others are resumed. What they get is counted from zero.
func (l *lab) watch(ctx context.Context, e *engine, resume ...string) (f flow, err error) {
	if err := l.sink.Reset(ctx, sink.Group{Name: live, First: 1, Last: 1}); err != nil {
		return f, err
	}
	for _, id := range resume {
		if err := e.control(ctx, id, "resume"); err != nil {
			return f, err
		}
	}
	config := workload{}.config(l, e)
	config.EventType, config.Rate = live, liveRate
	return l.observe(ctx, e, live, config)
}

func catchUpFigures(direct flow, beside, alone sink.Stats, before, during flow) []Figure {
	rate := func(receipts, from, to int64) float64 {
		return float64(receipts) / time.Duration(to-from).Seconds()
	}
	slower := func(quantile string, of func(flow) time.Duration) Figure {
		return Figure{
			Name: "live event to receipt while another catches up, " + quantile, Unit: "µs",
			Value: micros(of(during)), Reference: micros(of(before)), Against: "while it waits",
		}
	}
	return []Figure{
		{
			Name: "catch-up from disk", Unit: "deliveries/s", Value: rate(alone.Receipts-beside.Receipts, beside.Last, alone.Last),
			Reference: direct.rate, Against: "live, 100 per POST", Goal: Goal{Must: 0.9, Aim: 1},
		},
		{
			Name: "catch-up beside 2,000 live events/s", Unit: "deliveries/s", Value: rate(beside.Receipts, beside.First, beside.Last),
		},
		{
			Name: "live deliveries while another catches up", Unit: "deliveries/s",
			Value: during.rate, Reference: before.rate, Against: "while it waits",
		},
		slower("p50", func(f flow) time.Duration { return f.receipts.Latency.P50 }),
		slower("p99", func(f flow) time.Duration { return f.receipts.Latency.P99 }),
	}
}
