package event

import (
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

var someID = ulid.MustParse("01JD7H3Z4N8V6QK2WX5M9RTBCE")

func TestID(t *testing.T) {
	for _, test := range []struct {
		livemode bool
		text     string
	}{
		{true, "evt_01JD7H3Z4N8V6QK2WX5M9RTBCE"},
		{false, "evt_test_01JD7H3Z4N8V6QK2WX5M9RTBCE"},
	} {
		if got := FormatID(someID, test.livemode); got != test.text {
			t.Errorf("format, live %t: got %q, want %q", test.livemode, got, test.text)
		}
		if got := string(AppendID([]byte("x"), someID, test.livemode)); got != "x"+test.text {
			t.Errorf("append, live %t: got %q, want %q", test.livemode, got, "x"+test.text)
		}
		if got, err := ParseID(test.text); err != nil || got != someID {
			t.Errorf("parse %q: got %v, %v, want %v", test.text, got, err, someID)
		}
	}
	text := someID.String()
	for _, bad := range []string{"", text, "evt_", "evt_" + text[1:], "evt_" + text + "0", "EVT_" + text, "evt_" + strings.ToLower(text), "evt_8" + text[1:], "ed_" + text} {
		if got, err := ParseID(bad); err == nil {
			t.Errorf("parse %q: got %v, want an error", bad, got)
		}
	}
}

func TestSource(t *testing.T) {
	for s, want := range map[Source]string{API: "api", Stripe: "stripe", Ping: "ping", Test: "test"} {
		if got := s.String(); got != want {
			t.Errorf("source %d: got %q, want %q", s, got, want)
		}
		if got, ok := ParseSource(want); !ok || got != s {
			t.Errorf("parse %q: got %v, %t, want %v", want, got, ok, s)
		}
	}
	for _, name := range []string{"", "unknown", "API"} {
		if got, ok := ParseSource(name); ok {
			t.Errorf("parse %q: got %v, want none", name, got)
		}
	}
	if got, want := Source(0).String()+Source(200).String(), "unknownunknown"; got != want {
		t.Errorf("no sources: got %q, want %q", got, want)
	}
}

func TestOccurred(t *testing.T) {
	e := Event{ReceivedAt: 2000}
	if got, want := e.Occurred(), time.UnixMilli(2000).UTC(); got != want {
		t.Errorf("time of occurrence unknown: got %v, want %v", got, want)
	}
	e.OccurredAt = 1000
	if got, want := e.Occurred(), time.UnixMilli(1000).UTC(); got != want {
		t.Errorf("time of occurrence known: got %v, want %v", got, want)
	}
}

func TestValidate(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, test := range []struct {
		name   string
		change func(*Event)
		field  string // at fault; "" = none
	}{
		{"ordinary", func(*Event) {}, ""},
		{"no type", func(e *Event) { e.Type = "" }, "type"},
		{"longest type", func(e *Event) { e.Type = long(128) }, ""},
		{"type too long", func(e *Event) { e.Type = long(129) }, "type"},
		{"all that a type may have", func(e *Event) { e.Type = "Az09_.:[]-" }, ""},
		{"type that needs an escape", func(e *Event) { e.Type = `a"` }, "type"},
		{"type with a star", func(e *Event) { e.Type = "a.*" }, "type"},
		{"no data", func(e *Event) { e.Data = nil }, "data"},
		{"before 1970", func(e *Event) { e.OccurredAt = -1 }, "occurred_at"},
		{"last of 9999", func(e *Event) { e.OccurredAt = 253402300799999 }, ""},
		{"year 10000", func(e *Event) { e.OccurredAt = 253402300800000 }, "occurred_at"},
		{"longest account", func(e *Event) { e.Account = long(255) }, ""},
		{"account too long", func(e *Event) { e.Account = long(256) }, "account"},
		{"account not UTF-8", func(e *Event) { e.Account = "\xff" }, "account"},
		{"account in any script", func(e *Event) { e.Account = "Müller 株式会社" }, ""},
		{"version too long", func(e *Event) { e.APIVersion = long(65) }, "api_version"},
		{"context of two lines", func(e *Event) { e.Context = "a\nb" }, "context"},
		{"source id with DEL", func(e *Event) { e.SourceID = "a\x7f" }, "source_event_id"},
		{"key too long", func(e *Event) { e.Idempotency.Key = long(256) }, "id"},
		{"reason a string", func(e *Event) { e.Reason = []byte(`"because"`) }, "reason"},
		{"metadata a list", func(e *Event) { e.Metadata = []byte(`[]`) }, "metadata"},
		{"related object", func(e *Event) { e.RelatedObject = []byte(`{}`) }, ""},
		{"related object with a number", func(e *Event) { e.RelatedObject = []byte(`{"id":1}`) }, "related_object"},
		{"reason without a request", func(e *Event) { e.Reason = []byte(`{"type":"request","request":null}`) }, ""},
		{"reason with another request", func(e *Event) { e.Reason = []byte(`{"type":"request","request":"req_1"}`) }, "reason"},
		{"Stripe's, complete", func(e *Event) { *e = known(TypePing, `{"id":"ed_1","type":"x","url":"/x"}`, `[]`) }, ""},
		{"Stripe's without its object", func(e *Event) { *e = known("v2.core.account.closed", "", `{}`) }, "related_object"},
		{"Stripe's with half an object", func(e *Event) { *e = known(TypePing, `{"id":"ed_1","type":"x"}`, `{}`) }, "related_object"},
		{"Stripe's with data for its object", func(e *Event) { *e = known("v1.billing.meter.no_meter_found", "", `{}`) }, ""},
		{"Stripe's with a list for data", func(e *Event) { *e = known("v1.billing.meter.no_meter_found", "", `[]`) }, "data"},
		{"like Stripe's", func(e *Event) { *e = known("v2.core.account.opened", "", `[]`) }, ""},
	} {
		e := Event{Type: "invoice.paid", Data: []byte("{}")}
		test.change(&e)
		var fields []string
		for _, f := range e.Validate() {
			fields = append(fields, f.Field)
		}
		if got := strings.Join(fields, ","); got != test.field {
			t.Errorf("%s: got faults in %q, want %q", test.name, got, test.field)
		}
	}
	all := Event{Account: "\n", Request: []byte("1")}
	if got, want := len(all.Validate()), 4; got != want {
		t.Errorf("an event with several faults: got %d reported, want %d", got, want)
	}
}

func known(eventType, about, data string) Event {
	return Event{Type: eventType, RelatedObject: []byte(about), Data: []byte(data)}
}

func TestRelatedID(t *testing.T) {
	for about, want := range map[string]string{"": "", `{}`: "", `{"id":"in_1","type":"invoice"}`: "in_1"} {
		if got := (&Event{RelatedObject: []byte(about)}).RelatedID(); got != want {
			t.Errorf("id in %q: got %q, want %q", about, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	e := Event{Type: "a", Data: []byte("12"), Reason: []byte("{}"), Metadata: []byte("{ }")}
	if got, want := e.Size(), 7; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
