package scenario

import (
	"context"
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
)

// diskBytes counts what reaches the disk for an event of 1 KB and its one
// delivery, log, ledger and compactions together. Short runs flatter: what is
// compacted late is not in them.
var diskBytes = scenario{
	name:  "disk-bytes",
	about: "bytes written for an event of 1 KB delivered once, after 3 million over 16 organizations",
	runs:  1,
	once: func(ctx context.Context, l *lab) (run, error) {
		e, err := l.startEngine(ctx)
		if err != nil {
			return run{}, err
		}
		defer e.discard()
		w := workload{endpoints: 1, organizations: 16, batch: 100, events: l.scaled(3_000_000)}
		if err := w.prepare(ctx, l, e); err != nil {
			return run{}, err
		}
		f, err := w.pour(ctx, l, e)
		if err != nil {
			return run{}, err
		}
		usage, err := e.quiet(ctx)
		if err != nil {
			return run{}, err
		}
		stored, err := e.stored()
		if err != nil {
			return run{}, err
		}
		each := func(bytes int64) float64 { return float64(bytes) / float64(f.posted.Events) }
		return run{
			figures: []Figure{
				{
					Name: "written to disk for an event of 1 KB, delivered once", Unit: "bytes",
					Value: each(usage.Written), Goal: Goal{Must: 4096, Aim: 3072, AtMost: true},
				},
				{Name: "stored for an event of 1 KB, delivered once", Unit: "bytes", Value: each(stored)},
			},
			costs: f.costs,
		}, nil
	},
}

// quiet waits until the engine has written nothing for a while: compactions are
// done. It gives up waiting after a minute.
func (e *engine) quiet(ctx context.Context) (measure.Usage, error) {
	const still, most = 2 * time.Second, time.Minute
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	began := time.Now()
	for last, since := int64(-1), began; ; {
		usage, err := e.Usage()
		if err != nil {
			return usage, err
		}
		now := time.Now()
		if usage.Written != last {
			last, since = usage.Written, now
		}
		if now.Sub(since) >= still || now.Sub(began) >= most {
			return usage, nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return usage, context.Cause(ctx)
		}
	}
}
