package kv

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// How a store fails.
//
// After a failed write or sync nobody knows what is on the disk: the operating
// system may have dropped the dirty pages and will report the next sync as
// successful. So there is one answer, the process ends (Options.Fatal), and the
// next start reads what really is there. This holds for
//
//  1. a failed write or sync of the WAL, see walFS, or manifest, which Pebble
//     reports through Logger.Fatalf;
//  2. failures in the background (flush, compaction) that go on for
//     backgroundFailureLimit without one success, or one full disk, in between,
//     since Pebble repeats them for ever, while commits sooner or later block for
//     ever.
//
// A full disk in the background is no reason to end: Pebble goes on by itself
// once there is space, and a restart would find the same disk. Whoever writes
// has to stop before it comes to that; here it is reported as degraded.
//
// Damage found while reading concerns the one reader, who gets ErrCorrupt.

const (
	backgroundFailureLimit = 30 * time.Second
	faultLogInterval       = 10 * time.Second
)

// faults hears of all that goes wrong in Pebble, and is its logger. Its methods
// are called from any goroutine, some with Pebble's main lock held: they never
// call back into the store.
type faults struct {
	log  *slog.Logger
	exit func(error)
	tell func(error) // Options.Background

	backgroundErrors atomic.Int64
	writeStalls      atomic.Int64
	slowDisk         atomic.Int64
	lowSpace         atomic.Int64
	corruptions      atomic.Int64
	stalled          atomic.Bool

	background struct {
		sync.Mutex
		since  time.Time // first failure after the last success; zero when all is well
		broken time.Time // first of those in a row that are not for lack of space; else zero
		last   error
		logged time.Time
	}
}

func newFaults(o Options) *faults {
	return &faults{log: o.Logger, exit: o.Fatal, tell: o.Background}
}

// stop ends the process. It never returns.
func (f *faults) stop(err error) {
	f.exit(err)
	panic(fmt.Sprintf("BUG: kv: Options.Fatal returned after: %v", err))
}

// stopOnPanic is deferred around writes: Pebble panics when the WAL has failed
// in an earlier write.
func (f *faults) stopOnPanic() {
	if r := recover(); r != nil {
		f.stop(fmt.Errorf("write: %v", r))
	}
}

// degraded says in a few words why the store cannot be relied on, or "".
func (f *faults) degraded() string {
	f.background.Lock()
	defer f.background.Unlock()
	switch {
	case !f.background.since.IsZero():
		return f.background.last.Error()
	case f.stalled.Load():
		return "writes are stalled"
	}
	return ""
}

// remedy is what to do about writes that fail in the background.
func remedy(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "make room on the disk of the store, it goes on by itself then"
	}
	return "look at the disk and at the kernel's log"
}

func (f *faults) backgroundError(err error) {
	told := fmt.Errorf("background writes fail: %w; %s", err, remedy(err))
	f.backgroundErrors.Add(1)
	f.background.Lock()
	now := time.Now()
	if f.background.since.IsZero() {
		f.background.since = now
	}
	f.background.last = told
	f.tell(told)
	if errors.Is(err, syscall.ENOSPC) {
		f.background.broken = time.Time{}
	} else if f.background.broken.IsZero() {
		f.background.broken = now
	}
	failing, broken := now.Sub(f.background.since), f.background.broken
	say := now.Sub(f.background.logged) >= faultLogInterval
	if say {
		f.background.logged = now
	}
	f.background.Unlock()

	if say {
		f.log.Error("background write failed", "error", err, "remedy", remedy(err), "failing_for", failing, "count", f.backgroundErrors.Load())
	}
	if broke := now.Sub(broken); !broken.IsZero() && broke > backgroundFailureLimit {
		f.stop(fmt.Errorf("background writes have failed for %v: %w; %s, then start again", broke.Round(time.Second), err, remedy(err)))
	}
}

func (f *faults) backgroundSuccess() {
	f.background.Lock()
	defer f.background.Unlock()
	if !f.background.since.IsZero() {
		f.log.Info("background writes succeed again", "failed_for", time.Since(f.background.since))
		f.background.since, f.background.broken = time.Time{}, time.Time{}
		f.tell(nil)
	}
}

func (f *faults) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: f.backgroundError,
		FlushEnd: func(i pebble.FlushInfo) {
			if i.Err == nil {
				f.backgroundSuccess()
			}
		},
		CompactionEnd: func(i pebble.CompactionInfo) {
			if i.Err == nil {
				f.backgroundSuccess()
			}
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			f.corruptions.Add(1)
			f.log.Error("damaged data found", "path", i.Path, "error", i.Details)
		},
		DiskSlow: func(i pebble.DiskSlowInfo) {
			f.slowDisk.Add(1)
			f.log.Warn("disk is slow", "path", i.Path, "operation", i.OpType.String(), "duration", i.Duration)
		},
		LowDiskSpace: func(i pebble.LowDiskSpaceInfo) {
			f.lowSpace.Add(1)
			f.log.Warn("disk space is low", "available_bytes", i.AvailBytes, "total_bytes", i.TotalBytes)
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			f.writeStalls.Add(1)
			f.stalled.Store(true)
			f.log.Warn("writes stall", "reason", i.Reason)
		},
		WriteStallEnd: func() {
			f.stalled.Store(false)
			f.log.Info("writes no longer stall")
		},
	}
}

// Infof makes faults Pebble's logger.
func (f *faults) Infof(format string, args ...any) {
	f.log.Debug("pebble", "event", fmt.Sprintf(format, args...))
}

// Errorf makes faults Pebble's logger.
func (f *faults) Errorf(format string, args ...any) {
	f.log.Error("pebble", "error", fmt.Sprintf(format, args...))
}

// Fatalf makes faults Pebble's logger. It never returns: Pebble would report
// the failed write as a success.
func (f *faults) Fatalf(format string, args ...any) {
	f.stop(fmt.Errorf(format, args...))
}
