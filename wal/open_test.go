package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv"
)

func TestSecondOpenIsRefused(t *testing.T) {
	fs := kv.MemFS()
	open(t, Options{FS: fs})
	if _, err := Open(Options{Dir: "/data", FS: fs}); !errors.Is(err, ErrInUse) {
		t.Errorf("got error %v, want ErrInUse", err)
	}
}

func TestSecondOpenOnDiskIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("got error %v, want ErrInUse", err)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		name       string
		file       string
		partitions int
		want       string // in the error; "" for none
	}{
		{"same", `{"format":1,"partitions":4,"hash":"xxhash64"}`, 4, ""},
		{"not asked for", `{"format":1,"partitions":4,"hash":"xxhash64"}`, 0, ""},
		{"other partitions", `{"format":1,"partitions":4,"hash":"xxhash64"}`, 8, "made with 4 partitions"},
		{"newer", `{"format":2,"partitions":{"count":4}}`, 0, "format file"},
		{"newer, same fields", `{"format":2,"partitions":4,"hash":"xxhash64","codec":1}`, 0, "written by a newer version"},
		{"unknown field", `{"format":1,"partitions":4,"hash":"xxhash64","codec":1}`, 0, "codec"},
		{"other hash", `{"format":1,"partitions":4,"hash":"fnv"}`, 0, "fnv"},
		{"no partitions", `{"format":1,"hash":"xxhash64"}`, 0, "0 partitions"},
		{"garbage", "\x00\x00", 0, "format file"},
		{"empty", "", 0, "format file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := kv.MemFS()
			if err := errors.Join(fs.MkdirAll("/data"), fs.WriteFile("/data/format", []byte(c.file))); err != nil {
				t.Fatal(err)
			}
			s, err := Open(Options{Dir: "/data", FS: fs, Partitions: c.partitions})
			if c.want == "" {
				if err != nil {
					t.Fatalf("got error %v", err)
				}
				if got := s.Partitions(); got != 4 {
					t.Errorf("partitions: got %d, want 4", got)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want ErrFormat with %q", err, c.want)
			}
		})
	}
}

func TestInvalidOptionsAreAllReported(t *testing.T) {
	_, err := Open(Options{Partitions: 5000, Sync: 3, OutcomeSync: 1, PendingBytes: 1, AppendTimeout: 1})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"data directory", "partitions 5000", "sync interval", "outcome sync", "pending bytes", "append timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got error %q, want it to name %q", err, want)
		}
	}
}

// fill writes n events and closes the log.
func fill(t *testing.T, fs *kv.CrashFS, n int) {
	t.Helper()
	s := open(t, Options{FS: fs.FS})
	for i := range n {
		submit(t, s, 0, event(fmt.Sprintf("record %d", i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// newestWAL is the path of the store's newest write-ahead log.
func newestWAL(t *testing.T, fs kv.FS) string {
	t.Helper()
	names, err := fs.List("/data/db")
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for _, n := range names {
		if strings.HasSuffix(n, ".log") && n > newest {
			newest = n
		}
	}
	if newest == "" {
		t.Fatal("no WAL found")
	}
	return fs.Join("/data/db", newest)
}

func TestTruncatedLogIsRefused(t *testing.T) { // G10
	fs := kv.NewCrashFS()
	fill(t, fs, 200)
	wal := newestWAL(t, fs.FS)
	data, err := fs.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	if err := fs.WriteFile(wal, data[:len(data)/2]); err != nil {
		t.Fatal(err)
	}

	_, err = Open(Options{Dir: "/data", FS: fs.FS})
	loss, ok := errors.AsType[*DataLossError](err)
	if !ok {
		t.Fatalf("got error %v, want a DataLossError", err)
	}
	s := open(t, Options{FS: fs.FS, AcceptDataLoss: true})
	left := drain(t, s, 0, 0)
	if got, want := int(loss.Missing), 200-len(left); got != want || want == 0 {
		t.Errorf("missing: got %d, want %d (%d of 200 left)", got, want, len(left))
	}
	submit(t, s, 0, event("after"))
	recs := drain(t, s, 0, 0)
	if got := recs[len(recs)-1].Pos; got <= 200 {
		t.Errorf("position after the loss: got %d, want one that was never given out", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{FS: fs.FS}) // the loss is accepted once and for all
}

func TestMissingStoreIsRefused(t *testing.T) {
	fs := kv.NewCrashFS()
	fill(t, fs, 10)
	if err := fs.RemoveAll("/data/db"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Dir: "/data", FS: fs.FS})
	if loss, ok := errors.AsType[*DataLossError](err); !ok || loss.Missing != 10 {
		t.Errorf("got error %v, want a DataLossError of 10 records", err)
	}
}

func TestMissingFormatIsRefused(t *testing.T) {
	fs := kv.NewCrashFS()
	fill(t, fs, 10)
	if err := fs.Remove("/data/format"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: "/data", FS: fs.FS}); !errors.Is(err, ErrFormat) {
		t.Errorf("got error %v, want ErrFormat", err)
	}
}

// A flipped bit anywhere in what the log's newest WAL holds of acknowledged
// records is found, when opening or when reading; what is read is never wrong.
func TestFlippedBitIsFound(t *testing.T) { // G10
	const n = 200
	fs := kv.NewCrashFS()
	fill(t, fs, n)
	wal := newestWAL(t, fs.FS)
	data, err := fs.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 100 {
		at, bit := rng.IntN(len(data)), byte(1)<<rng.IntN(8)
		copied := fs.Crash(nil, 0)
		data[at] ^= bit
		if err := copied.WriteFile(wal, data); err != nil {
			t.Fatal(err)
		}
		data[at] ^= bit
		s, err := Open(Options{Dir: "/data", FS: copied.FS})
		if err != nil {
			found++
			_, loss := errors.AsType[*DataLossError](err)
			if !loss && !errors.Is(err, ErrCorrupt) {
				t.Errorf("bit %#x of byte %d: got error %v, want ErrCorrupt or a DataLossError", bit, at, err)
			}
			continue
		}
		recs := drain(t, s, 0, 0)
		for i, r := range recs {
			if want := fmt.Sprintf("record %d", i); string(r.Data) != want {
				t.Errorf("bit %#x of byte %d: record %d reads %q, want %q", bit, at, i, r.Data, want)
			}
		}
		if len(recs) != n {
			t.Errorf("bit %#x of byte %d: opened with %d records of %d", bit, at, len(recs), n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("no flip was found, the test touches nothing")
	}
}

func TestHighwaterSlots(t *testing.T) {
	fs := kv.MemFS()
	h, err := openHighwater(fs, "/mark")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.start(5, 4); err != nil {
		t.Fatal(err)
	}
	for end := Pos(10); end < 14; end++ {
		if err := h.write(end); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	whole, err := fs.ReadFile("/mark")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
		want   Pos
	}{
		{"whole", func(b []byte) []byte { return b }, 13},
		{"newest slot torn", func(b []byte) []byte { clear(b[slotEvery+20 : slotEvery+44]); return b }, 12},
		{"older slot torn", func(b []byte) []byte { clear(b[20:44]); return b }, 13},
		{"cut", func(b []byte) []byte { return b[:slotEvery+10] }, 12},
		{"gone", func([]byte) []byte { return nil }, 0},
	} {
		if err := fs.WriteFile("/mark", c.damage(append([]byte(nil), whole...))); err != nil {
			t.Fatal(err)
		}
		h, err := openHighwater(fs, "/mark")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if h.end != c.want {
			t.Errorf("%s: got end %d, want %d", c.name, h.end, c.want)
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
}
