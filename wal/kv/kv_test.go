package kv

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func openTest(t testing.TB, o Options) *DB {
	t.Helper()
	o.Dir, o.Logger = "/db", quiet
	d, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func write(t testing.TB, d *DB, fill func(*Batch)) {
	t.Helper()
	b := d.Batch()
	defer b.Close()
	fill(b)
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
}

func TestReadsAndWrites(t *testing.T) {
	d := openTest(t, Options{FS: MemFS()})
	write(t, d, func(b *Batch) {
		if !b.Empty() {
			t.Error("a new batch is not empty")
		}
		for _, k := range "abcdefg" {
			b.Set([]byte(string(k)), []byte(strings.ToUpper(string(k))))
		}
		b.Delete([]byte("b"))
		b.DeleteRange([]byte("d"), []byte("f"))
	})
	for key, want := range map[string]string{"a": "A", "b": "", "d": "", "e": "", "f": "F", "z": ""} {
		got, found, err := d.Get([]byte("old "), []byte(key))
		if err != nil || found != (want != "") || string(got) != "old "+want {
			t.Errorf("get %s: got %q, %v, %v, want %q", key, got, found, err, "old "+want)
		}
		if found, err := d.Has([]byte(key)); err != nil || found != (want != "") {
			t.Errorf("has %s: got %v, %v, want %v", key, found, err, want != "")
		}
	}
	it, err := d.Iter([]byte("a"), []byte("g"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for ok := it.First(); ok; ok = it.Next() {
		got = append(got, string(it.Key())+string(it.Value()))
	}
	if want := []string{"aA", "cC", "fF"}; !slices.Equal(got, want) {
		t.Errorf("forward: got %v, want %v", got, want)
	}
	at := func(ok bool) string {
		if ok != it.Valid() {
			t.Errorf("moved: got %v, but valid is %v", ok, it.Valid())
		}
		if !ok {
			return ""
		}
		return string(it.Key())
	}
	for _, c := range []struct{ what, got, want string }{
		{"last", at(it.Last()), "f"},
		{"prev", at(it.Prev()), "c"},
		{"seek ≥ d", at(it.SeekGE([]byte("d"))), "f"},
		{"seek < d", at(it.SeekLT([]byte("d"))), "c"},
		{"seek < a", at(it.SeekLT([]byte("a"))), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
	if err := errors.Join(it.Err(), it.Close()); err != nil {
		t.Error(err)
	}
}

func TestHasAfterCompaction(t *testing.T) {
	d := openTest(t, Options{FS: MemFS()})
	write(t, d, func(b *Batch) {
		for i := range uint64(2_000) {
			b.Set(Key(nil).U64(2*i), nil)
		}
	})
	if err := d.Purge(t.Context(), Span{[]byte{0}, []byte{0xFF}}); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(4_000) {
		if got, err := d.Has(Key(nil).U64(i)); err != nil || got != (i%2 == 0) {
			t.Fatalf("has %d: got %v, %v, want %v", i, got, err, i%2 == 0)
		}
	}
	m := d.Metrics()
	if m.FilterHits < 1_800 {
		t.Errorf("filters saved %d reads of 2,000 absent keys, want nearly all", m.FilterHits)
	}
	if m.Flushes == 0 || m.Compactions == 0 || m.BytesIn == 0 || m.WALBytes < m.BytesIn || m.Fsync.Count == 0 || m.DiskBytes == 0 {
		t.Errorf("metrics: got %+v, want traces of what was done", m)
	}
}

// What is written to the WAL, flushed and compacted is told apart: random bytes
// that are committed once are written to the WAL once and flushed once.
func TestWrittenBytes(t *testing.T) {
	d := openTest(t, Options{})
	before := d.Metrics()
	value := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(value)
	b := d.Batch()
	defer b.Close()
	b.Set([]byte("k"), value)
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	m := d.Metrics()
	for what, got := range map[string]uint64{
		"BytesIn": m.BytesIn - before.BytesIn, "WALBytes": m.WALBytes - before.WALBytes,
		"FlushedBytes": m.FlushedBytes - before.FlushedBytes,
	} {
		if got < 1<<20 || got > 1<<20+16<<10 {
			t.Errorf("%s: got %d, want %d and little more", what, got, 1<<20)
		}
	}
	if got := m.CompactedBytes - before.CompactedBytes; got != 0 {
		t.Errorf("CompactedBytes: got %d, want 0", got)
	}
}

func TestBatchIsReused(t *testing.T) {
	d := openTest(t, Options{FS: MemFS()})
	b := d.Batch()
	defer b.Close()
	for i := range 3 {
		b.Set([]byte{byte(i)}, []byte("x"))
		if err := b.Commit(i%2 == 0); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if !b.Empty() {
			t.Error("a batch is not empty after reset")
		}
	}
	for i := range 3 {
		if found, err := d.Has([]byte{byte(i)}); !found || err != nil {
			t.Errorf("key %d: got %v, %v, want it found", i, found, err)
		}
	}
}

// Unsynced commits are lost in a power cut, and made durable by Sync, by the
// next synced commit and by Close.
func TestDurability(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*DB, *Batch)
		want bool
	}{
		"nothing":       {func(*DB, *Batch) {}, false},
		"sync":          {func(d *DB, _ *Batch) { d.Sync() }, true},
		"synced commit": {func(_ *DB, b *Batch) { b.Set([]byte("other"), nil); b.Commit(true) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			fs := NewCrashFS()
			d := openTest(t, Options{FS: fs.FS})
			b := d.Batch()
			defer b.Close()
			b.Set([]byte("key"), nil)
			if err := b.Commit(false); err != nil {
				t.Fatal(err)
			}
			b.Reset()
			c.then(d, b)
			after := openTest(t, Options{FS: fs.Crash(nil, 0).FS})
			if got, err := after.Has([]byte("key")); err != nil || got != c.want {
				t.Errorf("after the crash: got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	fs := MemFS()
	d := openTest(t, Options{FS: fs})
	if _, err := Open(Options{Dir: "/db", FS: fs}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: got error %v, want ErrLocked", err)
	}
	if err := d.Checkpoint("/copy"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: "/none", FS: fs, ReadOnly: true}); err == nil {
		t.Error("read-only open of nothing: got no error")
	}
	if _, err := Open(Options{Dir: "/x", FS: fs, CacheSize: 1, MemTableSize: 1, MaxOpenFiles: 1}); err == nil ||
		!strings.Contains(err.Error(), "cache") || !strings.Contains(err.Error(), "memtable") || !strings.Contains(err.Error(), "files") {
		t.Errorf("invalid options: got error %v, want all three named", err)
	}
	ro, err := Open(Options{Dir: "/copy", FS: fs, ReadOnly: true, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	b := ro.Batch()
	b.Set([]byte("x"), nil)
	if err := b.Commit(true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("commit: got error %v, want ErrReadOnly", err)
	}
	b.Close()
	if err := ro.Close(); err != nil {
		t.Error(err)
	}
}

func TestDamageIsReported(t *testing.T) {
	fs := NewCrashFS()
	d := openTest(t, Options{FS: fs.FS})
	write(t, d, func(b *Batch) {
		for i := range uint64(1000) {
			b.Set(Key(nil).U64(i), bytes.Repeat([]byte{byte(i), byte(i >> 3)}, 50))
		}
	})
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	copied := fs.Crash(nil, 0)
	names, err := copied.List("/db")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if path.Ext(n) != ".sst" {
			continue
		}
		data, err := copied.ReadFile("/db/" + n)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/4] ^= 1
		if err := copied.WriteFile("/db/"+n, data); err != nil {
			t.Fatal(err)
		}
	}
	damaged := openTest(t, Options{FS: copied.FS})
	failed := 0
	for i := range uint64(1000) {
		got, found, err := damaged.Get(nil, Key(nil).U64(i))
		switch {
		case errors.Is(err, ErrCorrupt):
			failed++
		case err != nil || !found || got[0] != byte(i):
			t.Fatalf("get %d: got %v, %v, %v, want the value or ErrCorrupt", i, got, found, err)
		}
	}
	if failed == 0 || damaged.Metrics().Corruptions == 0 {
		t.Errorf("got %d damaged reads and %d in the metrics, want some", failed, damaged.Metrics().Corruptions)
	}
}

// Background failures are logged at intervals, degrade the store, and end the
// process when they last; a success in between resets it, a full disk never
// ends it.
func TestBackgroundFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		later error // instead of err from 35 s on
		heal  bool
		fatal bool
	}{
		{"lasting", syscall.EIO, nil, false, true},
		{"healed in between", syscall.EIO, nil, true, false},
		{"full disk", fmt.Errorf("write: %w", syscall.ENOSPC), nil, false, false},
		{"after a full disk", syscall.ENOSPC, syscall.EIO, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				type exit struct{ err error }
				told := errors.New("nothing yet")
				f := newFaults(Options{
					Logger:     slog.New(slog.NewTextHandler(&log, nil)),
					Background: func(err error) { told = err },
					Fatal:      func(err error) { panic(exit{err}) },
				})
				fatal := func() (fatal bool) {
					defer func() { fatal = recover() != nil }()
					for i := range 400 {
						err := c.err
						if c.later != nil && i >= 350 {
							err = c.later
						}
						f.backgroundError(err)
						if f.degraded() == "" {
							t.Error("failing, but not degraded")
						}
						if !errors.Is(told, err) || !strings.Contains(told.Error(), "the disk") {
							t.Errorf("told: got %v, want %v and what to do", told, err)
						}
						if c.heal && i == 200 {
							f.backgroundSuccess()
							if got := f.degraded(); got != "" {
								t.Errorf("after a success: got degraded %q", got)
							}
							if told != nil {
								t.Errorf("told after a success: got %v, want nil", told)
							}
						}
						time.Sleep(100 * time.Millisecond)
					}
					return false
				}()
				if fatal != c.fatal {
					t.Errorf("fatal: got %v, want %v", fatal, c.fatal)
				}
				if got := strings.Count(log.String(), "background write failed"); got < 3 || got > 6 {
					t.Errorf("got %d log lines of hundreds of failures in 30–40 s, want one in 10 s", got)
				}
			})
		})
	}
}

func FuzzPrefixEnd(f *testing.F) {
	f.Add([]byte{1}, []byte{1, 0xFF})
	f.Add([]byte{0xFF, 0xFF}, []byte{0xFF, 0xFF, 1})
	f.Add([]byte{1, 0xFF}, []byte{2})
	f.Fuzz(func(t *testing.T, prefix, key []byte) {
		before := bytes.Clone(prefix)
		end := PrefixEnd(prefix)
		if !bytes.Equal(before, prefix) {
			t.Fatalf("prefix was changed to %x from %x", prefix, before)
		}
		inRange := bytes.Compare(key, prefix) >= 0 && (end == nil || bytes.Compare(key, end) < 0)
		if want := bytes.HasPrefix(key, prefix); inRange != want {
			t.Errorf("key %x, prefix %x, end %x: in range %v, has prefix %v", key, prefix, end, inRange, want)
		}
	})
}

func TestKeyOrder(t *testing.T) {
	keys := [][]byte{
		Key(nil).U8(0).U16(1).U32(2).U64(3),
		Key(nil).U8(0).U16(1).U32(2).U64(256),
		Key(nil).U8(0).U16(1).U32(1 << 20).U64(0),
		Key(nil).U8(0).U16(256).Raw([]byte("a")),
		Key(nil).U8(0).U16(256).Raw([]byte("b")),
		Key(nil).U8(1),
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Errorf("got %x, want ascending keys", keys)
	}
	if got, want := []byte(Key(nil).U16(0x0102).U32(0x03040506)), []byte{1, 2, 3, 4, 5, 6}; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func BenchmarkCommit(b *testing.B) {
	d := openTest(b, Options{FS: MemFS()})
	batch := d.Batch()
	defer batch.Close()
	value := make([]byte, 100)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		batch.Set(Key(nil).U64(i), value)
		if err := batch.Commit(false); err != nil {
			b.Fatal(err)
		}
		batch.Reset()
	}
}

func BenchmarkHasAbsent(b *testing.B) {
	d := openTest(b, Options{FS: MemFS()})
	write(b, d, func(w *Batch) {
		for i := range uint64(100_000) {
			w.Set(Key(nil).U64(i*2), nil)
		}
	})
	if err := d.Purge(b.Context(), Span{[]byte{0}, []byte{0xFF}}); err != nil {
		b.Fatal(err)
	}
	key := make(Key, 0, 8)
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i += 1002 {
		if _, err := d.Has(key[:0].U64(i % 200_000)); err != nil {
			b.Fatal(err)
		}
	}
}
