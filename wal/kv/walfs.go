package kv

import (
	"fmt"
	"path"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// walFS ends the process as soon as the WAL cannot be written, synced or
// started anew, or a directory not synced, with an error that names the
// operation and the file. Left to itself Pebble would end it as well, but not
// always so that one learns why: it panics when a new WAL or manifest cannot be
// had, in goroutines of its own too, and while it does not hold a lock that it
// then gives back. A WAL outside of the store's directory is the copy in a
// checkpoint, which may fail alone.
type walFS struct {
	vfs.FS
	dir  string // of the store
	stop func(error)
	open atomic.Bool // until then the WAL's errors are those of Open
}

// Unwrap implements vfs.FS.
func (f *walFS) Unwrap() vfs.FS { return f.FS }

// Create implements vfs.FS.
func (f *walFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return f.watch(name, file, err)
}

// ReuseForWrite implements vfs.FS.
func (f *walFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return f.watch(newname, file, err)
}

// OpenDir implements vfs.FS.
func (f *walFS) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &stopFile{dir, f.stop}, nil
}

func (f *walFS) watch(name string, file vfs.File, err error) (vfs.File, error) {
	if path.Ext(name) != ".log" || path.Dir(name) != path.Clean(f.dir) {
		return file, err
	}
	if err != nil {
		f.failed(err)
		return nil, err
	}
	return &stopFile{file, f.failed}, nil
}

func (f *walFS) failed(err error) {
	if f.open.Load() {
		f.stop(fmt.Errorf("write-ahead log: %w", err))
	}
}

// stopFile tells of a failed write or sync before it returns the error.
type stopFile struct {
	vfs.File
	failed func(error)
}

func (f *stopFile) tell(err error) error {
	if err != nil {
		f.failed(err)
	}
	return err
}

// Write implements vfs.File.
func (f *stopFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.tell(err)
}

// Sync implements vfs.File.
func (f *stopFile) Sync() error { return f.tell(f.File.Sync()) }

// SyncData implements vfs.File.
func (f *stopFile) SyncData() error { return f.tell(f.File.SyncData()) }

// SyncTo implements vfs.File.
func (f *stopFile) SyncTo(length int64) (fullSync bool, err error) {
	fullSync, err = f.File.SyncTo(length)
	return fullSync, f.tell(err)
}
