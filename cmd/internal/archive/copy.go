// Package archive works on stores that no server has open: a data directory
// after its server has ended, or a backup. It copies them and says whether they
// are whole.
//
// Only the store is copied: the log with the ledger in it. What lies beside it
// in a data directory, the master key above all, is not.
package archive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// The files of a store, as package wal lays it out. The format file comes last:
// without it a copy is not taken for a store.
const (
	dbDir         = "db"
	highwaterFile = "highwater"
	formatFile    = "format"
	lockFile      = "lock"
	dbLockFile    = "LOCK"
	tableSuffix   = ".sst"
)

// ErrNotStore reports a directory that is no store, or an unfinished copy of
// one.
var ErrNotStore = errors.New("is neither a data directory nor a backup, or not all of one")

// ErrExists reports a directory that has a store already.
var ErrExists = errors.New("has a store already: nothing is overwritten")

// Copy copies the store in from to the directory to, which must not have one,
// durably. What a crash leaves behind is not taken for a store.
func Copy(from, to string) error {
	for _, name := range []string{formatFile, dbDir} {
		if _, err := os.Lstat(filepath.Join(to, name)); !errors.Is(err, os.ErrNotExist) {
			return errors.Join(fmt.Errorf("%s %w", to, ErrExists), err)
		}
	}
	if err := duplicate(from, to, copyFile); err != nil {
		return errors.Join(err, remove(to))
	}
	return nil
}

// remove removes a store and leaves what else is in its directory.
func remove(dir string) error {
	var faults []error
	for _, name := range []string{formatFile, highwaterFile, dbDir} {
		faults = append(faults, os.RemoveAll(filepath.Join(dir, name)))
	}
	return errors.Join(faults...)
}

// duplicate makes a store in the directory to out of the one in from, which
// nobody may have open.
func duplicate(from, to string, file func(from, to string) error) (err error) {
	if _, err := os.Stat(filepath.Join(from, formatFile)); err != nil {
		return missing(from, err)
	}
	lock, err := lockStore(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	var fs kv.FS
	if err := fs.MkdirAll(filepath.Join(to, dbDir)); err != nil {
		return err
	}
	names, err := os.ReadDir(filepath.Join(from, dbDir))
	if err != nil {
		return missing(from, err)
	}
	for _, entry := range names {
		if entry.Name() == dbLockFile {
			continue
		}
		name := filepath.Join(dbDir, entry.Name())
		if err := file(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	if err := fs.SyncDir(filepath.Join(to, dbDir)); err != nil {
		return err
	}
	// Tables never change; these two do, so that they are never linked.
	for _, name := range []string{highwaterFile, formatFile} {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return missing(from, err)
		}
	}
	return fs.SyncDir(to)
}

// missing says of a directory that lacks a file of a store that it is none. One
// that may not be looked into may well be one.
func missing(dir string, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%s %w: %w", dir, ErrNotStore, err)
	}
	return err
}

// lockStore keeps servers out of a data directory. A backup has never been
// opened and has no lock, and may be where nothing can be written.
func lockStore(dir string) (io.Closer, error) {
	path := filepath.Join(dir, lockFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	lock, err := kv.FS{}.Lock(path)
	if errors.Is(err, kv.ErrLocked) {
		err = fmt.Errorf("%s: %w", dir, wal.ErrInUse)
	}
	return lock, err
}

// linkFile makes another name for a table, which costs nothing, and copies the
// rest, and everything where links are not to be had.
func linkFile(from, to string) error {
	if strings.HasSuffix(from, tableSuffix) && os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to)
}

// copyFile copies a file durably.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, source)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
