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

func TestSize(t *testing.T) {
	e := Event{Type: "a", Data: []byte("12"), Reason: []byte("{}"), Metadata: []byte("{ }")}
	if got, want := e.Size(), 7; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
