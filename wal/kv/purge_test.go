package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv/kvtest"
)

// What was deleted or overwritten is in no file after Purge, wherever it was
// before: in the memory's WAL, in one that waits to be reused, behind the end of
// one that was, in the upper tables or in the lowest.
func TestPurge(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy=%v", busy), func(t *testing.T) { testPurge(t, busy) })
	}
}

func testPurge(t *testing.T, busy bool) {
	const marker = "MARKER"
	dir := t.TempDir()
	d, err := Open(Options{Dir: dir, MemTableSize: 256 << 10, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	value := func(mark string) []byte {
		v := make([]byte, 1000)
		for i := range v {
			v[i] = byte(random.Uint32())
		}
		copy(v[500:], mark)
		return v
	}
	fill := func(mark string) {
		b := d.Batch()
		defer b.Close()
		for i := range uint64(2000) { // 6 MB: many memtables and their WALs
			b.Set(Key(nil).Raw([]byte("deleted")).U64(i), value(mark))
			b.Set(Key(nil).Raw([]byte("overwritten")).U64(i), value(mark))
			b.Set(Key(nil).Raw([]byte("stays")).U64(i), value("kept"))
			if err := b.Commit(false); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	fill(marker)
	if err := d.Purge(t.Context(), Span{[]byte{0}, []byte{0xFF}}); err != nil { // into the lowest level
		t.Fatal(err)
	}
	fill(marker) // and the upper ones
	if got := found(t, dir, marker); got == 0 {
		t.Fatal("the marker is in no file before anything is deleted: the test shows nothing")
	}

	write(t, d, func(b *Batch) {
		prefix := []byte("deleted")
		b.DeleteRange(prefix, PrefixEnd(prefix))
		for i := range uint64(2000) {
			b.Set(Key(nil).Raw([]byte("overwritten")).U64(i), nil)
		}
	})
	var others sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	others.Go(func() { // who writes meanwhile has WALs reused and tables replaced
		for i := uint64(0); busy && ctx.Err() == nil; i++ {
			b := d.Batch()
			b.Set(Key(nil).Raw([]byte("written meanwhile")).U64(i%5000), make([]byte, 1000))
			if err := b.Commit(false); err != nil {
				t.Error(err)
			}
			b.Close()
		}
	})
	if err := d.Purge(t.Context(), Span{[]byte("d"), []byte("p")}); err != nil {
		t.Fatal(err)
	}
	cancel()
	others.Wait()
	if got := found(t, dir, marker); got != 0 {
		t.Errorf("got the marker %d times after the purge, want it nowhere", got)
	}
	if got := found(t, dir, "kept"); got < 2000 {
		t.Errorf("got %d of what was to stay, want at least 2000", got)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := found(t, dir, marker); got != 0 {
		t.Errorf("got the marker %d times after close, want it nowhere", got)
	}
}

// A table that was replaced is on disk for as long as somebody reads it, and
// Purge does not end before.
func TestPurgeWaitsForReaders(t *testing.T) {
	d := openTest(t, Options{FS: MemFS()})
	all := Span{[]byte{0}, []byte{0xFF}}
	write(t, d, func(b *Batch) { b.Set([]byte("key"), []byte("old")) })
	if err := d.Purge(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	it, err := d.Iter(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	it.First()
	write(t, d, func(b *Batch) { b.Set([]byte("key"), []byte("new")) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*purgePause)
	defer cancel()
	if err := d.Purge(ctx, all); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("purge while the old table is read: got %v, want it to wait", err)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Purge(t.Context(), all); err != nil {
		t.Errorf("purge afterwards: got %v", err)
	}
}

// found counts how often a text is in the files of a directory.
func found(t *testing.T, dir, text string) (n int) {
	t.Helper()
	kvtest.Files(t, dir, func(name string, content []byte) {
		if here := bytes.Count(content, []byte(text)); here > 0 {
			n += here
			if testing.Verbose() && n < 5 {
				t.Logf("%s has %q %d times", filepath.Base(name), text, here)
			}
		}
	})
	return n
}

// What would it cost never to reuse a WAL file? Each operation is a synced
// commit of 1 KB.
func BenchmarkSyncedCommit(b *testing.B) {
	for _, renew := range []bool{false, true} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("renew=%v/writers=%d", renew, writers), func(b *testing.B) {
				d, err := Open(Options{Dir: b.TempDir(), MemTableSize: 4 << 20, Logger: quiet})
				if err != nil {
					b.Fatal(err)
				}
				defer d.Close()
				d.files.setRenewing(renew)
				value := make([]byte, 1024)
				for i := range value {
					value[i] = byte(rand.Uint32())
				}
				b.SetParallelism(writers)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					batch := d.Batch()
					defer batch.Close()
					for pb.Next() {
						batch.Set(Key(nil).U64(rand.Uint64()>>44), value)
						if err := batch.Commit(true); err != nil {
							b.Error(err)
						}
						batch.Reset()
					}
				})
			})
		}
	}
}
