package kv

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// How bytes leave the disk.
//
// What is deleted or overwritten can no longer be read at once, but its bytes
// stay where they are:
//
//  1. in tables, until a compaction has brought the deletion, or the new value,
//     down to the last level that has the key;
//  2. in tables that compactions have replaced, until nobody reads them any more
//     and Pebble, which paces that, has removed them;
//  3. in WAL files. Of those that were flushed Pebble keeps up to five and writes
//     the next WAL over one of them, from its beginning: what lies behind the end
//     of the new one stays for as long as the file is passed on.
//
// Purge waits for 1 and 2, and ends 3. A filesystem may decline to reuse a file
// and make a new one: purgeFS does so while Purge starts one WAL after the other,
// until all files from before are gone. At other times it lets Pebble reuse them,
// because with new files the filesystem has to write down with every sync how
// they grow: 53 µs instead of 36 for each synced commit of 1 KB by 64 writers
// (medians of three runs, ext4, on a busy machine), no difference with one.
//
// Pebble's manifest is another file that lives long. It holds keys, at which
// tables begin and end, and no values.

// Span is the keys from Lower until before Upper.
type Span struct{ Lower, Upper []byte }

// purgePause is the time between two looks at what is left.
const purgePause = 20 * time.Millisecond

// Purge returns once no file of the store holds anything that was deleted or
// overwritten within the spans before the call. The tables of each span are
// rewritten, one span after the other, which takes as much space again for a
// while; reads and commits go on. The disk itself may remember what it stored in
// blocks that it has freed. One call at a time.
func (d *DB) Purge(ctx context.Context, spans ...Span) error {
	for _, s := range spans {
		if err := d.pebble.Compact(ctx, s.Lower, s.Upper, false); err != nil {
			return fmt.Errorf("purge: compact: %w", classify(err))
		}
	}
	if err := d.renewWAL(ctx); err != nil {
		return fmt.Errorf("purge: renew the wal: %w", err)
	}
	if err := d.awaitRemoval(ctx); err != nil {
		return fmt.Errorf("purge: wait for replaced tables: %w", err)
	}
	return nil
}

// renewWAL replaces all WAL files, those included that wait to be reused.
func (d *DB) renewWAL(ctx context.Context) error {
	d.files.setRenewing(true)
	defer d.files.setRenewing(false)
	old, err := d.listed(".log")
	if err != nil {
		return err
	}
	return poll(ctx, func() (done bool, err error) {
		if err := d.Flush(); err != nil {
			return false, err
		}
		now, err := d.listed(".log")
		return !slices.ContainsFunc(old, func(name string) bool { return slices.Contains(now, name) }), err
	})
}

// awaitRemoval waits until the tables are gone that are there and not in use.
// What a compaction is writing is among them, until it is in use or given up.
func (d *DB) awaitRemoval(ctx context.Context) error {
	left, err := d.listed(".sst")
	if err != nil {
		return err
	}
	return poll(ctx, func() (done bool, err error) {
		now, err := d.listed(".sst")
		if err != nil {
			return false, err
		}
		levels, err := d.pebble.SSTables()
		if err != nil {
			return false, classify(err)
		}
		used := map[string]bool{}
		for _, tables := range levels {
			for _, t := range tables {
				used[t.BackingSSTNum.String()+".sst"] = true
			}
		}
		left = slices.DeleteFunc(left, func(name string) bool { return used[name] || !slices.Contains(now, name) })
		return len(left) == 0, nil
	})
}

// listed are the names of files with an extension, in order.
func (d *DB) listed(extension string) ([]string, error) {
	names, err := d.opts.FS.List(d.opts.Dir)
	names = slices.DeleteFunc(names, func(name string) bool { return path.Ext(name) != extension })
	slices.Sort(names)
	return names, err
}

// poll asks again until it is done. There is no event for what Purge waits for.
func poll(ctx context.Context, look func() (done bool, err error)) error {
	pause := time.NewTicker(purgePause)
	defer pause.Stop()
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// purgeFS can refuse to reuse files.
type purgeFS struct {
	vfs.FS
	mu       sync.Mutex // held while a file is being reused
	renewing bool
}

// Unwrap implements vfs.FS.
func (f *purgeFS) Unwrap() vfs.FS { return f.FS }

// setRenewing returns when no file is being reused the other way.
func (f *purgeFS) setRenewing(on bool) {
	f.mu.Lock()
	f.renewing = on
	f.mu.Unlock()
}

// ReuseForWrite implements vfs.FS, which lets it remove the old file and create
// the new one.
func (f *purgeFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.renewing {
		return f.FS.ReuseForWrite(oldname, newname, category)
	}
	if err := f.FS.Remove(oldname); err != nil {
		return nil, err
	}
	return f.FS.Create(newname, category)
}
