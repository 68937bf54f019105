package event

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Limits of the fields, in bytes. The JSON values have no limits of their own:
// they count together, see Size.
const (
	MaxAccount        = 255
	MaxAPIVersion     = 64
	MaxContext        = 512
	MaxSourceID       = 255
	MaxIdempotencyKey = 255
)

// maxTime is the last moment that has a four-digit year, in Unix ms.
var maxTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1

// FieldError is what is wrong with one field, under the name that the API has
// for it. It is meant for the client.
type FieldError struct {
	Field  string
	Detail string // continues the name: "must …"
}

func (f FieldError) Error() string { return f.Field + " " + f.Detail }

// Size is what counts against the greatest size of an event: the bytes of its
// JSON values.
func (e *Event) Size() int {
	size := len(e.Data)
	for _, f := range e.raw() {
		size += len(*f)
	}
	return size
}

// Validate reports everything that is wrong with an event that is about to be
// accepted. That its values are JSON at all is for their parser to say, and how
// large they may be for the configuration.
func (e *Event) Validate() (faults []FieldError) {
	fault := func(field, detail string) { faults = append(faults, FieldError{field, detail}) }
	switch {
	case e.Type == "":
		fault("type", "is required")
	case !ValidType(e.Type):
		fault("type", fmt.Sprintf("must be 1 to %d of A–Z a–z 0–9 _ . : [ ] -", MaxTypeLength))
	}
	if len(e.Data) == 0 {
		fault("data", "is required")
	}
	if e.OccurredAt < 0 || e.OccurredAt > maxTime {
		fault("occurred_at", "must lie between the years 1970 and 9999")
	}
	for _, f := range [...]struct {
		name, text string
		most       int
	}{
		{"id", e.Idempotency.Key, MaxIdempotencyKey},
		{"account", e.Account, MaxAccount},
		{"api_version", e.APIVersion, MaxAPIVersion},
		{"context", e.Context, MaxContext},
		{"source_event_id", e.SourceID, MaxSourceID},
	} {
		if len(f.text) > f.most {
			fault(f.name, fmt.Sprintf("must be at most %d bytes", f.most))
		} else if !ValidText(f.text) {
			fault(f.name, "must be UTF-8 without control characters")
		}
	}
	for i, name := range [...]string{"related_object", "reason", "changes", "request", "previous_attributes", "metadata"} {
		if value := *e.raw()[i]; len(value) != 0 && value[0] != '{' {
			fault(name, "must be an object")
		}
	}
	if len(faults) == 0 {
		e.checkStripe(fault)
	}
	return faults
}

// ValidText reports whether text is UTF-8 without control characters: it can
// stand in a JSON string with only quotes and backslashes escaped, and on one
// line of a log.
func ValidText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(text)
}
