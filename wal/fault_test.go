package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// broken is set in processes in which stores fail.
const broken = "HOOKWHEEL_TEST_BROKEN"

// breakage is a kind of operation that fails.
type breakage struct {
	name  string
	cause error
	hits  func(kv.Op) bool
	fatal bool // each time; else the store may also refuse to open, or go on
	acks  bool // what is acknowledged after the failure may be
}

func breakages() []breakage {
	on := func(name, extension string) func(kv.Op) bool {
		return func(op kv.Op) bool { return op.Name == name && path.Ext(op.Path) == extension }
	}
	base := func(name, prefix string) func(kv.Op) bool {
		return func(op kv.Op) bool { return op.Name == name && strings.HasPrefix(path.Base(op.Path), prefix) }
	}
	named := func(names ...string) func(kv.Op) bool {
		return func(op kv.Op) bool { return slices.Contains(names, op.Name) }
	}
	return []breakage{
		{name: "write of the WAL", cause: syscall.EIO, hits: on("write", ".log"), fatal: true},
		{name: "full disk for the WAL", cause: syscall.ENOSPC, hits: on("write", ".log")},
		{name: "sync of the WAL", cause: syscall.EIO, hits: on("sync", ".log"), fatal: true},
		{name: "write of a table", cause: syscall.EIO, hits: on("write", ".sst"), acks: true},
		{name: "full disk for a table", cause: syscall.ENOSPC, hits: on("write", ".sst"), acks: true},
		{name: "sync of a table", cause: syscall.EIO, hits: on("sync", ".sst"), acks: true},
		{name: "write of the manifest", cause: syscall.EIO, hits: base("write", "MANIFEST"), acks: true},
		{name: "sync of the manifest", cause: syscall.EIO, hits: base("sync", "MANIFEST"), acks: true},
		{name: "sync of a directory", cause: syscall.EIO, hits: base("sync", "d"), acks: true}, // /data, /data/db
		{name: "new file", cause: syscall.EIO, hits: named("create", "reuse"), acks: true},
		{name: "full directory", cause: syscall.ENOSPC, hits: named("create", "reuse"), acks: true},
		{name: "rename", cause: syscall.EIO, hits: named("rename"), acks: true},
		{name: "removal", cause: syscall.EIO, hits: named("remove"), acks: true},
		{name: "high-water mark", cause: syscall.EIO, hits: base("write", "highwater"), acks: true},
	}
}

// An operation of the disk fails, each in turn, once or from then on. The store
// refuses to open, ends the process or reports itself and recovers, and says
// which operation on which file it was. Nothing is acknowledged after the WAL
// has failed, and whatever was acknowledged is there after the next start (G1,
// G10). Stores that have ended their process cannot be cleaned up, hence each
// kind of operation fails in a process of its own.
func TestBrokenDisk(t *testing.T) {
	for i, b := range breakages() {
		t.Run(b.name, func(t *testing.T) {
			if os.Getenv(broken) != "" {
				b.sweep(t)
				return
			}
			run := fmt.Sprintf("-test.run=^TestBrokenDisk$/^%s$", strings.ReplaceAll(b.name, " ", "_"))
			cmd := exec.CommandContext(t.Context(), os.Args[0], run, "-test.timeout=60s", "-test.v", fmt.Sprint("-test.short=", testing.Short()))
			cmd.Env = append(os.Environ(), fmt.Sprint(broken, "=", i+1))
			out, err := cmd.CombinedOutput()
			if _, said, ok := bytes.Cut(out, []byte("seen: ")); ok && err == nil {
				said, _, _ = bytes.Cut(said, []byte("\n"))
				t.Logf("%s", said)
			} else {
				t.Errorf("got %v\n%s", err, out)
			}
		})
	}
}

// sweep lets the first operation fail, the second …
func (b breakage) sweep(t *testing.T) {
	const most = 100
	clean := kv.NewCrashFS()
	fill(t, clean, 3)
	ends, tried := map[string]int{}, 0
	for n := 0; tried < most; n++ {
		if testing.Short() || b.cause == syscall.ENOSPC { // a full disk takes time, see kv
			n += n / 2
		}
		c := &brokenDisk{T: t, breakage: b, n: n, lasting: tried%2 == 1, fs: clean.Crash(nil, 0), dead: make(chan error, 1)}
		end := c.run()
		if end == "" {
			break // there are no more operations
		}
		tried++
		ends[end]++
	}
	if tried == 0 {
		t.Errorf("no operation of this kind failed")
	}
	t.Logf("seen: %d operations failed: %v", tried, ends)
}

// brokenDisk is one store on one disk of which one operation fails.
type brokenDisk struct {
	*testing.T
	breakage
	n       int
	lasting bool // it and all that follow, once the store is open: Open waits for half a minute
	fs      *kv.CrashFS
	failed  sync.Map // the operations that did, as errors say it
	broke   atomic.Bool
	open    atomic.Bool
	dead    chan error // what the process was ended with
	mu      sync.Mutex
	acked   []string
	late    int // acknowledged after the failure
}

