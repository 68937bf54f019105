package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// A copy made while the log is written to opens, and holds all that was
// acknowledged before it was begun, in order and without a hole.
func TestCheckpointUnderLoad(t *testing.T) {
	s := open(t, Options{FS: kv.MemFS(), Partitions: 2, MemTableSize: 256 << 10, Logger: quiet})
	var acked atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := try(s, 0, event(fmt.Sprintf("%d %0*d", i, i%2000, 0))); err != nil {
				t.Errorf("append: %v", err)
				return
			}
			acked.Add(1)
		}
	})
	for n := range 5 {
		for before := acked.Load(); acked.Load() < before+50; {
			if err := try(s, 1, event("x")); err != nil {
				t.Fatal(err)
			}
		}
		dir := fmt.Sprintf("/backup/%d", n)
		want := acked.Load()
		if err := s.Checkpoint(dir, sealed); err != nil {
			t.Fatal(err)
		}
		c := open(t, Options{Dir: dir, FS: s.fs})
		recs := drain(t, c, 0, 0)
		if int64(len(recs)) < want {
			t.Errorf("copy %d: got %d records, want at least %d", n, len(recs), want)
		}
		for i, r := range recs {
			var got int
			if _, err := fmt.Sscan(string(r.Data), &got); err != nil || got != i {
				t.Fatalf("copy %d: record %d: got %.20q", n, i, r.Data)
			}
		}
		submit(t, c, 0, event("a copy is a log of its own"))
	}
	close(stop)
	wg.Wait()
	if err := s.Checkpoint("/backup/0", sealed); !errors.Is(err, fs.ErrExist) {
		t.Errorf("checkpoint over an existing directory: got %v, want %v", err, fs.ErrExist)
	}
}

// Of checkpoints to one place at once, one is made and the others are told that
// it is there.
func TestCheckpointsAtOnce(t *testing.T) {
	s := open(t, Options{})
	submit(t, s, 0, event("x"))
	const n = 8
	results := make(chan error, n)
	for range n {
		go func() { results <- s.Checkpoint("/backup", sealed) }()
	}
	made := 0
	for range n {
		switch err := <-results; {
		case err == nil:
			made++
		case !errors.Is(err, fs.ErrExist):
			t.Errorf("checkpoint: got %v, want nil or %v", err, fs.ErrExist)
		}
	}
	if made != 1 {
		t.Errorf("got %d checkpoints, want 1", made)
	}
}

func TestInterruptedCheckpointIsRefused(t *testing.T) {
	disk := kv.NewCrashFS()
	s := open(t, Options{FS: disk.FS})
	submit(t, s, 0, event("x"))
	var pulled atomic.Bool
	disk.Inject(func(op kv.Op) error {
		if op.Path == "/backup/highwater" {
			pulled.Store(true)
		}
		if pulled.Load() && strings.HasPrefix(op.Path, "/backup") {
			return errors.New("cable pulled")
		}
		return nil
	})
	if err := s.Checkpoint("/backup", sealed); err == nil {
		t.Fatal("checkpoint: got no error")
	}
	disk.Inject(nil)
	if _, err := Open(Options{Dir: "/backup", FS: disk.FS}); !errors.Is(err, ErrFormat) {
		t.Errorf("open: got error %v, want ErrFormat", err)
	}
}

func sealed() error { return nil }

// A copy that fails, wherever it does, leaves nothing behind: not what holds on
// to tables that the log drops, nor a name that the next one then cannot have.
// Nor does it end the process, which a failure of the log itself would (G10).
func TestFailedCheckpointLeavesNothing(t *testing.T) {
	for name, cause := range map[string]error{"db/MANIFEST": syscall.EIO, "db/0": syscall.ENOSPC, "highwater": syscall.EIO, "seal": ErrDiskFull, "format": syscall.EIO} {
		mem := kv.NewCrashFS()
		s := open(t, Options{FS: mem.FS, Logger: quiet})
		submit(t, s, 0, event("x"))
		mem.Inject(func(op kv.Op) error {
			if op.Write && strings.HasPrefix(op.Path, "/backups/a/"+name) {
				return op.Err(cause)
			}
			return nil
		})
		seal := func() error {
			if name == "seal" {
				return cause
			}
			return nil
		}
		if err := s.Checkpoint("/backups/a", seal); !errors.Is(err, cause) {
			t.Errorf("%s fails: got error %v, want %v", name, err, cause)
		}
		mem.Inject(nil)
		if there, err := mem.Exists("/backups/a"); there || err != nil {
			t.Errorf("%s failed: got a directory %t, error %v, want none", name, there, err)
		}
		if err := s.Checkpoint("/backups/a", sealed); err != nil {
			t.Errorf("%s failed, tried again: got error %v", name, err)
		}
	}
}
