package scenario

import "context"

var fanOut = scenario{
	name:  "fan-out",
	about: "one event per POST, synced, delivered to 10 endpoints, recorded",
	once: func(ctx context.Context, l *lab) (run, error) {
		f, err := workload{endpoints: 10}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		return run{
			figures: []Figure{f.figure("fan-out 1 → 10", "deliveries/s", Goal{Must: 0.60, Aim: 0.70})},
			costs:   f.costs,
		}, nil
	},
}
