package torture

import (
	"context"
	"errors"
	"time"
)

// kill ends the server as kill -9 does, at random moments: under load, with
// retries waiting, and while endpoints are being changed.
var kill = scenario{
	name: "kill", about: "kill -9 at random moments, under load, with retries waiting and endpoints being changed",
	longRounds: 10,
	run: func(ctx context.Context, l *lab) error {
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		stop := l.Churn(ctx)
		kills := 3
		if l.Long {
			kills = 20
		}
		return errors.Join(l.killed(ctx, kills), stop())
	},
}

func (l *lab) killed(ctx context.Context, kills int) error {
	for range kills {
		if err := l.Sleep(ctx, 100*time.Millisecond, time.Second); err != nil {
			return err
		}
		if err := l.Server.Crash(); err != nil {
			return err
		}
		l.Tried()
		if err := l.Server.Start(ctx); err != nil {
			return err
		}
	}
	return l.Sleep(ctx, 300*time.Millisecond, 300*time.Millisecond)
}
