package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/load"
	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/bench/sink"
)

const (
	arrivalPoll  = 20 * time.Millisecond
	arrivalStall = 10 * time.Second // without a new receipt, and the rest is taken for lost
)

// workload is what the producer does to an engine in a throughput scenario.
type workload struct {
	endpoints int // that every event is owed to; with 0 one endpoint exists that is owed none
	batch     int // events per post; 0 = single events
}

// flow is one run of a workload beside its reference.
type flow struct {
	bare   reference
	posted load.Report
	rate   float64 // deliveries per second; events per second when none is owed to an endpoint
	costs  []Cost
	engine Cost // one of costs
}

// run measures the workload once, after the bare client. It returns a rate
// only for a run in which everything accepted arrived exactly once.
func (w workload) run(ctx context.Context, l *lab) (flow, error) {
	var f flow
	var err error
	if f.bare, err = l.bare(ctx); err != nil {
		return f, err
	}
	e, err := l.startEngine(ctx)
	if err != nil {
		return f, err
	}
	defer e.discard()
	if err := w.prepare(ctx, l, e); err != nil {
		return f, err
	}
	engineBefore, sinkBefore, err := usages(e, l)
	if err != nil {
		return f, err
	}
	if f.posted, err = l.load(ctx, w.config(l, e)); err != nil {
		return f, err
	}
	deliveries := f.posted.Events * int64(w.endpoints)
	end := f.posted.End
	if deliveries > 0 {
		if end, err = l.awaitReceipts(ctx, deliveries); err != nil {
			return f, err
		}
	}
	engineAfter, sinkAfter, err := usages(e, l)
	if err != nil {
		return f, err
	}
	if err := w.verify(ctx, l, e, f.posted); err != nil {
		return f, err
	}
	count := max(deliveries, f.posted.Events)
	f.rate = float64(count) / time.Duration(end-f.posted.Start).Seconds()
	f.engine = newCost("engine", count, engineAfter.Since(engineBefore))
	f.costs = []Cost{f.engine, newCost("producer", f.posted.Events, f.posted.Usage)}
	if deliveries > 0 {
		f.costs = append(f.costs, newCost("sink", count, sinkAfter.Since(sinkBefore)))
	}
	return f, nil
}

func (w workload) prepare(ctx context.Context, l *lab, e *engine) error {
	if err := l.sink.Reset(ctx); err != nil {
		return err
	}
	if w.endpoints == 0 {
		return e.createEndpoint(ctx, l.sink.Endpoint(0), "no."+eventType)
	}
	for n := range w.endpoints {
		if err := e.createEndpoint(ctx, l.sink.Endpoint(n), eventType); err != nil {
			return err
		}
	}
	return nil
}

func (w workload) config(l *lab, e *engine) load.Config {
	return load.Config{
		URL: e.url + "/v1/events", Key: e.key, EventType: eventType,
		Connections: connections, Batch: w.batch, Duration: l.Duration,
	}
}

// verify checks that every event that was accepted has an id of its own and
// can be found, that the engine ends cleanly, and that until then the sink got
// nothing twice and nothing that it should not have.
func (w workload) verify(ctx context.Context, l *lab, e *engine, posted load.Report) error {
	if posted.IDs != posted.Events {
		return fmt.Errorf("%d events were accepted with %d distinct ids", posted.Events, posted.IDs)
	}
	if err := e.find(ctx, posted.Sample); err != nil {
		return err
	}
	if err := e.terminate(); err != nil {
		return err
	}
	got, err := l.sink.Stats(ctx, sink.Rest)
	if err != nil {
		return err
	}
	if want := posted.Events * int64(w.endpoints); got.Receipts != want || got.Duplicates != 0 {
		return fmt.Errorf("%d deliveries are owed, but there were %d and %d duplicates", want, got.Receipts, got.Duplicates)
	}
	return nil
}

// awaitReceipts waits until the sink has got so many distinct deliveries and
// returns when the last one came, in Unix nanoseconds.
func (l *lab) awaitReceipts(ctx context.Context, want int64) (last int64, err error) {
	poll := time.NewTicker(arrivalPoll)
	defer poll.Stop()
	var seen int64
	progress := time.Now()
	for {
		got, err := l.sink.Stats(ctx, sink.Rest)
		if err != nil {
			return 0, err
		}
		if got.Receipts >= want {
			return got.Last, nil
		}
		if got.Receipts > seen {
			seen, progress = got.Receipts, time.Now()
		}
		if time.Since(progress) > arrivalStall {
			return 0, fmt.Errorf("%d of %d deliveries arrived, and none for %v", got.Receipts, want, arrivalStall)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func usages(e *engine, l *lab) (engine, sink measure.Usage, err error) {
	engine, engineErr := e.usage()
	sink, sinkErr := l.receiver.usage()
	return engine, sink, errors.Join(engineErr, sinkErr)
}

// figure holds the rate against the bare client's.
func (f flow) figure(name, unit string, goal Goal) Figure {
	return Figure{Name: name, Unit: unit, Value: f.rate, Reference: f.bare.rate, Goal: goal}
}
