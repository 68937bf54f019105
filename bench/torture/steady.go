package torture

import (
	"context"
	"errors"
	"time"
)

// steady has no fault but those of receivers: no duplicates, and all else that
// must hold, while endpoints are changed all the time.
var steady = scenario{
	name: "steady", about: "no fault, while endpoints are changed and receivers fail: nothing is sent twice",
	run: func(ctx context.Context, l *lab) error {
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		stop := l.Churn(ctx)
		l.Tried()
		duration := 4 * time.Second
		if l.Long {
			duration = time.Minute
		}
		slept := l.Sleep(ctx, duration, duration)
		return errors.Join(slept, stop())
	},
}
