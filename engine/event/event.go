// Package event is what a producer posted: its fields, its bytes in the log,
// and the bytes that an endpoint receives for it.
//
// An event never changes. Its data is opaque: it is checked to be JSON when it
// arrives and from then on only copied, so that every receiver and every retry
// gets the bytes that the producer wrote (guarantee G7).
package event

import (
	"errors"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// ID identifies an event. It is a ULID, made by the writer before the append,
// so that a repeated append is recognised and ids sort by time of arrival.
type ID = ulid.ULID

// Event is one event. Strings and byte slices may alias the record it was
// decoded from; they are read-only.
type Event struct {
	ID           ID
	Livemode     bool // a label that shows in ids; it does not route
	Organization string
	Type         string // "invoice.paid": 1–128 of A–Z a–z 0–9 _ . : [ ] -
	Data         []byte // the JSON value as posted

	ReceivedAt int64 // Unix ms, the At of its record; not part of the encoding
	OccurredAt int64 // Unix ms; 0 = as ReceivedAt

	Source   Source
	SourceID string // the id that the source gave it, if it has one
	Account  string // the connected account that it concerns; "" = the organization's own
	Target   uint64 // key of the only endpoint it is for (test, ping); 0 = whoever matches

	APIVersion string
	Context    string
	// Raw JSON values, empty when absent.
	RelatedObject, Reason, Changes, Request, PreviousAttributes, Metadata []byte

	Idempotency Idempotency
}

// Idempotency makes a second event of the same key within its lifetime a
// duplicate. The lifetime begins at the time of the event's record, and its end
// is compared with such times: however the clocks of the machine are set, one
// clock decides. The zero value means that the event has no key.
type Idempotency struct {
	Key         string   // as the client gave it, shown to people
	Fingerprint [16]byte // of the content; another content under the same key is a conflict
	Lifetime    int64    // ms; 0 = there is no key
}

// Source says which door an event came in by.
type Source uint8

const (
	API    Source = 1 // POST /v1/events
	Stripe Source = 2 // the Stripe connector
	Ping   Source = 3 // made here, for one endpoint, by a dialect's ping
	Test   Source = 4 // made here, for one endpoint, by the native test
)

var sourceNames = [...]string{API: "api", Stripe: "stripe", Ping: "ping", Test: "test"}

func (s Source) String() string {
	if int(s) < len(sourceNames) && sourceNames[s] != "" {
		return sourceNames[s]
	}
	return "unknown"
}

// ParseSource is the inverse of String.
func ParseSource(name string) (Source, bool) {
	for s, n := range sourceNames {
		if n != "" && n == name {
			return Source(s), true
		}
	}
	return 0, false
}

const (
	liveIDPrefix = "evt_"
	testIDPrefix = "evt_test_"
)

// FormatID is how people see an event's id.
func FormatID(id ID, livemode bool) string {
	if livemode {
		return liveIDPrefix + id.String()
	}
	return testIDPrefix + id.String()
}

// AppendID is FormatID into dst, without allocating.
func AppendID(dst []byte, id ID, livemode bool) []byte {
	if livemode {
		dst = append(dst, liveIDPrefix...)
	} else {
		dst = append(dst, testIDPrefix...)
	}
	var text [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(text[:]) // fails only for a buffer of another size
	return append(dst, text[:]...)
}

// ParseID is the inverse of FormatID, for either mode.
func ParseID(text string) (ID, error) {
	rest, ok := strings.CutPrefix(text, testIDPrefix)
	if !ok {
		rest, ok = strings.CutPrefix(text, liveIDPrefix)
	}
	if !ok {
		return ID{}, ErrBadID
	}
	id, err := ulid.ParseStrict(rest)
	if err != nil || rest != id.String() {
		return ID{}, ErrBadID
	}
	return id, nil
}

// ErrBadID says that a text is no event id.
var ErrBadID = errors.New("not an event id: expected evt_ or evt_test_ and 26 characters")

// Occurred is when the event happened, as far as is known.
func (e *Event) Occurred() time.Time {
	if e.OccurredAt != 0 {
		return time.UnixMilli(e.OccurredAt).UTC()
	}
	return time.UnixMilli(e.ReceivedAt).UTC()
}

// MaxTypeLength is the longest event type, in bytes.
const MaxTypeLength = 128

// ValidType reports whether a text can be an event type.
func ValidType(t string) bool {
	if t == "" || len(t) > MaxTypeLength {
		return false
	}
	for i := range len(t) {
		if !typeByte[t[i]] {
			return false
		}
	}
	return true
}

// typeByte says which bytes a type may have.
var typeByte = func() (ok [256]bool) {
	for c := range ok {
		ok[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.:[]-", byte(c)) >= 0
	}
	return ok
}()
