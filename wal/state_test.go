package wal

import (
	"errors"
	"reflect"
	"testing"
)

func FuzzStateRoundTrip(f *testing.F) {
	f.Add(uint64(65537), uint64(12), int64(1_700_000_000_000), []byte{1, 2, 3, 4})
	f.Add(uint64(0), uint64(0), int64(0), []byte{})
	f.Fuzz(func(t *testing.T, ceiling, end uint64, at int64, parts []byte) {
		want := state{ceiling: Pos(ceiling), end: Pos(end), at: at, parts: make([]partState, len(parts))}
		for i, b := range parts {
			n := Pos(b) << (b % 50)
			want.parts[i] = partState{last: n + 3, other: n + 2, trimmed: n + 1, absorbed: n}
		}
		b := want.encode()
		got := state{parts: make([]partState, len(parts))}
		if err := got.decode(b); err != nil {
			t.Fatalf("decode: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if err := (&state{parts: make([]partState, len(parts)+1)}).decode(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("decode as one partition more: got error %v, want ErrCorrupt", err)
		}
		for i := 0; i < len(b); i += 1 + len(b)/64 {
			b[i] ^= 0x40
			if err := got.decode(b); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d changed: got error %v, want ErrCorrupt", i, err)
			}
			b[i] ^= 0x40
		}
		if err := got.decode(b[:len(b)-1]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut: got error %v, want ErrCorrupt", err)
		}
	})
}

func TestWhatMayBeDropped(t *testing.T) {
	for _, c := range []struct {
		name              string
		parts             []partState
		trimmable, absorb Pos
	}{
		{"nothing let go", []partState{{}, {last: 5, other: 5}}, 0, 0},
		{"one has not trimmed", []partState{{trimmed: 9}, {}}, 0, 10},
		{"all have", []partState{{trimmed: 9}, {trimmed: 7}}, 6, 10},
		{"all beyond the end", []partState{{trimmed: 11}, {trimmed: 11}}, 10, 10},
		{"the slowest absorbs", []partState{{other: 9, absorbed: 4}, {other: 8, absorbed: 8}}, 0, 4},
		{"those without do not count", []partState{{other: 9, absorbed: 9}, {}}, 0, 10},
	} {
		s := state{end: 10, parts: c.parts}
		if got := s.trimmable(); got != c.trimmable {
			t.Errorf("%s: trimmable: got %d, want %d", c.name, got, c.trimmable)
		}
		if got := s.absorbable(); got != c.absorb {
			t.Errorf("%s: absorbable: got %d, want %d", c.name, got, c.absorb)
		}
	}
}
