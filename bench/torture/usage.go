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

// release waits until the server has let go of what its work took.
func (l *lab) release(ctx context.Context) error {
	l.API.CloseIdle()
	deadline := time.Now().Add(releaseTimeout)
	for {
		now, err := l.usage(ctx)
		if err != nil {
			return err
		}
		memory, descriptors, goroutines := now.memory-l.base.memory, now.descriptors-l.base.descriptors, now.goroutines-l.base.goroutines
		if memory <= moreMemory && descriptors <= moreDescriptors && goroutines <= moreGoroutines {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("release: after everything has ended, the server holds %.0f MiB, %.0f descriptors and %.0f goroutines more than at the beginning; allowed are %d, %d and %d",
				memory/(1<<20), descriptors, goroutines, moreMemory>>20, moreDescriptors, moreGoroutines)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
