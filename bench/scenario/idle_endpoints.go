package scenario

import (
	"context"
	"time"
)

// idleEndpoints makes endpoints that are owed nothing. What each costs is the
// memory after a restart, when nothing of making them is left, less that of an
// engine with none.
var idleEndpoints = scenario{
	name:  "idle-endpoints",
	about: "100,000 endpoints that are owed nothing: memory and time to start",
	once: func(ctx context.Context, l *lab) (run, error) {
		e, err := l.startEngine(ctx)
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		empty, _, err := e.restarted(ctx)
		if err != nil {
			return run{}, err
		}
		n := l.scaled(100_000)
		if err := e.fill(ctx, l, n); err != nil {
			return run{}, err
		}
		full, start, err := e.restarted(ctx)
		if err != nil {
			return run{}, err
		}
		return run{figures: []Figure{
			{
				Name: "memory of an idle endpoint, of 100,000", Unit: "bytes",
				Value: float64(full-empty) / float64(n), Goal: Goal{Must: 3 << 10, Aim: 1.5 * (1 << 10), AtMost: true},
			},
			{
				Name: "start with 100,000 idle endpoints", Unit: "s",
				Value: start.Seconds(), Goal: Goal{Must: 5, Aim: 2, AtMost: true},
			},
		}}, nil
	},
}

// fill makes n endpoints that no event is owed to.
func (e *engine) fill(ctx context.Context, l *lab, n int) error {
	return parallel(ctx, n, func(ctx context.Context, i int) error {
		_, err := e.createEndpoint(ctx, "", l.sink.Endpoint(i), "no."+eventType)
		return err
	})
}

// settleTime is what a process is given after its start to get rid of what
// only the start needed.
const settleTime = time.Second

// restarted kills the engine, starts it again, and returns its memory and how
// long it took to be ready.
func (e *engine) restarted(ctx context.Context) (rss int64, start time.Duration, err error) {
	if start, err = e.crash(ctx); err != nil {
		return 0, 0, err
	}
	select {
	case <-time.After(settleTime):
	case <-ctx.Done():
		return 0, 0, context.Cause(ctx)
	}
	usage, err := e.Usage()
	return usage.RSS, start, err
}
