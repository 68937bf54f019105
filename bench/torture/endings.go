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
		return l.endedUnderLoad(ctx, 3, 20, 100*time.Millisecond, (*server).Crash)
	},
}

// term asks the server to end while it works, again and again. Nothing is sent
// twice then: what was under way is finished and written.
var term = scenario{
	name: "term", about: "SIGTERM under load: nothing is sent twice",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		return l.endedUnderLoad(ctx, 2, 10, 300*time.Millisecond, (*server).End)
	},
}

// endedUnderLoad ends the server again and again, each time after it has worked
// for so long at least, and starts it anew.
func (l *lab) endedUnderLoad(ctx context.Context, times, longTimes int, least time.Duration, end func(*server) error) error {
	if err := l.Populate(ctx); err != nil {
		return err
	}
	if err := l.Produce(ctx, postRate); err != nil {
		return err
	}
	stop := l.Churn(ctx)
	if l.Long {
		times = longTimes
	}
	return errors.Join(l.endedAgain(ctx, times, least, end), stop())
}

func (l *lab) endedAgain(ctx context.Context, times int, least time.Duration, end func(*server) error) error {
	for range times {
		if err := l.Sleep(ctx, least, time.Second); err != nil {
			return err
		}
		if err := end(l.Server); err != nil {
			return err
		}
		l.Tried()
		if err := l.Server.Start(ctx); err != nil {
			return err
		}
	}
	return l.Sleep(ctx, 300*time.Millisecond, 300*time.Millisecond)
}
