package torture

import (
	"context"
	"errors"
	"time"
)

// term asks the server to end while it works, again and again. Nothing is sent
// twice then: what was under way is finished and written.
var term = scenario{
	name: "term", about: "SIGTERM under load: nothing is sent twice",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		stop := l.Churn(ctx)
		times := 2
		if l.Long {
			times = 10
		}
		return errors.Join(l.terminated(ctx, times), stop())
	},
}

func (l *lab) terminated(ctx context.Context, times int) error {
	for range times {
		if err := l.Sleep(ctx, 300*time.Millisecond, time.Second); err != nil {
			return err
		}
		if err := l.Server.End(); err != nil {
			return err
		}
		l.Tried()
		if err := l.Server.Start(ctx); err != nil {
			return err
		}
	}
	return l.Sleep(ctx, 300*time.Millisecond, 300*time.Millisecond)
}
