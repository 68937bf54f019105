package wal

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

// recsFrom makes records out of fuzz input: a pure function, so that a failure
// can be repeated.
func recsFrom(in []byte) (rng byte, p int, recs []Rec) {
	next := func() byte {
		if len(in) == 0 {
			return 0
		}
		b := in[0]
		in = in[1:]
		return b
	}
	rng, p = eventRange, int(next())
	if next()%2 == 1 {
		rng = otherRange
	}
	pos, at := Pos(next()), int64(next())<<32
	for len(in) > 0 {
		pos += 1 + Pos(next())<<(next()%48)
		at += int64(next()) << (next() % 20)
		r := Rec{Pos: pos, Kind: Event, At: at}
		if rng == otherRange {
			r.Kind = Outcome + Kind(next()%3)
		}
		r.ID[next()%16] = next()
		n := min(int(next())*int(next()), len(in))
		r.Data, in = in[:n], in[n:]
		recs = append(recs, r)
	}
	return rng, p, recs
}

func refs(recs []Rec) []*Rec {
	out := make([]*Rec, len(recs))
	for i := range recs {
		out[i] = &recs[i]
	}
	return out
}

func FuzzPackRoundTrip(f *testing.F) {
	f.Add([]byte{3, 0, 200, 7, 1, 2, 3, 4, 5, 6, 1, 5, 'h', 'e', 'l', 'l', 'o', 9, 9, 9, 9})
	f.Add([]byte{255, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{1, 3, 40}, 200))
	f.Fuzz(func(t *testing.T, in []byte) {
		rng, p, recs := recsFrom(in)
		if len(recs) == 0 {
			return
		}
		want := make([]Rec, len(recs))
		copy(want, recs)
		key := packKey(nil, rng, recs[0].Pos, p)
		value := encodePack(key, refs(recs))
		if limit := packHeader + 10 + int(sizeOf(want)); len(value) > limit {
			t.Errorf("size: got %d bytes, want at most %d", len(value), limit)
		}
		got, err := appendRecs(nil, key, value)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("got %d records, want %d", len(got), len(want))
		}
		for i := range want {
			for what, r := range map[string]Rec{"decoded": got[i], "encoder's": recs[i]} {
				if r.Pos != want[i].Pos || r.Kind != want[i].Kind || r.ID != want[i].ID || r.At != want[i].At || !bytes.Equal(r.Data, want[i].Data) {
					t.Errorf("record %d, %s: got %+v, want %+v", i, what, r, want[i])
				}
			}
		}
		// No single changed byte may go unnoticed, nor a value under another key.
		for i := 0; i < len(value); i += 1 + len(value)/64 {
			value[i] ^= 0x10
			if _, err := appendRecs(nil, key, value); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d changed: got error %v, want ErrCorrupt", i, err)
			}
			value[i] ^= 0x10
		}
		key[5]++
		if _, err := appendRecs(nil, key, value); !errors.Is(err, ErrCorrupt) {
			t.Errorf("another key: got error %v, want ErrCorrupt", err)
		}
	})
}

// FuzzPackDecode gives the parser anything, with a checksum that fits, so that
// what is behind it is reached.
func FuzzPackDecode(f *testing.F) {
	key := packKey(nil, eventRange, 7, 3)
	whole := encodePack(key, []*Rec{{Pos: 7, Kind: Event, At: 1, Data: []byte("x")}, {Pos: 9, Kind: Event, At: 2}})
	f.Add(whole[packHeader:])
	f.Add(whole[packHeader : len(whole)-1])
	f.Add(bytes.Repeat([]byte{0xFF}, 40))
	f.Fuzz(func(t *testing.T, body []byte) {
		value := append([]byte{packVersion, 0, 0, 0, 0}, body...)
		sum := packSum(key, value)
		value[1], value[2], value[3], value[4] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		recs, err := appendRecs(nil, key, value)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got error %v, want ErrCorrupt", err)
			}
			return
		}
		if len(recs) == 0 || recs[0].Kind != Event {
			t.Errorf("got %d records without an error, want at least one event", len(recs))
		}
	})
}

func TestPackKeyOrder(t *testing.T) {
	var last []byte
	for _, pos := range []Pos{0, 1, 255, 256, math.MaxUint32, math.MaxUint64} {
		key := packKey(nil, eventRange, pos, 1023)
		if len(key) != packKeySize {
			t.Fatalf("key of position %d: got %d bytes, want %d", pos, len(key), packKeySize)
		}
		if bytes.Compare(last, key) >= 0 {
			t.Errorf("key of position %d is not after the one before", pos)
		}
		if gotPos, gotP := splitKey(key); gotPos != pos || gotP != 1023 {
			t.Errorf("split: got position %d, partition %d, want %d, 1023", gotPos, gotP, pos)
		}
		last = key
	}
}

func TestGroupIsCutIntoPacks(t *testing.T) {
	s := open(t, Options{Partitions: 1})
	big := string(bytes.Repeat([]byte("b"), 3*maxPack))
	var recs []Rec
	for range 100 {
		recs = append(recs, event(big[:1000]))
	}
	recs = append(recs, event(big), event("small"))
	submit(t, s, 0, recs...)

	it, err := s.db.Iter([]byte{eventRange}, []byte{eventRange + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	var counts []int
	for ok := it.First(); ok; ok = it.Next() {
		pack, err := appendRecs(nil, it.Key(), it.Value())
		if err != nil {
			t.Fatal(err)
		}
		if len(it.Value()) > maxPack && len(pack) > 1 {
			t.Errorf("pack %d: got %d bytes with %d records, want a large record alone", len(counts), len(it.Value()), len(pack))
		}
		counts = append(counts, len(pack))
	}
	if want := []int{62, 38, 1, 1}; len(counts) != 4 || counts[0] != want[0] || counts[1] != want[1] {
		t.Errorf("records per pack: got %v, want %v", counts, want)
	}
	if got := len(drain(t, s, 0, 0)); got != len(recs) {
		t.Errorf("got %d records, want %d", got, len(recs))
	}
}
