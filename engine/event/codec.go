package event

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// An event in the log (the Data of its record; the record itself carries the
// event's id as its ID and the time of arrival as its At):
//
//	version 1 | source 1 | fields uvarint | organization, type: uvarint length + bytes
//	then, for each bit set in fields, in order of the bits, its value:
//	   strings and JSON: uvarint length + bytes; times and target: uvarint
//	then the data, up to the end
//
// Unset fields cost nothing; an event of an ordinary producer has a header of
// about 30 bytes.
const codecVersion = 1

const (
	hasLivemode = 1 << iota
	hasOccurredAt
	hasTarget
	hasSourceID
	hasAccount
	hasAPIVersion
	hasContext
	hasRelatedObject
	hasReason
	hasChanges
	hasRequest
	hasPreviousAttributes
	hasMetadata
	hasIdempotency
	allFields = hasIdempotency<<1 - 1
)

// ErrDamaged says that bytes are no event of a version that this build knows.
var ErrDamaged = errors.New("event: damaged or of a newer version")

// Append appends the encoding of e to dst.
func (e *Event) Append(dst []byte) []byte {
	fields := e.fields()
	dst = append(dst, codecVersion, byte(e.Source))
	dst = binary.AppendUvarint(dst, fields)
	dst = appendText(dst, e.Organization)
	dst = appendText(dst, e.Type)
	if fields&hasOccurredAt != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.OccurredAt))
	}
	if fields&hasTarget != 0 {
		dst = binary.AppendUvarint(dst, e.Target)
	}
	for _, f := range e.optional() {
		if len(*f) != 0 {
			dst = appendText(dst, *f)
		}
	}
	for _, f := range e.raw() {
		if len(*f) != 0 {
			dst = appendText(dst, *f)
		}
	}
	if fields&hasIdempotency != 0 {
		dst = appendText(dst, e.Idempotency.Key)
		dst = append(dst, e.Idempotency.Fingerprint[:]...)
		dst = binary.AppendUvarint(dst, uint64(e.Idempotency.Expires))
	}
	return append(dst, e.Data...)
}

// Decode is the inverse of Append. Strings and slices of e alias data, which
// must not change as long as e is used. ID and ReceivedAt are left alone.
func (e *Event) Decode(data []byte) error {
	r := reader{rest: data}
	if r.byte() != codecVersion {
		return ErrDamaged
	}
	id, at := e.ID, e.ReceivedAt
	*e = Event{ID: id, ReceivedAt: at, Source: Source(r.byte())}
	fields := r.uvarint()
	if fields&^allFields != 0 {
		return ErrDamaged
	}
	e.Livemode = fields&hasLivemode != 0
	e.Organization = r.text()
	e.Type = r.text()
	if fields&hasOccurredAt != 0 {
		e.OccurredAt = int64(r.uvarint())
	}
	if fields&hasTarget != 0 {
		e.Target = r.uvarint()
	}
	for i, f := range e.optional() {
		if fields&(hasSourceID<<i) != 0 {
			*f = r.text()
		}
	}
	for i, f := range e.raw() {
		if fields&(hasRelatedObject<<i) != 0 {
			*f = r.bytes()
		}
	}
	if fields&hasIdempotency != 0 {
		e.Idempotency.Key = r.text()
		copy(e.Idempotency.Fingerprint[:], r.take(len(e.Idempotency.Fingerprint)))
		e.Idempotency.Expires = int64(r.uvarint())
	}
	if r.failed || e.fields() != fields {
		return ErrDamaged
	}
	e.Data = r.rest
	return nil
}

// optional lists the plain strings, raw the JSON values, both in the order of
// their bits.
func (e *Event) optional() [4]*string {
	return [...]*string{&e.SourceID, &e.Account, &e.APIVersion, &e.Context}
}

func (e *Event) raw() [6]*[]byte {
	return [...]*[]byte{&e.RelatedObject, &e.Reason, &e.Changes, &e.Request, &e.PreviousAttributes, &e.Metadata}
}

func (e *Event) fields() (fields uint64) {
	if e.Livemode {
		fields |= hasLivemode
	}
	if e.OccurredAt != 0 {
		fields |= hasOccurredAt
	}
	if e.Target != 0 {
		fields |= hasTarget
	}
	if e.Idempotency.Expires != 0 {
		fields |= hasIdempotency
	}
	for i, f := range e.optional() {
		if *f != "" {
			fields |= hasSourceID << i
		}
	}
	for i, f := range e.raw() {
		if len(*f) != 0 {
			fields |= hasRelatedObject << i
		}
	}
	return fields
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// reader takes an encoding apart. After the first fault it yields zeros and
// failed stays set, so callers check once, at the end.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	return r.take(int(n))
}

// text shares the memory of the encoding instead of copying it: the hot path
// looks the strings up in maps and lets go of them.
func (r *reader) text() string {
	b := r.bytes()
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}
