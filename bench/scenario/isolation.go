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

// calmRate is the rate at which latency beside the crowd is measured, per second.
const calmRate = 1000

const healthyGroup = "healthy"

var isolation = scenario{
	name:  "isolation",
	about: "one healthy endpoint among 999 that hang, against alone",
	once: func(ctx context.Context, l *lab) (run, error) {
		h, err := l.startHealthy(ctx, sink.Behaviour{Mode: sink.Hang})
		if err != nil {
			return run{}, err
		}
		defer h.engine.discard()
		alone, err := h.measure(ctx, 0)
		if err != nil {
			return run{}, err
		}
		if err := h.crowd(ctx, l.sink.Endpoint); err != nil {
			return run{}, err
		}
		among, err := h.measure(ctx, 0)
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
	about: "one healthy endpoint before and while 999 bad ones of several kinds stand beside it",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		table := Table{
			Title: "A healthy endpoint, before → while 999 others are owed the same events and", Case: "do this",
			Columns: []string{
				"per second before", "while", "ratio", "p50 ms at 1,000/s before", "while", "p99 ms before", "while", "CPU µs each before", "while", "RSS MB",
			},
		}
		for _, kind := range []struct {
			name      string
			behaviour sink.Behaviour
			absent    bool // there is nobody at their address
		}{
			{"hang", sink.Behaviour{Mode: sink.Hang}, false},
			{"are down", sink.Behaviour{}, true},
			{"close the connection", sink.Behaviour{Mode: sink.Close}, false},
			{"answer 500 after a second", sink.Behaviour{Status: 500, DelayMS: 1000}, false},
			{"answer 429, Retry-After 1", sink.Behaviour{Status: 429, RetryAfter: 1}, false},
			{"send endless bodies", sink.Behaviour{Mode: sink.Endless}, false},
			{"drip a byte at a time", sink.Behaviour{Mode: sink.Drip}, false},
		} {
			url := l.sink.Endpoint
			if kind.absent {
				address, err := freeAddress()
				if err != nil {
					return run{tables: []Table{table}}, err
				}
				url = func(int) string { return "http://" + address }
			}
			row, err := l.beside(ctx, kind.name, kind.behaviour, url)
			if err != nil {
				return run{tables: []Table{table}}, fmt.Errorf("others %s: %w", kind.name, err)
			}
			table.Rows = append(table.Rows, row)
			l.Progress(fmt.Sprintf("others %s: %v", kind.name, row.Values))
		}
		return run{tables: []Table{table}}, nil
	},
}

// beside measures a healthy endpoint before there are others, and beside them:
// as many as can be, and the latency at a fixed rate.
func (l *lab) beside(ctx context.Context, name string, others sink.Behaviour, url func(i int) string) (Row, error) {
	h, err := l.startHealthy(ctx, others)
	if err != nil {
		return Row{}, err
	}
	defer h.engine.discard()
	var most, calm [2]flow
	for i := range most {
		if i == 1 {
			if err := h.crowd(ctx, url); err != nil {
				return Row{}, err
			}
		}
		if calm[i], err = h.measure(ctx, calmRate); err != nil {
			return Row{}, err
		}
		if most[i], err = h.measure(ctx, 0); err != nil {
			return Row{}, err
		}
	}
	usage, err := h.engine.Usage()
	if err != nil {
		return Row{}, err
	}
	values := []Value{Value(most[0].rate), Value(most[1].rate), Value(most[1].rate / most[0].rate)}
	for _, of := range []func(flow) Value{
		func(f flow) Value { return millis(f.receipts.Latency.P50) },
		func(f flow) Value { return millis(f.receipts.Latency.P99) },
	} {
		values = append(values, of(calm[0]), of(calm[1]))
	}
	for _, f := range most {
		values = append(values, Value(f.engine.each(micros(f.engine.CPU))))
	}
	return Row{Case: name, Values: append(values, Value(usage.RSS>>20))}, nil
}

// healthy is an engine with one endpoint that behaves, and others that do not.
type healthy struct {
	lab    *lab
	engine *engine
	groups []sink.Group
}

func (l *lab) startHealthy(ctx context.Context, others sink.Behaviour) (*healthy, error) {
	e, err := l.startEngine(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := e.createEndpoint(ctx, "", l.sink.Endpoint(0), eventType); err != nil {
		e.discard()
		return nil, err
	}
	return &healthy{lab: l, engine: e, groups: []sink.Group{{Name: healthyGroup}, {Name: sink.Rest, Behaviour: others}}}, nil
}

// crowd makes the others, posts some events and gives them time to do their
// worst.
func (h *healthy) crowd(ctx context.Context, url func(i int) string) error {
	err := parallel(ctx, h.lab.scaled(crowd), func(ctx context.Context, i int) error {
		_, err := h.engine.createEndpoint(ctx, "", url(i+1), eventType)
		return err
	})
	if err != nil {
		return err
	}
	if err := h.lab.sink.Reset(ctx, h.groups...); err != nil {
		return err
	}
	config := workload{events: 100}.config(h.lab, h.engine)
	if _, err := h.lab.observe(ctx, h.engine, healthyGroup, config); err != nil {
		return err
	}
	select {
	case <-time.After(crowdTime):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// measure measures what the healthy endpoint gets, posted at a rate or, with 0,
// as fast as events are taken.
func (h *healthy) measure(ctx context.Context, rate float64) (flow, error) {
	if err := h.lab.sink.Reset(ctx, h.groups...); err != nil {
		return flow{}, err
	}
	config := workload{}.config(h.lab, h.engine)
	config.Rate = rate
	return h.lab.observe(ctx, h.engine, healthyGroup, config)
}
