package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A day of the retention scenario is Options.Duration of load, and retention is
// four of those, or as many as the least retention that there is has.
const (
	daysKept       = 4
	daysPassing    = 12
	leastRetention = 10 * time.Second
)

// growRetention lets days pass under load, time compressed: from the fifth on
// as much goes as comes in. Then the load ends, and everything goes.
var growRetention = scenario{
	name:  "grow-retention",
	about: "days pass under load, with a retention of four: time compressed",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		keep := max(daysKept*l.Duration, leastRetention)
		g := &growth{lab: l, Table: Table{
			Title: fmt.Sprintf("Deliveries while days pass that take %v, with a retention of %.3g days", l.Duration, keep.Seconds()/l.Duration.Seconds()),
			Case:  "day", Columns: []string{"per second", "CPU µs each", "allocs each", "written B each", "RSS MB", "stored MB", "start s"},
		}}
		e, err := l.startEngine(ctx, "--retry-schedule", "1s", "--retention", keep.String())
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		w := workload{endpoints: 1}
		if err := w.prepare(ctx, l, e); err != nil {
			return run{}, err
		}
		for day := 1; day <= daysPassing; day++ {
			if err := g.day(ctx, e, w, day); err != nil {
				return g.run(), fmt.Errorf("day %d: %w", day, err)
			}
		}
		if err := e.expect(ctx, expired, 0); err != nil {
			return g.run(), err
		}
		err = g.after(ctx, e, keep)
		return g.run(), err
	},
}

// day adds the row of a day of load. The last day ends with a crash.
func (g *growth) day(ctx context.Context, e *engine, w workload, day int) error {
	if err := g.lab.sink.Reset(ctx); err != nil {
		return err
	}
	f, err := w.pour(ctx, g.lab, e)
	if err != nil {
		return err
	}
	c := f.engine
	return g.held(ctx, e, fmt.Sprint(day), day == daysPassing, Value(f.rate),
		Value(c.each(micros(c.CPU))), Value(c.each(c.Allocations)), Value(c.each(c.Written)))
}

// held adds a row that ends with what the engine takes and, after a kill, how
// long it takes to start.
func (g *growth) held(ctx context.Context, e *engine, name string, crash bool, values ...Value) error {
	usage, err := e.Usage()
	if err != nil {
		return err
	}
	stored, err := e.stored()
	if err != nil {
		return err
	}
	started := missing
	if crash {
		start, err := e.crash(ctx)
		if err != nil {
			return err
		}
		started = Value(start.Seconds())
	}
	g.show(name, append(values, Value(usage.RSS>>20), Value(stored>>20), started)...)
	return nil
}

// after waits until retention has taken everything and adds what is left.
func (g *growth) after(ctx context.Context, e *engine, keep time.Duration) error {
	// A restart gives a clock that is wrong as long as that, and so does the
	// youngest event take; the rest is the janitor's round.
	ctx, cancel := context.WithTimeoutCause(ctx, 2*keep+time.Minute, errors.New("retention has not taken everything"))
	defer cancel()
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		got, err := e.gauges(ctx)
		if err != nil {
			return err
		}
		if got[oldest] == 0 {
			break
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if _, err := e.quiet(ctx); err != nil {
		return err
	}
	return g.held(ctx, e, "all expired", true, missing, missing, missing, missing)
}
