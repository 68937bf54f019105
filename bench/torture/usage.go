package torture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// usage is what a server holds, by its own metrics, and by the disk's what its
// data take there.
type usage struct {
	memory, descriptors, goroutines, disk float64
}

func (l *lab) usage(ctx context.Context) (usage, error) {
	m, err := l.API.Metrics(ctx)
	if err != nil {
		return usage{}, err
	}
	disk, err := diskUsed(l.Server.Data)
	return usage{
		memory: m["process_resident_memory_anon_bytes"], descriptors: m["process_open_fds"],
		goroutines: m["go_goroutines"], disk: disk,
	}, err
}

// diskUsed is what files below a directory take. Some may go meanwhile.
func diskUsed(dir string) (bytes float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += float64(stat.Blocks * 512)
		}
		return nil
	})
	return bytes, err
}

// How much more than before the first event a server may hold after the last
// one: tables that the store keeps open, caches that have filled, memory that
// the collector has not given back. After 150,000 deliveries it held 159 MiB
// more, of 192 MiB that its cache and a memtable may have, and at most 33 descriptors.
const (
	moreMemory      = 256 << 20
	moreDescriptors = 64
	moreGoroutines  = 48
	moreDisk        = 16 << 20 // once retention has passed: write-ahead logs of 4 MiB, and what is told of outcomes

	// An idle process collects every two minutes, and lets go of what it pools at
	// the second time: ten thousand connections leave 600 MiB behind until then.
	releaseTimeout = 6 * time.Minute
)

// release waits until the server has let go of what its work took, and returns
// what it has not let go of after all.
func (l *lab) release(ctx context.Context) (retained []string, err error) {
	l.API.CloseIdle()
	return l.settle(ctx, usage.beyond)
}

// expire starts the server with the least retention, waits until that has taken
// everything, and returns what it has not.
func (l *lab) expire(ctx context.Context) (retained []string, err error) {
	held, err := l.usage(ctx)
	if err != nil {
		return nil, err
	}
	if held.disk < l.base.disk+2*moreDisk {
		return nil, fmt.Errorf("no more than %.0f bytes were written, so nothing is proved", held.disk-l.base.disk)
	}
	l.Server.Flags = append(l.Server.Flags, "--retention", leastRetention.String())
	if err := errors.Join(l.Server.End(), l.Server.Start(ctx)); err != nil {
		return nil, err
	}
	return l.settle(ctx, usage.onDisk)
}

// leastRetention is the least that a server accepts.
const leastRetention = 10 * time.Second

// settle waits until nothing is beyond what may be held, but not for ever.
func (l *lab) settle(ctx context.Context, beyond func(now, base usage) []string) (retained []string, err error) {
	deadline := time.Now().Add(releaseTimeout)
	for {
		now, err := l.usage(ctx)
		if err != nil {
			return nil, err
		}
		if retained = beyond(now, l.base); len(retained) == 0 || time.Now().After(deadline) {
			l.Progress(fmt.Sprintf("  it holds %v, and began with %v", now, l.base))
			return retained, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MiB of memory, %.0f descriptors, %.0f goroutines, %.1f MiB of disk", u.memory/(1<<20), u.descriptors, u.goroutines, u.disk/(1<<20))
}

// beyond is what is held in excess by a process.
func (u usage) beyond(base usage) []string {
	return append(append(
		excess("bytes of memory", u.memory, base.memory, moreMemory),
		excess("file descriptors", u.descriptors, base.descriptors, moreDescriptors)...),
		excess("goroutines", u.goroutines, base.goroutines, moreGoroutines)...)
}

// onDisk is what is held in excess by its data.
func (u usage) onDisk(base usage) []string {
	return excess("bytes of disk", u.disk, base.disk, moreDisk)
}

func excess(what string, now, base, more float64) []string {
	if now <= base+more {
		return nil
	}
	return []string{fmt.Sprintf("the server holds %.0f %s; it began with %.0f, and %.0f more are allowed", now, what, base, more)}
}
