package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/load"
	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/bench/sink"
)

// latency posts at fixed rates whatever the answers do (an open loop), so that
// nothing that is late is left out.
//
// An event cannot arrive earlier than after one fsync and two round trips of
// HTTP; what those take on this machine, at the same rate, is the reference.
var latency = scenario{
	name:  "latency",
	about: "how long a POST and the way from accept to receipt take, at fixed rates",
	runs:  1,
	once: func(ctx context.Context, l *lab) (run, error) {
		const calm, brisk = 100, 1000 // events per second
		fsync, err := measureFsync(l.dir)
		if err != nil {
			return run{}, err
		}
		direct, err := l.pace(ctx, nil, load.Config{URL: l.sink.Endpoint(0), Bare: true, Rate: calm})
		if err != nil {
			return run{}, fmt.Errorf("bare: %w", err)
		}
		floor := fsync + 2*direct.posted.Latency.P50
		highest, err := workload{endpoints: 1}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		e, err := l.startEngine(ctx)
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		if _, err := e.createEndpoint(ctx, "", l.sink.Endpoint(0), eventType); err != nil {
			return run{}, err
		}
		table := Table{Title: "Latency, ms", Case: "what, at what rate", Columns: []string{"p50", "p90", "p99", "p99.9", "max"}}
		var r run
		for _, rate := range []float64{calm, brisk, float64(int(highest.rate / 2))} {
			f, err := l.pace(ctx, e, load.Config{URL: e.url + "/v1/events", Key: e.key, Rate: rate})
			if err != nil {
				return run{}, err
			}
			table.Rows = append(table.Rows,
				latencyRow(fmt.Sprintf("POST, %s/s", number(rate)), f.posted.Latency),
				latencyRow(fmt.Sprintf("accept to receipt, %s/s", number(rate)), f.receipts.Latency))
			if rate == calm {
				got := f.receipts.Latency
				r.figures = []Figure{
					latencyFigure("accept to receipt at 100/s, p50", got.P50, floor, Goal{Must: 4, Aim: 2.5, AtMost: true}),
					latencyFigure("accept to receipt at 100/s, p99", got.P99, floor, Goal{Must: 15, Aim: 8, AtMost: true}),
				}
			}
		}
		table.Rows = append(table.Rows, latencyRow("bare POST, 100/s", direct.posted.Latency))
		r.tables = []Table{table}
		return r, e.terminate()
	},
}

// pace posts at the rate of config for Options.Duration and waits until all has
// arrived; with e nil straight at the sink.
func (l *lab) pace(ctx context.Context, e *engine, config load.Config) (f flow, err error) {
	if err := l.sink.Reset(ctx); err != nil {
		return f, err
	}
	config.EventType, config.Connections, config.Duration = eventType, connections, l.Duration
	if f.posted, err = l.load(ctx, config); err != nil {
		return f, err
	}
	if f.receipts, err = l.awaitReceipts(ctx, sink.Rest, f.posted.Events); err != nil || e == nil {
		return f, err
	}
	return f, workload{endpoints: 1}.check(ctx, l, f.posted)
}

func latencyRow(name string, of measure.Latency) Row {
	ms := func(d time.Duration) Value { return Value(float64(d) / float64(time.Millisecond)) }
	return Row{Case: name, Values: []Value{ms(of.P50), ms(of.P90), ms(of.P99), ms(of.P999), ms(of.Max)}}
}

func latencyFigure(name string, value, floor time.Duration, goal Goal) Figure {
	return Figure{Name: name, Unit: "µs", Value: micros(value), Reference: micros(floor), Against: "fsync + 2 bare", Goal: goal}
}