func (c *brokenDisk) complain(format string, args ...any) {
	c.Helper()
	c.Errorf("operation %d (lasting: %v): %s", c.n, c.lasting, fmt.Sprintf(format, args...))
}

func (c *brokenDisk) inject() {
	var seen atomic.Int64
	c.fs.Inject(func(op kv.Op) error {
		if !c.hits(op) {
			return nil
		}
		if at := seen.Add(1) - 1; at < int64(c.n) || at > int64(c.n) && !(c.lasting && c.open.Load()) {
			return nil
		}
		err := op.Err(c.cause)
		c.failed.Store(err.Error(), true)
		c.broke.Store(true)
		return err
	})
}

// run says how it ended, "" if nothing failed.
func (c *brokenDisk) run() (end string) {
	c.inject()
	ended := make(chan string, 1)
	go func() { ended <- c.session() }()
	select {
	case err := <-c.dead:
		end = "ended"
		c.names(err)
	case end = <-ended:
	case <-time.After(20 * time.Second):
		debug.SetTraceback("all")
		panic(fmt.Sprintf("operation %d (lasting: %v): hangs", c.n, c.lasting))
	}
	c.mu.Lock()
	acked, late := c.acked, c.late
	c.mu.Unlock()
	after := c.fs.Crash(rand.New(rand.NewPCG(uint64(c.n), 1)), 0)
	c.fs.Inject(nil)
	if !c.broke.Load() {
		return ""
	}
	if c.fatal && end != "ended" {
		c.complain("%s, want the process ended", end)
	}
	once := c.cause == syscall.ENOSPC && !c.lasting // is tried again
	if !c.acks && !once && late > 0 {
		c.complain("%d were acknowledged after the failure", late)
	}
	c.check(after, acked)
	return end
}

// names wants the operation, the file and the cause in an error.
func (c *brokenDisk) names(err error) {
	c.Helper()
	for failed := range c.failed.Range {
		if strings.Contains(err.Error(), failed.(string)) {
			return
		}
	}
	if c.cause == syscall.ENOSPC && strings.Contains(err.Error(), "make room") {
		return
	}
	c.complain("got error %v, want it to say which operation failed", err)
}

// session opens the store, works and closes it.
func (c *brokenDisk) session() (end string) {
	s, err := Open(Options{
		Dir: "/data", FS: c.fs.FS, MemTableSize: 256 << 10, CacheSize: 1 << 20, AppendTimeout: time.Minute, Logger: quiet,
		Fatal: func(err error) {
			select {
			case c.dead <- err:
			default:
			}
			select {} // it must not return
		},
	})
	if err != nil {
		c.names(err)
		return "refused to open"
	}
	c.open.Store(true)
	random := rand.NewChaCha8([32]byte{byte(c.n)})
	for i := 0; i < 24 && s.Healthy() == nil; i++ { // few enough to fit into memory, if no table can be written
		data := make([]byte, 20<<10)
		random.Read(data)
		broke := c.broke.Load()
		if err := try(s, i%2, Rec{Kind: Event, Data: data}); err != nil {
			if !errors.Is(err, ErrDiskFull) {
				c.complain("got error %v", err)
			}
			continue
		}
		c.mu.Lock()
		c.acked = append(c.acked, string(data))
		if broke {
			c.late++
		}
		c.mu.Unlock()
	}
	end = "went on"
	if why := s.Healthy(); why != nil {
		end = "reported itself"
		c.names(why)
	}
	c.fs.Inject(nil)
	if err := s.DB().Flush(); err != nil {
		c.complain("flush: got error %v", err)
	}
	if _, err := s.space.look(); err != nil { // which it would do within a second
		c.complain("look at the disk: got error %v", err)
	}
	if err := errors.Join(s.Healthy(), try(s, 0, event("x"))); err != nil {
		c.complain("the disk is in order again: got %v", err)
	}
	if err := s.Close(); err != nil {
		c.complain("close: got error %v", err)
	}
	return end
}

// check opens what a power cut would have left of the store.
func (c *brokenDisk) check(fs *kv.CrashFS, acked []string) {
	s, err := Open(Options{Dir: "/data", FS: fs.FS, Logger: quiet})
	if err != nil {
		c.complain("open again: got error %v", err)
		return
	}
	held := map[string]bool{}
	for p := range s.Partitions() {
		for _, r := range drainAll(c.T, s, p) {
			held[string(r.Data)] = true
		}
	}
	for i, data := range acked {
		if !held[data] {
			c.complain("event %d was acknowledged and is gone", i)
		}
	}
	if err := s.Close(); err != nil {
		c.complain("close again: got error %v", err)
	}
}
