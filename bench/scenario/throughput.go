package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/load"
	"github.com/hookwheel/hookwheel/bench/sink"
)

const (
	arrivalPoll  = 20 * time.Millisecond
	arrivalStall = 10 * time.Second // without a new receipt, and the rest is taken for lost
)

// workload is what the producer does to an engine.
type workload struct {
	endpoints     int // of an organization, that each of its events is owed to; with 0 one exists that is owed none
	types         int // that events are of by turns, an endpoint for each; 0 = only one
	organizations int // that events are for by turns; 0 = only the default one
	batch         int // events per post; 0 = single events
	size          int // bytes of an event's data; 0 = 1 KB
	events        int // that are posted; 0 = as many as can be in Options.Duration
}

// flow is one run of a workload beside its reference.
type flow struct {
	bare     reference
	posted   load.Report
	receipts sink.Stats
	rate     float64 // deliveries per second; events per second when none is owed to an endpoint
	costs    []Cost
	engine   Cost // one of costs
}

// run measures the workload once, after the bare client. It returns a rate
// only for a run in which everything accepted arrived exactly once, until the
// engine has ended.
func (w workload) run(ctx context.Context, l *lab) (flow, error) {
	bare, err := l.bare(ctx)
	if err != nil {
		return flow{}, err
	}
	e, err := l.startEngine(ctx)
	if err != nil {
		return flow{}, err
	}
	defer e.discard()
	if err := w.prepare(ctx, l, e); err != nil {
		return flow{}, err
	}
	f, err := w.pour(ctx, l, e)
	if err != nil {
		return f, err
	}
	f.bare = bare
	if err := e.Terminate(); err != nil {
		return f, err
	}
	return f, w.check(ctx, l, f.posted)
}

// pour runs the workload on an engine that is prepared for it.
func (w workload) pour(ctx context.Context, l *lab, e *engine) (f flow, err error) {
	before, err := l.meter(ctx, e)
	if err != nil {
		return f, err
	}
	if f.posted, err = l.load(ctx, w.config(l, e)); err != nil {
		return f, err
	}
	deliveries := f.posted.Events * int64(w.endpoints)
	end := f.posted.End
	if deliveries > 0 {
		if f.receipts, err = l.awaitReceipts(ctx, sink.Rest, deliveries); err != nil {
			return f, err
		}
		end = f.receipts.Last
	}
	after, err := l.meter(ctx, e)
	if err != nil {
		return f, err
	}
	if w.organizations == 0 {
		err = e.find(ctx, f.posted.Sample) // by the key of the default organization
	}
	if err != nil {
		return f, err
	}
	if err := w.check(ctx, l, f.posted); err != nil {
		return f, err
	}
	count := max(deliveries, f.posted.Events)
	f.rate = float64(count) / time.Duration(end-f.posted.Start).Seconds()
	f.charge(before, after, count)
	return f, nil
}

func (w workload) prepare(ctx context.Context, l *lab, e *engine) error {
	if err := l.sink.Reset(ctx); err != nil {
		return err
	}
	orgs := w.names()
	if w.organizations > 0 {
		err := parallel(ctx, len(orgs), func(ctx context.Context, i int) error { return e.createOrganization(ctx, orgs[i]) })
		if err != nil {
			return err
		}
	}
	if w.endpoints == 0 {
		_, err := e.createEndpoint(ctx, orgs[0], l.sink.Endpoint(0), "no."+eventType)
		return err
	}
	each := w.endpoints * max(w.types, 1)
	return parallel(ctx, len(orgs)*each, func(ctx context.Context, i int) error {
		owed := eventType
		if w.types > 0 {
			owed = fmt.Sprintf("%s.%d", eventType, i%w.types)
		}
		_, err := e.createEndpoint(ctx, orgs[i/each], l.sink.Endpoint(i), owed)
		return err
	})
}

// names returns the ids of the organizations.
func (w workload) names() []string {
	if w.organizations == 0 {
		return []string{""}
	}
	names := make([]string, w.organizations)
	for i := range names {
		names[i] = fmt.Sprintf("org_bench%05d", i)
	}
	return names
}

func (w workload) config(l *lab, e *engine) load.Config {
	c := load.Config{
		URL: e.url + "/v1/events", Key: e.key, EventType: eventType, Types: w.types,
		Connections: connections, Batch: w.batch, Size: w.size, Events: w.events,
	}
	if w.events == 0 {
		c.Duration = l.Duration
	}
	if w.organizations > 0 {
		c.Organizations = w.names()
	}
	return c
}

// check checks that every event that was accepted has an id of its own, and
// that the sink got nothing twice and nothing that it should not have.
func (w workload) check(ctx context.Context, l *lab, posted load.Report) error {
	if posted.IDs != posted.Events {
		return fmt.Errorf("%d events were accepted with %d distinct ids", posted.Events, posted.IDs)
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

// awaitReceipts waits until a group of the sink has got so many distinct
// deliveries.
func (l *lab) awaitReceipts(ctx context.Context, group string, want int64) (sink.Stats, error) {
	return l.await(ctx, group, want, func(s sink.Stats) int64 { return s.Receipts })
}

// await waits until a group of the sink has counted so many of something.
func (l *lab) await(ctx context.Context, group string, want int64, count func(sink.Stats) int64) (sink.Stats, error) {
	poll := time.NewTicker(arrivalPoll)
	defer poll.Stop()
	var seen int64
	progress := time.Now()
	for {
		got, err := l.sink.Stats(ctx, group)
		now := count(got)
		if err != nil || now >= want {
			return got, err
		}
		if now > seen {
			seen, progress = now, time.Now()
		}
		if time.Since(progress) > arrivalStall {
			return got, fmt.Errorf("%d of %d deliveries arrived, and none for %v", now, want, arrivalStall)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return got, context.Cause(ctx)
		}
	}
}

// figure holds the rate against the bare client's.
func (f flow) figure(name, unit string, goal Goal) Figure {
	return Figure{Name: name, Unit: unit, Value: f.rate, Reference: f.bare.rate, Goal: goal}
}
