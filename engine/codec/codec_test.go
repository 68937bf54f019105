package codec

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"unsafe"
)

func TestReader(t *testing.T) {
	data := []byte{7}
	data = binary.AppendUvarint(data, math.MaxUint64)
	data = binary.AppendUvarint(data, math.MaxInt32)
	data = binary.AppendUvarint(data, math.MaxUint32)
	before := int64(-1)
	data = binary.AppendUvarint(data, uint64(before))
	data = append(data, "raw"...)
	data = AppendText(data, []byte("bytes"))
	data = AppendText(data, "copied")
	data = AppendText(data, "shared")
	data = AppendText(data, "")
	data = append(data, "rest"...)

	r := NewReader(data)
	for _, test := range []struct{ what, got, want any }{
		{"byte", r.Byte(), byte(7)},
		{"uvarint", r.Uvarint(), uint64(math.MaxUint64)},
		{"count", r.Count(), math.MaxInt32},
		{"uint32", r.Uint32(), uint32(math.MaxUint32)},
		{"int64", r.Int64(), before},
		{"take", string(r.Take(3)), "raw"},
		{"bytes", string(r.Bytes()), "bytes"},
		{"text", r.Text(), "copied"},
		{"shared text", r.SharedText(), "shared"},
		{"empty shared text", r.SharedText(), ""},
		{"rest", string(r.Rest()), "rest"},
		{"ok", r.OK(), true},
		{"done", r.Done(), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", test.what, test.got, test.want)
		}
	}
}

// What is shared is the encoding's memory and cannot be appended into it; what
// is copied is not.
func TestReaderShares(t *testing.T) {
	data := AppendText(nil, "abc")
	read := func() *Reader { r := NewReader(data); return &r }
	if got, want := unsafe.StringData(read().SharedText()), &data[1]; got != want {
		t.Errorf("shared text lies at %p, want %p", got, want)
	}
	if got := unsafe.StringData(read().Text()); got == &data[1] {
		t.Errorf("text lies in the encoding, want a copy")
	}
	if got, want := cap(read().Bytes()), 3; got != want {
		t.Errorf("capacity of bytes: got %d, want %d", got, want)
	}
}

func TestReaderFaults(t *testing.T) {
	big := binary.AppendUvarint(nil, math.MaxUint32+1)
	for _, test := range []struct {
		what string
		data []byte
		read func(*Reader)
	}{
		{"byte of nothing", nil, func(r *Reader) { r.Byte() }},
		{"uvarint of nothing", nil, func(r *Reader) { r.Uvarint() }},
		{"uvarint cut off", []byte{0x80}, func(r *Reader) { r.Uvarint() }},
		{"uvarint of 65 bits", bytes.Repeat([]byte{0xff}, 11), func(r *Reader) { r.Uvarint() }},
		{"count of 32 bits", binary.AppendUvarint(nil, math.MaxInt32+1), func(r *Reader) { r.Count() }},
		{"uint32 of 33 bits", big, func(r *Reader) { r.Uint32() }},
		{"take too many", []byte("ab"), func(r *Reader) { r.Take(3) }},
		{"take less than nothing", []byte("ab"), func(r *Reader) { r.Take(-1) }},
		{"text cut off", []byte{3, 'a', 'b'}, func(r *Reader) { r.Text() }},
		{"text of 2⁶⁴ bytes", binary.AppendUvarint(nil, math.MaxUint64), func(r *Reader) { r.SharedText() }},
	} {
		r := NewReader(test.data)
		test.read(&r)
		if r.OK() || r.Done() {
			t.Errorf("%s: got no fault, want one", test.what)
		}
		if got := r.Byte(); got != 0 || len(r.Rest()) != 0 {
			t.Errorf("%s: after the fault: got byte %d and %d bytes left, want 0 and none", test.what, got, len(r.Rest()))
		}
	}
}
