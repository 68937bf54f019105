// Package kvtest reads what a store has on disk the way that somebody would who
// stole the disk: every byte of every file, and the tables' blocks decompressed,
// with all that is in them and cannot be read through the store any more. It is
// for tests that prove that something is gone.
package kvtest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Files visits every file below dir, as it is. A table is visited once more for
// each of its entries, deletions and overwritten versions among them: key and
// value, one after the other. content is borrowed. Files that disappear
// meanwhile are left out, so dir may be in use.
func Files(t testing.TB, dir string, visit func(name string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if err == nil {
			visit(name, content)
			if filepath.Ext(name) == ".sst" {
				err = entries(name, func(key, value []byte) { visit(name, append(key, value...)) })
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatalf("read the files of %s: %v", dir, err)
	}
}

// entries visits what a table holds. The key is the visitor's.
func entries(name string, visit func(key, value []byte)) (err error) {
	file, err := vfs.Default.Open(name)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return err
	}
	table, err := sstable.NewReader(context.Background(), readable, sstable.ReaderOptions{})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := table.Close(); err == nil {
			err = cerr
		}
	}()
	points, err := table.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	for kv := points.First(); kv != nil; kv = points.Next() {
		value, _, err := kv.Value(nil)
		if err != nil {
			return err
		}
		visit(append([]byte(nil), kv.K.UserKey...), value)
	}
	if err := points.Close(); err != nil {
		return err
	}
	deletions, err := table.NewRawRangeDelIter(context.Background(), sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil || deletions == nil {
		return err
	}
	defer deletions.Close()
	span, err := deletions.First()
	for ; span != nil; span, err = deletions.Next() {
		visit(append([]byte(nil), span.Start...), span.End)
	}
	return err
}
