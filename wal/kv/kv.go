// Package kv is the ordered key-value store under the log and the ledger: a
// thin, typed face over Pebble, and the only package that imports it.
//
//	DB ─┬─ Batch    Set, Delete, DeleteRange … Commit: atomic, synced or not
//	    ├─ Get      one key        Has   one key that is probably absent
//	    ├─ Iter     a range of keys, a frozen view: keep it short
//	    └─ FS       the files below, real or in memory (crashes included)
//
// What it adds is what Pebble leaves to its users: settings that were measured,
// a store that fails by stopping (see fault.go), counters for the operator, and
// a filesystem that tests can crash, fill up and break.
//
// Durability: Commit(true) returns once the batch and everything committed
// before it is on disk. Commit(false) returns once it can be read; it becomes
// durable with the next synced commit, and after a crash the unsynced commits
// are lost as a suffix, never with a hole.
package kv

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatMajorVersion is the newest on-disk format of the Pebble version that
// this package was tested with (2.1.7). Pinned by name, because it only ever
// goes up: an older binary cannot open what a newer one has touched.
const formatMajorVersion = pebble.FormatValueSeparation // 24

var (
	// ErrCorrupt marks every error caused by data that fails its checksum.
	ErrCorrupt = errors.New("kv: data is damaged")

	// ErrLocked is returned by Open when another process, or another DB of
	// this process, has the directory open.
	ErrLocked = errors.New("kv: directory is in use")

	// ErrReadOnly is returned by writes to a DB opened with Options.ReadOnly.
	ErrReadOnly = errors.New("kv: opened read-only")
)

// DB is an open store. Safe for concurrent use; Close only once nothing else
// uses it any more.
type DB struct {
	opts   Options
	pebble *pebble.DB
	faults *faults
	files  *purgeFS
	lock   *pebble.Lock

	// copying is held by Checkpoint, and shared by everything that writes to
	// the WAL. Pebble copies a WAL that may be written to at the same time, and
	// reuses WAL files: the copy can then have new blocks after old ones, which
	// looks like damage when it is opened (about one in five copies under load).
	copying sync.RWMutex
}

// Open opens the store in opts.Dir, and creates it if there is none.
func Open(opts Options) (*DB, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	d, err := open(opts)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", opts.Dir, classify(err))
	}
	return d, nil
}

