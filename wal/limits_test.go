package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

func outcome(data string) Rec { return Rec{Kind: Outcome, Data: []byte(data)} }

var quiet = slog.New(slog.DiscardHandler)

// blockSyncs makes every sync of a WAL wait until the function it returns is
// called.
func blockSyncs(fs *kv.CrashFS) (release func()) {
	gate := make(chan struct{})
	fs.Inject(func(op kv.Op) error {
		if op.Sync && path.Ext(op.Path) == ".log" {
			<-gate
		}
		return nil
	})
	return sync.OnceFunc(func() { fs.Inject(nil); close(gate) })
}

// A disk that hangs costs a writer no more than the timeout, and the log says
// so; when it works again, what was under way becomes durable.
func TestAppendTimeout(t *testing.T) { // G10
	synctest.Test(t, func(t *testing.T) {
		fs := kv.NewCrashFS()
		s := open(t, Options{FS: fs.FS, AppendTimeout: 5 * time.Second})
		submit(t, s, 0, event("before"))
		release := blockSyncs(fs)
		defer release()

		start := time.Now()
		first := make(chan error, 1)
		s.Submit(0, []Rec{event("in flight")}, func(err error) { first <- err })
		time.Sleep(time.Second)
		second := make(chan error, 1)
		s.Submit(0, []Rec{event("queued")}, func(err error) { second <- err })
		if err := <-first; !errors.Is(err, ErrTimeout) || time.Since(start) != 5*time.Second {
			t.Errorf("in flight: got error %v after %v, want ErrTimeout after 5s", err, time.Since(start))
		}
		if err := <-second; !errors.Is(err, ErrTimeout) || time.Since(start) != 6*time.Second {
			t.Errorf("queued: got error %v after %v, want ErrTimeout after 6s", err, time.Since(start))
		}
		if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), "not finished a write") {
			t.Errorf("healthy: got %v, want the hanging disk", err)
		}

		release()
		submit(t, s, 0, event("after"))
		if err := s.Healthy(); err != nil {
			t.Errorf("healthy again: got %v", err)
		}
		var got []string
		for _, r := range drain(t, s, 0, 0) {
			got = append(got, string(r.Data))
		}
		if want := "[before in flight after]"; fmt.Sprint(got) != want {
			t.Errorf("log: got %v, want %s", got, want)
		}
		if got := s.Stats().PendingBytes; got != 0 {
			t.Errorf("pending bytes: got %d, want 0", got)
		}
	})
}

// A failed sync ends the process; nothing that it covered is acknowledged. The
// test runs itself as another process, to see it end.
func TestFailedSyncIsFatal(t *testing.T) { // G10
	const env = "HOOKWHEEL_TEST_FAILED_SYNC"
	faults := map[string]error{"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC}
	if name := os.Getenv(env); name != "" {
		failSync(t, faults[name])
		return
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFailedSyncIsFatal$", "-test.timeout=30s")
			cmd.Env = append(os.Environ(), env+"="+name)
			out, err := cmd.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
				t.Errorf("got %v, want exit status 1", err)
			}
			if !strings.Contains(string(out), fault.Error()) || strings.Contains(string(out), "answered") {
				t.Errorf("got output %q, want %q and no answer", out, fault)
			}
		})
	}
}

func failSync(t *testing.T, fault error) {
	fs := kv.NewCrashFS()
	s := open(t, Options{FS: fs.FS}) // Fatal is the default
	submit(t, s, 0, event("before"))
	fs.Inject(func(op kv.Op) error {
		if op.Sync && path.Ext(op.Path) == ".log" {
			return fault
		}
		return nil
	})
	fmt.Println("answered", try(s, 0, event("lost")))
}

