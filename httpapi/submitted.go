package httpapi

import (
	"slices"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// readEvent reads one event as a producer writes it:
//
//	{"type": "invoice.paid", "data": {…}, "id": "…", "occurred_at": "…", …}
//
// text is valid JSON. The JSON values of ev are parts of text, not copies; so
// is nothing else. null is the same as absent. An event without data has {}.
// All that is wrong is returned at once.
func readEvent(text []byte, ev *event.Event) *wire.Error {
	if text[0] != '{' {
		return wire.Invalid(wire.Field{Detail: "must be an object"})
	}
	r := eventReader{ev: ev}
	json.Members(text, r.member)
	if ev.Data == nil {
		ev.Data = noData
	}
	for _, f := range ev.Validate() {
		r.fault(f.Field, f.Detail)
	}
	if len(r.faults) > 0 {
		return wire.Invalid(r.faults...)
	}
	return nil
}

var noData = []byte("{}")

// eventReader fills in an event member by member.
type eventReader struct {
	ev     *event.Event
	seen   uint32
	faults []wire.Field
}

func (r *eventReader) fault(field, detail string) {
	r.add(wire.Field{Pointer: "/" + field, Detail: detail})
}

// add notes a fault, unless one of the same field is noted already: a type that
// is no string is not a valid type either.
func (r *eventReader) add(fault wire.Field) {
	known := func(f wire.Field) bool { return f.Pointer == fault.Pointer }
	if len(r.faults) < wire.MaxFaults && !slices.ContainsFunc(r.faults, known) {
		r.faults = append(r.faults, fault)
	}
}

func (r *eventReader) member(name, value []byte) {
	ev := r.ev
	switch string(name) {
	case "type":
		r.text(0, "type", value, &ev.Type)
	case "data":
		r.value(1, "data", value, &ev.Data)
	case "id":
		r.text(2, "id", value, &ev.Idempotency.Key)
	case "occurred_at":
		r.time(3, "occurred_at", value, &ev.OccurredAt)
	case "account":
		r.text(4, "account", value, &ev.Account)
	case "api_version":
		r.text(5, "api_version", value, &ev.APIVersion)
	case "context":
		r.text(6, "context", value, &ev.Context)
	case "livemode":
		r.bool(7, "livemode", value, &ev.Livemode)
	case "related_object":
		r.value(8, "related_object", value, &ev.RelatedObject)
	case "reason":
		r.value(9, "reason", value, &ev.Reason)
	case "changes":
		r.value(10, "changes", value, &ev.Changes)
	case "previous_attributes":
		r.value(11, "previous_attributes", value, &ev.PreviousAttributes)
	case "metadata":
		r.value(12, "metadata", value, &ev.Metadata)
	default:
		r.add(wire.UnknownField("", string(name)))
	}
}

// given reports whether a field has a value, and refuses a second one: which of
// two counts depends on the parser, and a proxy may have looked at the other.
func (r *eventReader) given(bit uint, field string, value []byte) bool {
	if r.seen&(1<<bit) != 0 {
		r.fault(field, "is given twice")
		return false
	}
	r.seen |= 1 << bit
	return value[0] != 'n' // null
}

func (r *eventReader) value(bit uint, field string, value []byte, into *[]byte) {
	if r.given(bit, field, value) {
		*into = value
	}
}

func (r *eventReader) text(bit uint, field string, value []byte, into *string) {
	if !r.given(bit, field, value) {
		return
	}
	if value[0] != '"' || json.Unmarshal(value, into) != nil {
		r.fault(field, "must be a string")
	}
}

func (r *eventReader) bool(bit uint, field string, value []byte, into *bool) {
	if r.given(bit, field, value) && json.Unmarshal(value, into) != nil {
		r.fault(field, "must be true or false")
	}
}

func (r *eventReader) time(bit uint, field string, value []byte, into *int64) {
	var text string
	faults := len(r.faults)
	r.text(bit, field, value, &text)
	if value[0] == 'n' || len(r.faults) > faults { // null, or a fault that is said already
		return
	}
	var ok bool
	if *into, ok = wire.ParseTime(text); !ok {
		r.fault(field, "must be a time of RFC 3339 between the years 1970 and 9999, such as 2026-01-02T03:04:05Z")
	}
}
