package scenario

import (
	"context"
	"time"
)

// An event goes over HTTP twice, so half the bare rate would be an engine that
// costs nothing.
var endToEndSingle = scenario{
	name:  "end-to-end",
	about: "one event per POST, synced, delivered to one endpoint, recorded",
	once: func(ctx context.Context, l *lab) (run, error) {
		f, err := workload{endpoints: 1}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		cpu := time.Duration(float64(f.engine.CPU) / f.engine.Events)
		return run{
			figures: []Figure{
				f.figure("end to end, one event per POST", "deliveries/s", Goal{Must: 0.30, Aim: 0.36}),
				{
					Name: "engine CPU per delivery, one event per POST", Unit: "µs",
					Value: micros(cpu), Reference: micros(f.bare.cpu),
					Goal: Goal{Must: 5, Aim: 3.6, AtMost: true},
				},
			},
			costs: f.costs,
		}, nil
	},
}

var endToEndBatch = scenario{
	name:  "end-to-end-batch",
	about: "100 events per POST, synced, delivered to one endpoint, recorded",
	once: func(ctx context.Context, l *lab) (run, error) {
		f, err := workload{endpoints: 1, batch: 100}.run(ctx, l)
		if err != nil {
			return run{}, err
		}
		return run{
			figures: []Figure{f.figure("end to end, 100 events per POST", "deliveries/s", Goal{Must: 0.50, Aim: 0.60})},
			costs:   f.costs,
		}, nil
	},
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
