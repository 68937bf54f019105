package kv

import (
	"cmp"
	"math/rand/v2"
	"os"
	"path"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// CrashFS is a filesystem in memory that remembers what was synced, for tests
// of crashes, broken disks and full ones. Its FS may be used while it is
// crashed: the copy is another filesystem.
type CrashFS struct {
	FS
	mem    *vfs.MemFS
	inject atomic.Pointer[func(Op) error]
}

// Op is one operation that CrashFS is about to do.
type Op struct {
	Name  string // of the system call that it stands for
	Path  string
	Write bool // changes something; else it only reads
	Sync  bool // makes something durable
}

// Err is what the operating system's filesystem returns when it fails.
func (o Op) Err(cause error) error { return &os.PathError{Op: o.Name, Path: o.Path, Err: cause} }

// opNames has what reads and writes files and names; the rest is "other".
var opNames = map[errorfs.OpKind]string{
	errorfs.OpCreate: "create", errorfs.OpReuseForWrite: "reuse", errorfs.OpRename: "rename", errorfs.OpRemove: "remove",
	errorfs.OpOpen: "open", errorfs.OpFileRead: "read", errorfs.OpFileReadAt: "read",
	errorfs.OpFileWrite: "write", errorfs.OpFileWriteAt: "write", errorfs.OpFilePreallocate: "fallocate",
	errorfs.OpFileSync: "sync", errorfs.OpFileSyncData: "sync", errorfs.OpFileSyncTo: "sync",
}

// NewCrashFS returns an empty one.
func NewCrashFS() *CrashFS { return newCrashFS(vfs.NewCrashableMem()) }

func newCrashFS(mem *vfs.MemFS) *CrashFS {
	c := &CrashFS{mem: mem}
	c.FS = FS{fs: errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		fn := c.inject.Load()
		if fn == nil {
			return nil
		}
		name := cmp.Or(opNames[op.Kind], "other")
		return (*fn)(Op{Name: name, Path: op.Path, Write: op.Kind.ReadOrWrite() == errorfs.OpIsWrite, Sync: name == "sync"})
	}))}
	return c
}

// Inject calls fn before every operation; an error fails it, blocking delays
// it. Nil takes the fault away.
func (c *CrashFS) Inject(fn func(Op) error) {
	if fn == nil {
		c.inject.Store(nil)
		return
	}
	c.inject.Store(&fn)
}

// FailReads lets so many reads of tables pass and fails the ones that follow
// with EIO. It returns whether one has failed. Inject(nil) ends it.
func (c *CrashFS) FailReads(pass, fail int) (failed func() bool) {
	var reads atomic.Int64
	c.Inject(func(op Op) error {
		if op.Name != "read" || path.Ext(op.Path) != ".sst" {
			return nil
		}
		if n := int(reads.Add(1)); n <= pass || n > pass+fail {
			return nil
		}
		return op.Err(syscall.EIO)
	})
	return func() bool { return int(reads.Load()) > pass }
}

// SetFree sets what Free reports; zeros: nothing is known.
func (c *CrashFS) SetFree(avail, total uint64) {
	c.mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: avail, TotalBytes: total, UsedBytes: total - avail})
}

// Crash returns the filesystem as a power cut at this moment could leave it:
// what was synced, and of the rest each 4 KiB block and each name with the
// given probability in percent.
func (c *CrashFS) Crash(rng *rand.Rand, percent int) *CrashFS {
	return newCrashFS(c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
}
