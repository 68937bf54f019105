package kv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is the filesystem that a store lives on. The zero value is the operating
// system's; MemFS and NewCrashFS are for tests. Its methods are what the files
// beside the store need. Safe for concurrent use.
type FS struct {
	fs vfs.FS // nil: the operating system's
}

// MemFS returns an empty filesystem in memory. It knows no free space, so that
// Free reports nothing. A store on it works inside testing/synctest, and does
// nothing there while time passes.
func MemFS() FS { return FS{fs: vfs.NewMem()} }

func (f FS) isOS() bool { return f.fs == nil }

func (f FS) inner() vfs.FS {
	if f.fs == nil {
		return vfs.Default
	}
	return f.fs
}

// fullDiskPause slows Pebble down while a full disk cannot be helped: it repeats
// a failed flush at once and for ever, 14,000 times in 12 s.
const fullDiskPause = 100 * time.Millisecond

// guarded wraps the filesystem so that a write which fails for lack of space
// asks free to make room, and is then tried once more.
func (f FS) guarded(free func() bool) *purgeFS {
	return &purgeFS{FS: vfs.OnDiskFull(f.inner(), func() {
		if !free() {
			time.Sleep(fullDiskPause)
		}
	})}
}

// Join puts path elements together.
func (f FS) Join(elem ...string) string { return f.inner().PathJoin(elem...) }

// MkdirAll makes a directory and the parents that are missing, durably and
// readable by the owner alone.
func (f FS) MkdirAll(dir string) error {
	var parents []string // of what will be made, the lowest first
	for d := dir; ; {
		exists, err := f.Exists(d)
		if err != nil {
			return err
		}
		up := f.inner().PathDir(d)
		if exists || up == d {
			break
		}
		parents = append(parents, up)
		d = up
	}
	if err := f.inner().MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, p := range parents {
		if err := f.SyncDir(p); err != nil {
			return err
		}
	}
	return nil
}

// Exists says whether there is a file or directory of that name.
func (f FS) Exists(name string) (bool, error) {
	_, err := f.inner().Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ReadFile returns a file's content. An absent file is an os.ErrNotExist.
func (f FS) ReadFile(name string) ([]byte, error) {
	file, err := f.inner().Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

// WriteFile makes a file have exactly this content, durably: after a crash it
// has either the old content or the new.
func (f FS) WriteFile(name string, data []byte) error {
	fs := f.inner()
	tmp := name + ".tmp"
	file, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, name); err != nil {
		return err
	}
	return f.SyncDir(fs.PathDir(name))
}

// SyncDir makes the names in a directory durable.
func (f FS) SyncDir(dir string) error {
	d, err := f.inner().OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// File is a file open for reading and for writing in place.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	SyncData() error // makes the content durable, not its times
}

// OpenFile opens a file for writing in place and creates it if need be. A new
// name is durable after SyncDir.
func (f FS) OpenFile(name string) (File, error) {
	return f.inner().OpenReadWrite(name, vfs.WriteCategoryUnspecified)
}

// Allocate makes a file of that size whose space is taken from the disk now.
func (f FS) Allocate(name string, size int64) error {
	file, err := f.inner().Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = file.Preallocate(0, size)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EOPNOTSUPP) {
		err = writeZeros(file, size)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, f.Remove(name))
	}
	return nil
}

func writeZeros(w io.Writer, size int64) error {
	zeros := make([]byte, 1<<20)
	for size > 0 {
		n, err := w.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// Remove deletes a file; an absent one is no error.
func (f FS) Remove(name string) error {
	if err := f.inner().Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveAll deletes a file or a directory with all that is in it.
func (f FS) RemoveAll(name string) error { return f.inner().RemoveAll(name) }

// List returns the names in a directory.
func (f FS) List(dir string) ([]string, error) { return f.inner().List(dir) }

// Free returns the bytes this process may still write to the disk that dir is
// on, and the disk's size. ok is false where the filesystem does not know.
func (f FS) Free(dir string) (avail, total uint64, ok bool, err error) {
	u, err := f.inner().GetDiskUsage(dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return 0, 0, false, nil
	}
	return u.AvailBytes, u.TotalBytes, err == nil, err
}

// Lock takes the lock of that file for this process, or fails with ErrLocked.
func (f FS) Lock(name string) (io.Closer, error) {
	l, err := f.inner().Lock(name)
	if err != nil {
		return nil, lockError(err)
	}
	return l, nil
}

func lockStore(f FS, dir string) (*pebble.Lock, error) {
	l, err := pebble.LockDirectory(dir, f.inner())
	if err != nil {
		return nil, lockError(err)
	}
	return l, nil
}

// lockError tells a lock that somebody holds from other failures. Within one
// process the operating system knows no conflict; Pebble keeps a list and has
// only a text for it.
func lockError(err error) error {
	if errors.Is(err, syscall.EAGAIN) || err.Error() == "lock held by current process" {
		return fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return err
}
