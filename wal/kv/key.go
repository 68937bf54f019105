package kv

import (
	"bytes"
	"encoding/binary"
)

// Key builds keys field by field, each in an order-preserving form: integers
// big-endian, bytes as they are. Start from nil or from a buffer to reuse:
//
//	kv.Key(buf[:0]).U16(partition).U64(position)
//
// Ledger keys begin with a partition (u16, at most 1023), so their first byte
// is at most 0x03; from FirstLogByte on it names a range of the log.
type Key []byte

// FirstLogByte is the smallest first byte of the log's own keys.
const FirstLogByte = 0xE0

// U8 appends one byte.
func (k Key) U8(v uint8) Key { return append(k, v) }

// U16 appends two bytes.
func (k Key) U16(v uint16) Key { return binary.BigEndian.AppendUint16(k, v) }

// U32 appends four bytes.
func (k Key) U32(v uint32) Key { return binary.BigEndian.AppendUint32(k, v) }

// U64 appends eight bytes.
func (k Key) U64(v uint64) Key { return binary.BigEndian.AppendUint64(k, v) }

// Raw appends b. Fields of variable length keep the order of their keys only at
// the end, or if nothing in them can be the beginning of another.
func (k Key) Raw(b []byte) Key { return append(k, b...) }

// PrefixEnd is the smallest key that is greater than every key with the prefix:
// the upper bound of its range. Nil, which is no bound, if there is none.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}
