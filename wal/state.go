package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// state is what the log must know of itself when it is opened: one row, which
// the committer alone writes, at least every stateInterval positions, and
// together with every trim. What it says of the end of the log is a lower bound;
// open reads the packs after it.
//
//	key     0xF0 "state"
//	value   version    u8      1
//	        checksum   u32 le  CRC-32C of all that follows
//	        ceiling    u64 le  every position handed out so far is below
//	        end        u64 le  the last position written
//	        at         u64 le  its time, Unix ms
//	        count      u64 le  partitions
//	        count times: last, other, trimmed, absorbed (u64 le each)
//
// # Why a ceiling
//
// Outcome records are passed on before they are durable, and a crash may erase
// them. If the positions after the durable end were given out again, a reader
// that remembers one would find another record there. So positions are reserved
// in blocks, durably and ahead of their use, and after a restart numbering goes
// on at the ceiling. The gap costs nothing: there are 2^64 positions.
type state struct {
	ceiling Pos
	end     Pos
	at      int64
	parts   []partState
}

// partState is the part of the state that concerns one partition.
type partState struct {
	last     Pos // the last record
	other    Pos // the last record that is no event
	trimmed  Pos // events before it are forgotten
	absorbed Pos // other records up to it are forgotten
}

const (
	stateVersion = 1
	stateHeader  = 5

	// stateInterval bounds both the packs to read at open and the ceiling's
	// lead: 32 Ki records of 1 KB are read in 10 ms.
	stateInterval = 32 << 10
)

var stateKey = []byte("\xF0state")

// note takes in a record that is about to be written or was found on disk.
func (s *state) note(p int, r *Rec) {
	s.end, s.at = max(s.end, r.Pos), max(s.at, r.At)
	part := &s.parts[p]
	part.last = max(part.last, r.Pos)
	if r.Kind != Event {
		part.other = max(part.other, r.Pos)
	}
}

// trimmable is the position up to which no partition has events to keep, and
// absorbable the same for other records. A partition whose last other record is
// absorbed does not hold the rest back.
func (s *state) trimmable() Pos {
	low := s.end + 1
	for _, p := range s.parts {
		low = min(low, p.trimmed)
	}
	if low == 0 {
		return 0
	}
	return low - 1
}

func (s *state) absorbable() Pos {
	low := s.end
	for _, p := range s.parts {
		if p.absorbed < p.other {
			low = min(low, p.absorbed)
		}
	}
	return low
}

func (s *state) encode() []byte {
	b := make([]byte, stateHeader, stateHeader+32+32*len(s.parts))
	for _, v := range []uint64{uint64(s.ceiling), uint64(s.end), uint64(s.at), uint64(len(s.parts))} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, p := range s.parts {
		for _, v := range []Pos{p.last, p.other, p.trimmed, p.absorbed} {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
	}
	b[0] = stateVersion
	binary.LittleEndian.PutUint32(b[1:], crc32.Checksum(b[stateHeader:], castagnoli))
	return b
}

func (s *state) decode(b []byte) error {
	if len(b) < stateHeader+32 || b[0] != stateVersion ||
		binary.LittleEndian.Uint32(b[1:]) != crc32.Checksum(b[stateHeader:], castagnoli) {
		return fmt.Errorf("%w: the log's own state", ErrCorrupt)
	}
	b = b[stateHeader:]
	u64 := func() uint64 {
		v := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return v
	}
	s.ceiling, s.end, s.at = Pos(u64()), Pos(u64()), int64(u64())
	if n := u64(); n != uint64(len(s.parts)) || len(b) != 32*len(s.parts) {
		return fmt.Errorf("%w: state of %d partitions in a log of %d", ErrCorrupt, n, len(s.parts))
	}
	for i := range s.parts {
		s.parts[i] = partState{last: Pos(u64()), other: Pos(u64()), trimmed: Pos(u64()), absorbed: Pos(u64())}
	}
	return nil
}

// loadState reads the state and the packs written after it.
func loadState(db *kv.DB, partitions int) (*state, error) {
	s := &state{ceiling: 1, parts: make([]partState, partitions)}
	value, found, err := db.Get(nil, stateKey)
	if err != nil {
		return nil, err
	}
	if found {
		if err := s.decode(value); err != nil {
			return nil, err
		}
	}
	from := s.end // both ranges start here, so it must not move in between
	for _, rng := range []byte{eventRange, otherRange} {
		if err := s.readOn(db, rng, from); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *state) readOn(db *kv.DB, rng byte, after Pos) (err error) {
	it, err := db.Iter(kv.Key{rng}, kv.Key{rng + 1})
	if err != nil {
		return err
	}
	var recs []Rec
	for ok := it.SeekGE(packKey(nil, rng, after+1, 0)); ok; ok = it.Next() {
		if recs, err = appendRecs(recs[:0], it.Key(), it.Value()); err != nil {
			break
		}
		_, p := splitKey(it.Key())
		if p >= len(s.parts) {
			err = fmt.Errorf("%w: pack of partition %d in a log of %d", ErrCorrupt, p, len(s.parts))
			break
		}
		for i := range recs {
			s.note(p, &recs[i])
		}
	}
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	return err
}
