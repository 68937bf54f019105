package wal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// FuzzFormat: a format file, of whatever directory somebody restores, is what
// this version would write or is refused with a word on what to do.
func FuzzFormat(f *testing.F) {
	f.Add(format{Version: 1, Partitions: 16, Hash: hashName}.encode())
	f.Add([]byte(`{"format":2,"partitions":16,"hash":"xxhash64","more":1}`))
	f.Add([]byte(`{"format":1,"partitions":1025,"hash":"xxhash64"}`))
	f.Add([]byte(`{"format":1,"partitions":16,"hash":"xxhash64"}{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseFormat(data)
		if err != nil {
			if text := err.Error(); !errors.Is(err, ErrFormat) || !strings.Contains(text, "backup") && !strings.Contains(text, "use that version") {
				t.Errorf("%q: got %v, want ErrFormat and what to do", data, err)
			}
			return
		}
		if got.Version != formatVersion || got.Partitions < 1 || got.Partitions > maxPartitions || got.Hash != hashName {
			t.Errorf("%q: got %+v", data, got)
		}
		if again, err := parseFormat(got.encode()); err != nil || again != got {
			t.Errorf("%q: written and read again: got %+v, %v, want %+v", data, again, err, got)
		}
	})
}

// FuzzHighwater: bytes in the place of a high-water mark are never taken for
// one that was not written, and what was written is read again beside them.
func FuzzHighwater(f *testing.F) {
	f.Add([]byte(slotMagic+strings.Repeat("\x01", 36)), uint64(7), uint64(9), true)
	f.Add([]byte{}, uint64(1), uint64(1)<<63, false)
	f.Fuzz(func(t *testing.T, garbage []byte, first, end uint64, second bool) {
		fs := kv.MemFS()
		h, err := openHighwater(fs, "highwater")
		if err != nil {
			t.Fatal(err)
		}
		if second {
			h.count++ // so that the slots change places
		}
		if err := h.start(Pos(first), Pos(end)); err != nil {
			t.Fatal(err)
		}
		other := slotEvery * int64((h.count+1)%2)
		if _, err := h.file.WriteAt(garbage[:min(len(garbage), slotSize)], other); err != nil {
			t.Fatal(err)
		}
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
		got, err := openHighwater(fs, "highwater")
		if err != nil {
			t.Fatal(err)
		}
		defer got.close()
		if got.first != Pos(first) || got.end != Pos(end) || time.Since(got.at) > time.Minute {
			t.Errorf("beside %q: got first %d, end %d at %v, want %d, %d and now", garbage, got.first, got.end, got.at, first, end)
		}
	})
}
