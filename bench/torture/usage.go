package torture

import (
	"context"
	"fmt"
	"time"
)

// usage is what a server holds, by its own metrics.
type usage struct {
	memory, descriptors, goroutines float64
}

func (l *lab) usage(ctx context.Context) (usage, error) {
	m, err := l.API.Metrics(ctx)
	return usage{
		memory: m["process_resident_memory_anon_bytes"], descriptors: m["process_open_fds"],
		goroutines: m["go_goroutines"],
	}, err
}

// How much more than before the first event a server may hold after the last
// one: tables that the store keeps open, caches that have filled, memory that
// the collector has not given back.
const (
	moreMemory      = 384 << 20 // memtables, caches and the heap that follows them
	moreDescriptors = 64
	moreGoroutines  = 64
	releaseTimeout  = 30 * time.Second
)

// release waits until the server has let go of what its work took, and returns
// what it has not let go of after all.
func (l *lab) release(ctx context.Context) (retained []string, err error) {
	l.API.CloseIdle()
	deadline := time.Now().Add(releaseTimeout)
	for {
		now, err := l.usage(ctx)
		if err != nil {
			return nil, err
		}
		if retained = now.beyond(l.base); len(retained) == 0 || time.Now().After(deadline) {
			return retained, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// beyond is what is held in excess.
func (u usage) beyond(base usage) (retained []string) {
	for _, held := range []struct {
		what            string
		now, then, more float64
	}{
		{"bytes of memory", u.memory, base.memory, moreMemory},
		{"file descriptors", u.descriptors, base.descriptors, moreDescriptors},
		{"goroutines", u.goroutines, base.goroutines, moreGoroutines},
	} {
		if held.now > held.then+held.more {
			retained = append(retained, fmt.Sprintf("the server holds %.0f %s; it began with %.0f, and %.0f more are allowed", held.now, held.what, held.then, held.more))
		}
	}
	return retained
}
