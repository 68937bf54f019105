package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// A pack is the unit in which records lie on disk: neighbouring records of one
// partition that were committed together, events in one range of keys and all
// other kinds in another, so that each range can be dropped from its front.
//
//	key     0  range      u8       0xE0 events, 0xE1 others
//	        1  position   u64 be   of the first record
//	        9  partition  u16 be
//
//	value   0  version    u8       1
//	        1  checksum   u32 le   CRC-32C of the key and of all that follows
//	        5  count      uvarint  records, at least 1
//	           count times:
//	           step       uvarint  position minus the one before; 0 for the first
//	           kind       u8
//	           id         16 bytes
//	           time       uvarint  Unix ms for the first, then minus the one before
//	           length     uvarint
//	           data       length bytes
//
// Two packs of a range never overlap: each covers the positions from its first
// to its last record, and the next begins after that. So the pack that holds a
// position is the last one that begins at or before it.
const (
	eventRange = kv.FirstLogByte
	otherRange = kv.FirstLogByte + 1

	packVersion = 1
	packHeader  = 5
	packKeySize = 1 + 8 + 2

	// maxPack is where a pack ends and the next begins. A Get reads a whole
	// pack (20 µs at this size); a record that is larger gets its own.
	maxPack = 64 << 10

	// recOverhead is the most that a record takes beside its data: step 10,
	// kind 1, id 16, time 10, length 5.
	recOverhead = 42
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// rangeOf is where records of a kind lie.
func rangeOf(k Kind) byte {
	if k == Event {
		return eventRange
	}
	return otherRange
}

// recSize is what a record takes at most, in packs and in pending bytes.
func recSize(r *Rec) int { return len(r.Data) + recOverhead }

func packKey(dst []byte, rng byte, first Pos, p int) []byte {
	return kv.Key(dst).U8(rng).U64(uint64(first)).U16(uint16(p))
}

// splitKey is the inverse of packKey.
func splitKey(key []byte) (first Pos, p int) {
	return Pos(binary.BigEndian.Uint64(key[1:])), int(binary.BigEndian.Uint16(key[9:]))
}

// encodePack returns the value of the pack of recs, which lie in one range in
// the order of their positions, and lets their Data point into it. The buffer is
// never reused.
func encodePack(key []byte, recs []*Rec) []byte {
	size := packHeader + binary.MaxVarintLen64
	for _, r := range recs {
		size += recSize(r)
	}
	b := make([]byte, packHeader, size) // never grows, so the Data set below stay in it
	b[0] = packVersion
	b = binary.AppendUvarint(b, uint64(len(recs)))
	pos, at := recs[0].Pos, int64(0)
	for _, r := range recs {
		b = binary.AppendUvarint(b, uint64(r.Pos-pos))
		b = append(b, byte(r.Kind))
		b = append(b, r.ID[:]...)
		b = binary.AppendUvarint(b, uint64(r.At-at))
		b = binary.AppendUvarint(b, uint64(len(r.Data)))
		b = append(b, r.Data...)
		r.Data = b[len(b)-len(r.Data) : len(b) : len(b)]
		pos, at = r.Pos, r.At
	}
	binary.LittleEndian.PutUint32(b[1:], packSum(key, b))
	return b
}

// appendRecs appends the records of a pack to dst; their Data point into value.
// Everything is checked: an error is an ErrCorrupt that names the place.
func appendRecs(dst []Rec, key, value []byte) ([]Rec, error) {
	first, p := splitKey(key)
	damaged := func(what string) ([]Rec, error) {
		return nil, fmt.Errorf("%w: pack at position %d, partition %d: %s", ErrCorrupt, first, p, what)
	}
	switch {
	case len(value) <= packHeader:
		return damaged("too short")
	case value[0] != packVersion:
		return damaged(fmt.Sprintf("unknown version %d", value[0]))
	case binary.LittleEndian.Uint32(value[1:]) != packSum(key, value):
		return damaged("checksum does not match")
	}
	f := fields{rest: value[packHeader:]}
	count := f.uvarint()
	r := Rec{Pos: first}
	for i := range count {
		step := f.uvarint()
		if i > 0 && step == 0 {
			return damaged("positions do not grow")
		}
		r.Pos += Pos(step)
		r.Kind = Kind(f.byte())
		copy(r.ID[:], f.bytes(16))
		r.At += int64(f.uvarint())
		r.Data = f.bytes(f.uvarint())
		if f.short {
			return damaged("ends early")
		}
		if rangeOf(r.Kind) != key[0] {
			return damaged("record in the wrong range")
		}
		dst = append(dst, r)
	}
	if len(f.rest) > 0 || count == 0 {
		return damaged("count does not match")
	}
	return dst, nil
}

// fields reads a value field by field; after the first that is not there, all
// are empty and short is set.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.rest, f.short = nil, true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) bytes(n uint64) []byte {
	if n > uint64(len(f.rest)) {
		f.rest, f.short = nil, true
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) byte() byte {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func packSum(key, pack []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, pack[packHeader:])
}
