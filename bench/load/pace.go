package load

import (
	"context"
	"sync/atomic"
	"time"
)

// pace hands out posts to connections: in a closed loop at once, in an open
// loop each at its time. Safe for concurrent use.
type pace struct {
	start time.Time
	every time.Duration // between posts; 0 = closed loop
	posts int64         // hand out no more than these; 0 = no bound
	until time.Time     // hand out none that is due later; zero = no bound
	taken atomic.Int64
}

func newPace(config Config, start time.Time) *pace {
	p := &pace{start: start}
	batch := max(config.Batch, 1)
	p.posts = int64((config.Events + batch - 1) / batch)
	if config.Rate > 0 {
		p.every = time.Duration(float64(batch) / config.Rate * float64(time.Second))
	}
	if config.Duration > 0 {
		p.until = start.Add(config.Duration)
	}
	return p
}

// next waits until the next post is due and returns its number, counted from
// 0, and the moment that its latency counts from: when it was due if it is
// late, else now. False means that the run is over.
func (p *pace) next(ctx context.Context) (n int64, from time.Time, ok bool) {
	n = p.taken.Add(1) - 1
	if ctx.Err() != nil || p.posts > 0 && n >= p.posts {
		return n, from, false
	}
	from = time.Now()
	if p.every > 0 {
		due := p.start.Add(time.Duration(n) * p.every)
		if p.past(due) {
			return n, from, false
		}
		if due.After(from) {
			return n, wait(ctx, due), ctx.Err() == nil
		}
		from = due
	}
	return n, from, !p.past(from)
}

func (p *pace) past(t time.Time) bool {
	return !p.until.IsZero() && t.After(p.until)
}

// wait returns at the given time, or earlier when ctx ends, and says what time
// it is then.
func wait(ctx context.Context, until time.Time) time.Time {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return time.Now()
}
