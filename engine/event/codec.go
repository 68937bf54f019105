package event

import (
	"encoding/binary"
	"errors"

	"github.com/hookwheel/hookwheel/engine/codec"
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
)

// ErrDamaged says that bytes are no event of a version that this build knows.
var ErrDamaged = errors.New("event: damaged or of a newer version")

// Append appends the encoding of e to dst.
func (e *Event) Append(dst []byte) []byte {
	fields := e.fields()
	dst = append(dst, codecVersion, byte(e.Source))
	dst = binary.AppendUvarint(dst, fields)
	dst = codec.AppendText(dst, e.Organization)
	dst = codec.AppendText(dst, e.Type)
	if fields&hasOccurredAt != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.OccurredAt))
	}
	if fields&hasTarget != 0 {
		dst = binary.AppendUvarint(dst, e.Target)
	}
	for _, f := range e.optional() {
		if len(*f) != 0 {
			dst = codec.AppendText(dst, *f)
		}
	}
	for _, f := range e.raw() {
		if len(*f) != 0 {
			dst = codec.AppendText(dst, *f)
		}
	}
	if fields&hasIdempotency != 0 {
		dst = codec.AppendText(dst, e.Idempotency.Key)
		dst = append(dst, e.Idempotency.Fingerprint[:]...)
		dst = binary.AppendUvarint(dst, uint64(e.Idempotency.Lifetime))
	}
	return append(dst, e.Data...)
}

// Decode is the inverse of Append. Strings and slices of e alias data, which
// must not change as long as e is used. ID and ReceivedAt are left alone. After
// an error the rest of e is undefined.
func (e *Event) Decode(data []byte) error {
	r := codec.NewReader(data)
	if r.Byte() != codecVersion {
		return ErrDamaged
	}
	id, at := e.ID, e.ReceivedAt
	*e = Event{ID: id, ReceivedAt: at, Source: Source(r.Byte())}
	fields := r.Uvarint()
	e.Livemode = fields&hasLivemode != 0
	e.Organization = r.SharedText()
	e.Type = r.SharedText()
	if fields&hasOccurredAt != 0 {
		e.OccurredAt = r.Int64()
	}
	if fields&hasTarget != 0 {
		e.Target = r.Uvarint()
	}
	for i, f := range e.optional() {
		if fields&(hasSourceID<<i) != 0 {
			*f = r.SharedText()
		}
	}
	for i, f := range e.raw() {
		if fields&(hasRelatedObject<<i) != 0 {
			*f = r.Bytes()
		}
	}
	if fields&hasIdempotency != 0 {
		e.Idempotency.Key = r.SharedText()
		copy(e.Idempotency.Fingerprint[:], r.Take(len(e.Idempotency.Fingerprint)))
		e.Idempotency.Lifetime = r.Int64()
	}
	if !r.OK() || e.fields() != fields { // also a field that this build does not know
		return ErrDamaged
	}
	e.Data = r.Rest()
	return nil
}

// Clone is a copy of e that shares no memory with what e was decoded from. All
// its strings and slices lie in one piece.
func (e *Event) Clone() *Event {
	clone := &Event{ID: e.ID, ReceivedAt: e.ReceivedAt}
	if err := clone.Decode(e.Append(make([]byte, 0, len(e.Data)+256))); err != nil {
		panic("BUG: an event does not survive its encoding: " + err.Error())
	}
	return clone
}

// optional lists the plain strings, in the order of their bits.
func (e *Event) optional() [4]*string {
	return [...]*string{&e.SourceID, &e.Account, &e.APIVersion, &e.Context}
}

// raw lists the JSON values, in the order of their bits.
func (e *Event) raw() [6]*[]byte {
	return [...]*[]byte{&e.RelatedObject, &e.Reason, &e.Changes, &e.Request, &e.PreviousAttributes, &e.Metadata}
}

// fields has the bit of every field that is set.
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
	if e.Idempotency.Lifetime != 0 {
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
