// Package codec takes apart the binary encodings that the log and the ledger
// consist of: unsigned varints and texts behind their length. What such an
// encoding means, and its version, is up to the package whose it is.
package codec

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// AppendText appends a text behind its length; Bytes, Text and SharedText are
// its inverses.
func AppendText[T string | []byte](dst []byte, text T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// Reader reads an encoding from front to end. After the first fault it yields
// zeros, and OK is false for good, so callers check once, at the end. It never
// panics, and never allocates more than it was given.
type Reader struct {
	rest   []byte
	failed bool
}

// NewReader begins at the front of data, which it borrows.
func NewReader(data []byte) Reader { return Reader{rest: data} }

// OK reports whether everything so far was there and in range.
func (r *Reader) OK() bool { return !r.failed }

// Done is OK, and nothing is left.
func (r *Reader) Done() bool { return !r.failed && len(r.rest) == 0 }

// Rest is what has not been read, shared with the encoding.
func (r *Reader) Rest() []byte { return r.rest }

// Fail makes the encoding faulty from here on.
func (r *Reader) Fail() { r.failed, r.rest = true, nil }

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.rest) == 0 {
		r.Fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// Uvarint reads an unsigned varint.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Count reads a varint that must fit into 31 bits, so that it is a valid int
// everywhere.
func (r *Reader) Count() int {
	v := r.Uvarint()
	if v > math.MaxInt32 {
		r.Fail()
		return 0
	}
	return int(v)
}

// Uint32 reads a varint that must fit into 32 bits.
func (r *Reader) Uint32() uint32 {
	v := r.Uvarint()
	if v > math.MaxUint32 {
		r.Fail()
		return 0
	}
	return uint32(v)
}

// Int64 reads a number that was written as uint64, sign and all; times mostly.
func (r *Reader) Int64() int64 { return int64(r.Uvarint()) }

// Take reads n bytes, shared with the encoding.
func (r *Reader) Take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.Fail()
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

// Bytes reads a text as bytes, shared with the encoding.
func (r *Reader) Bytes() []byte {
	n := r.Uvarint()
	if n > uint64(len(r.rest)) {
		r.Fail()
		return nil
	}
	return r.Take(int(n))
}

// Text reads a copy of a text.
func (r *Reader) Text() string { return string(r.Bytes()) }

// SharedText reads a text without copying it: its memory is the encoding's,
// which must not change, or be used for anything else, as long as the text is
// in use.
func (r *Reader) SharedText() string {
	b := r.Bytes()
	return unsafe.String(unsafe.SliceData(b), len(b))
}
