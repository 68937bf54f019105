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
	once: func(ctx context.Context, l *lab) (run, error) {
		const calm, brisk = 100, 1000 // events per second
		fsync, err := measureFsync(l.dir)
		if err != nil {
			return run{}, err
		}
		if err := l.sink.Reset(ctx); err != nil {
			return run{}, err
		}
		direct, err := l.observe(ctx, nil, sink.Rest, l.paced(load.Config{URL: l.sink.Endpoint(0), Bare: true, Rate: calm}))
		if err != nil {
			return run{}, fmt.Errorf("bare: %w", err)
		}
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
		table := Table{Title: "Latency in ms, posted at fixed rates", Case: "what", Columns: latencyColumns}
		var r run
		for _, at := range []struct {
			name string
			rate float64
		}{{"100/s", calm}, {"1,000/s", brisk}, {"half the highest rate", float64(int(highest.rate / 2))}} {
			if err := l.sink.Reset(ctx); err != nil {
				return run{}, err
			}
			f, err := l.observe(ctx, e, sink.Rest, l.paced(load.Config{URL: e.url + "/v1/events", Key: e.key, Rate: at.rate}))
			if err != nil {
				return run{}, err
			}
			table.Rows = append(table.Rows,
				latencyRow("POST at "+at.name, f.rate, f.posted.Latency),
				latencyRow("accept to receipt at "+at.name, f.rate, f.receipts.Latency))
			if at.rate == calm {
				r.figures = latencyFigures(f.receipts.Latency, fsync+2*direct.posted.Latency.P50)
			}
			r.costs = f.costs // of the highest of these rates
		}
		table.Rows = append(table.Rows, latencyRow("bare POST at 100/s", direct.rate, direct.posted.Latency))
		r.tables = []Table{table}
		return r, e.Terminate()
	},
}

// paced completes the configuration of a producer that keeps a rate.
func (l *lab) paced(c load.Config) load.Config {
	c.EventType, c.Connections, c.Duration = eventType, connections, l.Duration
	return c
}

// observe posts and waits until a group of the sink, from which nothing else is
// expected, has got everything exactly once; with e nil the posts are deliveries.
func (l *lab) observe(ctx context.Context, e *engine, group string, config load.Config) (f flow, err error) {
	var before, after meter
	if e != nil {
		if before, err = l.meter(ctx, e); err != nil {
			return f, err
		}
	}
	if f.posted, err = l.load(ctx, config); err != nil {
		return f, err
	}
	if f.receipts, err = l.awaitReceipts(ctx, group, f.posted.Events); err != nil {
		return f, err
	}
	if f.receipts.Receipts != f.posted.Events || f.receipts.Duplicates != 0 {
		return f, fmt.Errorf("%d deliveries are owed, but there were %d and %d duplicates", f.posted.Events, f.receipts.Receipts, f.receipts.Duplicates)
	}
	f.rate = float64(f.posted.Events) / time.Duration(f.receipts.Last-f.posted.Start).Seconds()
	if e == nil {
		return f, nil
	}
	if f.posted.IDs != f.posted.Events {
		return f, fmt.Errorf("%d events were accepted with %d distinct ids", f.posted.Events, f.posted.IDs)
	}
	if after, err = l.meter(ctx, e); err != nil {
		return f, err
	}
	f.charge(before, after, f.posted.Events)
	return f, nil
}

// latencyColumns are the columns of a table whose rows are latencyRows.
var latencyColumns = []string{"per second", "p50", "p90", "p99", "p99.9", "max"}

func latencyRow(name string, rate float64, of measure.Latency) Row {
	return Row{Case: name, Values: []Value{Value(rate), millis(of.P50), millis(of.P90), millis(of.P99), millis(of.P999), millis(of.Max)}}
}

func millis(d time.Duration) Value { return Value(micros(d) / 1000) }

// latencyFigures holds the way from accept to receipt against the shortest that
// there could be.
func latencyFigures(got measure.Latency, shortest time.Duration) []Figure {
	figure := func(name string, value time.Duration, goal Goal) Figure {
		return Figure{Name: name, Unit: "µs", Value: micros(value), Reference: micros(shortest), Against: "fsync + 2 bare", Goal: goal}
	}
	return []Figure{
		figure("accept to receipt at 100/s, p50", got.P50, Goal{Must: 4, Aim: 2.5, AtMost: true}),
		figure("accept to receipt at 100/s, p99", got.P99, Goal{Must: 15, Aim: 8, AtMost: true}),
	}
}
