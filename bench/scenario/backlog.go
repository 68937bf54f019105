package scenario

import (
	"context"
	"fmt"
)

// backlog lets events pile up for an endpoint that is paused, more and more on
// one engine.
var backlog = scenario{
	name:  "backlog",
	about: "10 million events that wait for a paused endpoint: memory, time to start, and what it does to accepting more",
	runs:  1,
	long:  true,
	once: func(ctx context.Context, l *lab) (run, error) {
		g := newGrowth(l, "Accepting events, 100 per POST, for a paused endpoint until so many wait", "backlog")
		empty, err := l.acceptEmpty(ctx)
		if err != nil {
			return run{}, err
		}
		e, err := l.startEngine(ctx)
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		if _, err := l.paused(ctx, e); err != nil {
			return run{}, err
		}
		var waits int64
		for _, size := range l.sizes(10_000, 100_000, 1_000_000, 10_000_000) {
			f, err := l.pile(ctx, e, size-int(waits))
			if err != nil {
				return g.run(), fmt.Errorf("%s %d: %w", g.Case, size, err)
			}
			waits += f.posted.Events
			if err := g.add(ctx, e, size, f, waits); err != nil {
				return g.run(), fmt.Errorf("%s %d: %w", g.Case, size, err)
			}
			if err := e.expect(ctx, waiting, waits); err != nil {
				return g.run(), fmt.Errorf("%s %d: %w", g.Case, size, err)
			}
		}
		found := g.run()
		found.figures, err = l.backlogFigures(ctx, e, empty)
		return found, err
	},
}

// acceptEmpty measures accepting on an engine on which nothing waits yet.
func (l *lab) acceptEmpty(ctx context.Context) (flow, error) {
	e, err := l.startEngine(ctx)
	if err != nil {
		return flow{}, err
	}
	defer e.discard()
	if _, err := l.paused(ctx, e); err != nil {
		return flow{}, err
	}
	return l.pile(ctx, e, 0)
}

// backlogFigures measures an engine with the whole backlog, against one that
// was empty.
func (l *lab) backlogFigures(ctx context.Context, e *engine, empty flow) ([]Figure, error) {
	onTop, err := l.pile(ctx, e, 0)
	if err != nil {
		return nil, err
	}
	rss, start, err := e.restarted(ctx)
	if err != nil {
		return nil, err
	}
	return []Figure{
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
			Value: onTop.rate, Reference: empty.rate, Against: "empty", Goal: Goal{Must: 0.80, Aim: 0.95},
		},
	}, nil
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