func open(opts Options) (*DB, error) {
	if !opts.ReadOnly {
		if err := opts.FS.MkdirAll(opts.Dir); err != nil {
			return nil, err
		}
	}
	lock, err := lockStore(opts.FS, opts.Dir)
	if err != nil {
		return nil, err
	}
	d := &DB{opts: opts, faults: newFaults(opts), files: opts.FS.guarded(opts.OnDiskFull), lock: lock}
	before, err := pebble.Peek(opts.Dir, opts.FS.inner())
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if before.FormatMajorVersion > formatMajorVersion {
		err := fmt.Errorf("written by a newer version: store format %d, this one knows up to %d",
			before.FormatMajorVersion, formatMajorVersion)
		return nil, errors.Join(err, lock.Close())
	}
	wal := &walFS{FS: d.files, dir: opts.Dir, stop: d.faults.stop}
	po := pebbleOptions(opts, wal, d.faults)
	po.Lock = lock
	if d.pebble, err = pebble.Open(opts.Dir, po); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	wal.open.Store(true)
	if !before.Exists && !opts.ReadOnly {
		// Pebble creates the first WAL of a new store before it switches to the
		// current format, without the checks that tell damage from a torn end:
		// a flipped bit in it would cut the log short in silence. A flush starts
		// a new WAL, which has them.
		if err := d.Flush(); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// pebbleOptions holds the settings as measured on two cores with 1 KB values
// (140 µs fdatasync) in one sequence of ascending keys plus the ledger's rows:
//
//   - MemTableSize 64 MiB: with Pebble's 4 MiB, batches over 2 MiB each force a
//     flush. Stall only at 4 memtables.
//   - No table holds keys of two spans (see spanOf): one that reaches from the
//     ledger into the log overlaps all tables of the log that were flushed since,
//     which are then rewritten with it instead of moved. With tables of 16 MiB
//     when flushed, 4 MiB and more below, and L0CompactionThreshold 4, 1.5 M
//     events with their rows and outcomes cost 2.6 KB written and 7.9 µs of CPU
//     each; before (2 MiB, 4 MiB, 2, one span) 4.0 KB and 13.7 µs. Tables of
//     64 MiB stack up under rolling deletes (3.8 KB), those of 16 do not (2.8).
//   - L0StopWritesThreshold 1000: a burst is never answered by a write stall.
//   - 32 KiB blocks with 256 KiB index blocks: scans at 5 GB/s from cache.
//   - Bloom filters of 10 bits on every level, see DB.Has: 1 µs per absent key
//     where Get takes 6.6 µs.
//   - FlushDelayDeleteRange 10 s: else space freed by DeleteRange comes back
//     only when the memtable fills. Rolling deletes cost 2 % more writes.
//   - WALMinSyncInterval stays 0: 500 µs cut the rate of 64 writers from 114 k
//     to 41 k commits a second. Groups form by themselves while a sync runs.
//   - Value separation stays off: what it would spare is not rewritten anyway.
func pebbleOptions(o Options, files vfs.FS, f *faults) *pebble.Options {
	po := &pebble.Options{
		FormatMajorVersion:          formatMajorVersion,
		CacheSize:                   o.CacheSize,
		MemTableSize:                uint64(o.MemTableSize),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                o.MaxOpenFiles,
		BytesPerSync:                512 << 10,
		FlushDelayDeleteRange:       10 * time.Second,
		TargetByteDeletionRate:      128 << 20,
		FreeSpaceThresholdBytes:     4 << 30, // below it, obsolete files go at once
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(2, runtime.NumCPU()/2) },
		ReadOnly:                    o.ReadOnly,
		Logger:                      f,
		EventListener:               f.listener(),
	}
	po.TargetFileSizes[0], po.TargetFileSizes[1] = 16<<20, 4<<20 // and doubled from level to level
	po.Experimental.SpanPolicyFunc = spanOf
	for i := range po.Levels {
		po.Levels[i].BlockSize = 32 << 10
		po.Levels[i].IndexBlockSize = 256 << 10
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	po.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
	po.FS = files
	if o.FS.isOS() {
		po.WithFSDefaults() // the check that reports a slow disk, which setting FS would lose
	} else {
		// Pebble looks ten times a second whether more compactions may run at a
		// time. That would be nearly all of what goes on in a day of virtual time;
		// without it, the end of each compaction is when it looks.
		po.Experimental.CompactionScheduler = pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()
	}
	return po
}

// spanOf tells where the span of a key ends: the ledger is one, and so is each
// range of the log. Those are large and written once, and hardly get smaller by
// compression.
func spanOf(key []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	if key[0] < FirstLogByte {
		return policy, []byte{FirstLogByte}, nil
	}
	policy.PreferFastCompression = true
	return policy, PrefixEnd(key[:1]), nil
}

// Close waits for background work and closes the store. What was committed
// without sync is flushed to the WAL first, so a clean close loses nothing.
func (d *DB) Close() error {
	if !d.opts.ReadOnly {
		d.Sync()
	}
	if err := errors.Join(d.pebble.Close(), d.lock.Close()); err != nil {
		return fmt.Errorf("close store: %w", classify(err))
	}
	return nil
}

// Sync makes everything committed so far durable. Like a commit, it ends the
// process if it cannot.
func (d *DB) Sync() {
	d.copying.RLock()
	defer d.copying.RUnlock()
	defer d.faults.stopOnPanic()
	if err := d.pebble.LogData(nil, pebble.Sync); err != nil {
		d.faults.stop(fmt.Errorf("sync: %w", err))
	}
}

// Flush writes the memtable out as a table and starts a new WAL; if that cannot
// be written, it ends the process.
func (d *DB) Flush() error {
	if err := d.pebble.Flush(); err != nil {
		return fmt.Errorf("flush: %w", classify(err))
	}
	return nil
}

// Checkpoint makes a consistent copy of the store in dir, which must not exist
// and must lie on the same filesystem: tables are hard-linked, so it takes
// milliseconds and no space at first. Everything committed before is in it.
// Commits wait while it is made, reads do not.
func (d *DB) Checkpoint(dir string) error {
	// With the memtable in a table, there is little WAL left to copy.
	if err := d.Flush(); err != nil {
		return err
	}
	d.copying.Lock()
	defer d.copying.Unlock()
	if err := d.pebble.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("checkpoint: %w", classify(err))
	}
	return nil
}

// Size estimates the bytes that the tables on disk hold of [lower, upper). What
// is still in memtables does not count.
func (d *DB) Size(lower, upper []byte) (uint64, error) {
	n, err := d.pebble.EstimateDiskUsage(lower, upper)
	if err != nil {
		return 0, fmt.Errorf("estimate size: %w", classify(err))
	}
	return n, nil
}

// classify marks damage, so that callers need not know Pebble.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err):
		what, _, _ := strings.Cut(err.Error(), "\n") // behind it are marks for Pebble's own use
		return fmt.Errorf("%w: %s", ErrCorrupt, what)
	}
	return err
}
