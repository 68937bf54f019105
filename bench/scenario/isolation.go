package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/sink"
)

// crowd is how many endpoints misbehave beside the healthy one. Every event is
// owed to all of them.
const crowd = 999

// crowdTime is how long the crowd is given to take as much as it ever will
// before the healthy endpoint is measured.
const crowdTime = 3 * time.Second

var isolation = scenario{
	name:  "isolation",
	about: "one healthy endpoint among 999 that hang, against alone",
	once: func(ctx context.Context, l *lab) (run, error) {
		alone, err := l.healthy(ctx, 0, sink.Behaviour{})
		if err != nil {
			return run{}, err
		}
		among, err := l.healthy(ctx, l.scaled(crowd), sink.Behaviour{Mode: sink.Hang})
		if err != nil {
			return run{}, err
		}
		return run{
			figures: []Figure{{
				Name: "healthy endpoint while 999 others hang", Unit: "deliveries/s",
				Value: among.rate, Reference: alone.rate, Against: "alone", Goal: Goal{Must: 0.90, Aim: 0.97},
			}},
			costs: among.costs,
		}, nil
	},
}

// isolationAll shows what all kinds of bad receivers do to a healthy one.
var isolationAll = scenario{
	name:  "isolation-all",
	about: "one healthy endpoint among 999 bad ones of several kinds",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		table := Table{
			Title: "A healthy endpoint among 999 that", Case: "do this",
			Columns: []string{"deliveries/s", "by alone", "p50 ms", "p99 ms", "engine CPU µs each", "RSS MB"},
		}
		var alone float64
		for _, kind := range []struct {
			name      string
			others    int
			behaviour sink.Behaviour
		}{
			{"(are not there)", 0, sink.Behaviour{}},
			{"hang", crowd, sink.Behaviour{Mode: sink.Hang}},
			{"close the connection", crowd, sink.Behaviour{Mode: sink.Close}},
			{"answer 500 after a second", crowd, sink.Behaviour{Status: 500, DelayMS: 1000}},
			{"answer 429, Retry-After 1", crowd, sink.Behaviour{Status: 429, RetryAfter: 1}},
			{"send endless bodies", crowd, sink.Behaviour{Mode: sink.Endless}},
			{"drip a byte at a time", crowd, sink.Behaviour{Mode: sink.Drip}},
		} {
			others := 0
			if kind.others > 0 {
				others = l.scaled(kind.others)
			}
			f, err := l.healthy(ctx, others, kind.behaviour)
			if err != nil {
				return run{}, fmt.Errorf("others %s: %w", kind.name, err)
			}
			if kind.others == 0 {
				alone = f.rate
			}
			table.Rows = append(table.Rows, Row{Case: kind.name, Values: []Value{
				Value(f.rate), Value(f.rate / alone),
				Value(micros(f.receipts.Latency.P50) / 1000), Value(micros(f.receipts.Latency.P99) / 1000),
				Value(micros(f.engine.CPU) / f.engine.Events), Value(f.engine.PeakRSS / (1 << 20)),
			}})
		}
		return run{tables: []Table{table}}, nil
	},
}

// healthy measures what one endpoint gets beside others.
func (l *lab) healthy(ctx context.Context, others int, behaviour sink.Behaviour) (f flow, err error) {
	const group = "healthy"
	e, err := l.startEngine(ctx)
	if err != nil {
		return f, err
	}
	defer e.discard()
	err = parallel(ctx, others+1, func(ctx context.Context, i int) error {
		_, err := e.createEndpoint(ctx, "", l.sink.Endpoint(i), eventType)
		return err
	})
	if err != nil {
		return f, err
	}
	groups := []sink.Group{{Name: group}, {Name: sink.Rest, Behaviour: behaviour}}
	if err := l.sink.Reset(ctx, groups...); err != nil {
		return f, err
	}
	w := workload{endpoints: 1}
	config := w.config(l, e)
	config.Duration, config.Events = 0, 100
	warming, err := l.load(ctx, config)
	if err != nil {
		return f, err
	}
	if others > 0 {
		select {
		case <-time.After(crowdTime):
		case <-ctx.Done():
			return f, context.Cause(ctx)
		}
	}
	engineBefore, sinkBefore, err := usages(e, l)
	if err != nil {
		return f, err
	}
	if f.posted, err = l.load(ctx, w.config(l, e)); err != nil {
		return f, err
	}
	if f.receipts, err = l.awaitReceipts(ctx, group, warming.Events+f.posted.Events); err != nil {
		return f, err
	}
	if f.receipts.Duplicates != 0 {
		return f, fmt.Errorf("the healthy endpoint got %d events twice", f.receipts.Duplicates)
	}
	engineAfter, sinkAfter, err := usages(e, l)
	if err != nil {
		return f, err
	}
	f.rate = float64(f.posted.Events) / time.Duration(f.receipts.Last-f.posted.Start).Seconds()
	f.engine = newCost("engine", f.posted.Events, engineAfter.Since(engineBefore))
	f.costs = []Cost{f.engine, newCost("producer", f.posted.Events, f.posted.Usage), newCost("sink", f.posted.Events, sinkAfter.Since(sinkBefore))}
	return f, nil
}