func TestDiskFull(t *testing.T) { // G10
	const gib = 1 << 30
	synctest.Test(t, func(t *testing.T) {
		fs := kv.NewCrashFS()
		fs.SetFree(50*gib, 100*gib)
		s := open(t, Options{FS: fs.FS, Logger: quiet})
		o, err := s.Claim(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		accepts := func(step string, wantEvent, wantOutcome, wantFreeing error) {
			t.Helper()
			o.Commit([]Rec{outcome("what makes the log look")}, func(error) {})
			time.Sleep(2 * keepInterval)
			if err := try(s, 0, event("x")); !errors.Is(err, wantEvent) {
				t.Errorf("%s: event: got error %v, want %v", step, err, wantEvent)
			}
			done := make(chan error, 1)
			o.Commit([]Rec{outcome("x")}, func(err error) { done <- err })
			if err := <-done; !errors.Is(err, wantOutcome) {
				t.Errorf("%s: outcome: got error %v, want %v", step, err, wantOutcome)
			}
			if err := try(s, 0, Rec{Kind: Command, Frees: true}); !errors.Is(err, wantFreeing) {
				t.Errorf("%s: what makes room: got error %v, want %v", step, err, wantFreeing)
			}
			if got := s.Healthy() != nil; got != (wantEvent != nil) {
				t.Errorf("%s: unhealthy: got %v, want %v", step, got, wantEvent != nil)
			}
		}
		accepts("plenty", nil, nil, nil) // 5 % of 100 GiB is the reserve
		fs.SetFree(4*gib, 100*gib)
		accepts("below the reserve", ErrDiskFull, nil, nil)
		fs.SetFree(2*gib, 100*gib)
		accepts("below half of it", ErrDiskFull, ErrDiskFull, nil)
		fs.SetFree(1*gib, 100*gib)
		accepts("below a quarter", ErrDiskFull, ErrDiskFull, ErrDiskFull)
		fs.SetFree(4*gib, 100*gib)
		accepts("back above half", ErrDiskFull, nil, nil)
		fs.SetFree(5*gib+1, 100*gib)
		accepts("just above", ErrDiskFull, nil, nil)
		fs.SetFree(6*gib, 100*gib)
		accepts("back", nil, nil, nil)
	})
}

// The disk is looked at while the log is written to, however seldom that is synced.
func TestDiskFullBetweenSyncs(t *testing.T) { // G10
	for _, mode := range []Sync{Never, Sync(10 * time.Second)} {
		t.Run(time.Duration(mode).String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := kv.NewCrashFS()
				fs.SetFree(50<<30, 100<<30)
				s := open(t, Options{FS: fs.FS, Sync: mode, Logger: quiet})
				time.Sleep(2 * keepInterval)
				fs.SetFree(4<<30, 100<<30)
				submit(t, s, 0, event("what makes the log look"))
				time.Sleep(2 * keepInterval)
				if err := try(s, 0, event("x")); !errors.Is(err, ErrDiskFull) {
					t.Errorf("got error %v, want ErrDiskFull", err)
				}
			})
		})
	}
}

// A log that is opened on a low disk accepts again once there is space, although
// nothing was written that would have made it look.
func TestOpenedOnLowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := kv.NewCrashFS()
		fs.SetFree(100<<20, 100<<30)
		s := open(t, Options{FS: fs.FS, Logger: quiet})
		if err := try(s, 0, event("x")); !errors.Is(err, ErrDiskFull) {
			t.Errorf("low: got error %v, want ErrDiskFull", err)
		}
		time.Sleep(time.Minute)
		fs.SetFree(50<<30, 100<<30)
		time.Sleep(2 * keepInterval)
		if err := try(s, 0, event("x")); err != nil {
			t.Errorf("space again: got error %v", err)
		}
	})
}

// A store on a disk that has no room for a single flush is not opened: Pebble
// would repeat that flush for ever. With a ballast there is something to give up.
func TestOpenedOnFullDisk(t *testing.T) {
	fs := kv.NewCrashFS()
	fs.SetFree(1<<20, 100<<30)
	if _, err := Open(Options{Dir: "/data", FS: fs.FS, Logger: quiet}); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("without a ballast: got error %v, want ErrDiskFull", err)
	}
	fs.SetFree(50<<30, 100<<30)
	open(t, Options{Dir: "/data", FS: fs.FS, Logger: quiet}).Close() // makes the ballast
	fs.SetFree(1<<20, 100<<30)
	s, err := Open(Options{Dir: "/data", FS: fs.FS, Logger: quiet})
	if err != nil {
		t.Fatalf("with a ballast: got error %v", err)
	}
	s.Close()
}

// A write that finds the disk full takes the ballast, and goes on; the ballast
// is made again once there is space.
func TestBallast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := kv.NewCrashFS()
		fs.SetFree(50<<30, 100<<30)
		s := open(t, Options{FS: fs.FS, Logger: quiet})
		has := func() bool {
			ok, err := fs.Exists("/data/ballast")
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if !has() {
			t.Fatal("there is no ballast")
		}
		fs.SetFree(0, 100<<30)
		fs.Inject(func(op kv.Op) error {
			if op.Write && strings.Contains(op.Path, "/db/") && has() {
				return syscall.ENOSPC
			}
			return nil
		})
		submit(t, s, 0, event("x"))
		if has() {
			t.Error("the ballast is still there")
		}
		if err := try(s, 0, event("y")); !errors.Is(err, ErrDiskFull) {
			t.Errorf("next append: got error %v, want ErrDiskFull", err)
		}
		fs.Inject(nil)
		fs.SetFree(50<<30, 100<<30)
		time.Sleep(3 * keepInterval)
		if !has() {
			t.Error("the ballast was not made again")
		}
		submit(t, s, 0, event("z"))
	})
}

func TestNextLevel(t *testing.T) {
	for _, c := range []struct {
		was        int32
		free, want int64
	}{
		{refuseNothing, 1600, int64(refuseNothing)},
		{refuseNothing, 1599, int64(refuseEvents)},
		{refuseEvents, 1699, int64(refuseEvents)},
		{refuseEvents, 1700, int64(refuseNothing)},
		{refuseEvents, 800, int64(refuseEvents)},
		{refuseNothing, 799, int64(refuseAll)},
		{refuseAll, 899, int64(refuseAll)},
		{refuseAll, 900, int64(refuseEvents)},
		{refuseAll, 1700, int64(refuseNothing)},
		{refuseAll, 0, int64(refuseAll)},
	} {
		if got := nextLevel(c.was, c.free, 1600); int64(got) != c.want {
			t.Errorf("level %d, %d free of 1600 wanted: got %d, want %d", c.was, c.free, got, c.want)
		}
	}
}

