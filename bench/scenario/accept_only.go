package scenario

import "context"

var acceptSingle = scenario{
	name:  "accept-only",
	about: "one event per POST, synced, owed to no endpoint",
	once: func(ctx context.Context, l *lab) (run, error) {
		f, err := workload{}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		return run{
			figures: []Figure{f.figure("accept only, one event per POST", "events/s", Goal{Must: 0.55, Aim: 0.65})},
			costs:   f.costs,
		}, nil
	},
}

var acceptBatch = scenario{
	name:  "accept-only-batch",
	about: "100 events per POST, synced, owed to no endpoint",
	once: func(ctx context.Context, l *lab) (run, error) {
		f, err := workload{batch: 100}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		return run{
			figures: []Figure{f.figure("accept only, 100 events per POST", "events/s", Goal{Must: 2.2, Aim: 3})},
			costs:   f.costs,
		}, nil
	},
}