// What a tail has not applied yet counts as pending, so that a slow apply slows
// down who writes; others still get through for a while.
func TestBackpressure(t *testing.T) { // G8
	s := open(t, Options{PendingBytes: 1 << 20})
	ctx, cancel := context.WithCancel(t.Context())
	following, applying, hold := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- s.Tail(ctx, 0, 0, func(recs []Rec) error {
			if len(recs) == 0 {
				close(following)
				return nil
			}
			applying <- struct{}{}
			<-hold
			return nil
		})
	}()
	<-following
	big := event(strings.Repeat("x", 100<<10))
	submit(t, s, 0, big)
	<-applying
	var err error
	accepted := 1
	for ; err == nil && accepted < 100; accepted++ {
		err = try(s, 0, big)
	}
	if !errors.Is(err, ErrOverloaded) || accepted > 12 {
		t.Errorf("got error %v after %d appends of 100 KiB, want ErrOverloaded after 10", err, accepted)
	}
	if err := try(s, 0, outcome("small")); err != nil {
		t.Errorf("outcome: got error %v", err)
	}
	close(hold)
	go func() {
		for range applying {
		}
	}()
	cancel()
	<-ended
	close(applying)
	if got := s.Stats().PendingBytes; got != 0 {
		t.Errorf("pending bytes after the tail ended: got %d, want 0", got)
	}
	submit(t, s, 0, big)
}

// A queue that is never empty does not grow for ever.
func TestQueueStaysSmall(t *testing.T) { // G8
	q := newQueue(Options{PendingBytes: 1 << 20, AppendTimeout: time.Minute}, 1)
	defer q.timer.Stop()
	taken := 0
	for i := range 10_000 {
		if err := q.put(submission{p: i, size: 1, done: func(error) {}}, true); err != nil {
			t.Fatal(err)
		}
		if i < 10 {
			continue
		}
		group, _ := q.take(1)
		for _, s := range group {
			if s.p != taken {
				t.Fatalf("got submission %d, want %d", s.p, taken)
			}
			taken++
		}
		q.endWriting()
	}
	if got := cap(q.waiting); got > 100 {
		t.Errorf("room for waiting submissions: got %d, want it to stay near the 10 that wait", got)
	}
}

func TestTooLarge(t *testing.T) {
	s := open(t, Options{PendingBytes: 1 << 20})
	if err := try(s, 0, event(strings.Repeat("x", 1<<20))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got error %v, want ErrTooLarge", err)
	}
}

// countSyncs returns a function that tells how many WAL syncs there were since it
// was called last.
func countSyncs(fs *kv.CrashFS) func() int {
	var mu sync.Mutex
	n := 0
	fs.Inject(func(op kv.Op) error {
		if op.Sync && path.Ext(op.Path) == ".log" {
			mu.Lock()
			n++
			mu.Unlock()
		}
		return nil
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		defer func() { n = 0 }()
		return n
	}
}

func TestWhenSyncsHappen(t *testing.T) {
	for _, c := range []struct {
		name  string
		sync  Sync
		rec   Rec
		now   int // syncs before the answer
		later int // within a second after
	}{
		{"event", Always, event("x"), 1, 0},
		{"config", Always, Rec{Kind: Config}, 1, 0},
		{"outcome", Always, outcome("x"), 0, 1},
		{"event, every 500ms", Sync(500 * time.Millisecond), event("x"), 0, 1},
		{"event, never", Never, event("x"), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := kv.NewCrashFS()
				s := open(t, Options{FS: fs.FS, Sync: c.sync})
				syncs := countSyncs(fs)
				submit(t, s, 0, c.rec)
				if got := syncs(); got != c.now {
					t.Errorf("syncs before the answer: got %d, want %d", got, c.now)
				}
				if got, want := s.Stats().Synced == s.Stats().Published, c.now > 0; got != want {
					t.Errorf("all synced: got %v, want %v", got, want)
				}
				time.Sleep(time.Second)
				if got := syncs(); got != c.later {
					t.Errorf("syncs later: got %d, want %d", got, c.later)
				}
				time.Sleep(time.Hour)
				if got := syncs(); got != 0 {
					t.Errorf("syncs of an idle log: got %d, want 0", got)
				}
			})
		})
	}
}

func TestTimeNeverFalls(t *testing.T) {
	now := time.UnixMilli(5000)
	fs := kv.MemFS()
	o := Options{FS: fs, Now: func() time.Time { return now }}
	s := open(t, o)
	submit(t, s, 0, event("a"))
	now = time.UnixMilli(3000)
	submit(t, s, 1, event("b"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	submit(t, s, 0, event("c"))
	now = time.UnixMilli(6000)
	submit(t, s, 0, event("d"))
	var got []int64
	for _, r := range drain(t, s, 0, 0) {
		got = append(got, r.At)
	}
	if want := "[5000 5000 6000]"; fmt.Sprint(got) != want {
		t.Errorf("times: got %v, want %s", got, want)
	}
}
