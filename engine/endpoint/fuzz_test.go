package endpoint

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// FuzzParseID: an id is written and read in either mode, and no two texts name
// one endpoint in one mode.
func FuzzParseID(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), "ed_01JD7H3Z4N8V6QK2WX5M9RTBCE")
	f.Add([]byte{}, "ed_test_01JD7H3Z4N8V6QK2WX5M9RTBCE")
	f.Fuzz(func(t *testing.T, bytes []byte, text string) {
		var id ulid.ULID
		copy(id[:], bytes)
		for _, livemode := range []bool{true, false} {
			if got, err := ParseID(NewID(id, livemode)); err != nil || got != id {
				t.Errorf("ParseID(%q): got %v, %v, want %v", NewID(id, livemode), got, err, id)
			}
		}
		if id, err := ParseID(text); err == nil && NewID(id, true) != text && NewID(id, false) != text {
			t.Errorf("ParseID(%q): got %v, which is written %q or %q", text, id, NewID(id, true), NewID(id, false))
		}
	})
}

// FuzzValidate: whatever an endpoint is set to, every fault names a field of
// the native API that was set, and what passes is within its bounds and
// survives being stored.
func FuzzValidate(f *testing.F) {
	for _, e := range []*Endpoint{validWebhook(), validBridge()} {
		text, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"metadata":{"":"a\u0000"},"retry_schedule":[0,-1,9223372036854775807],"max_attempts":-1,"timeout_ms":1,"spans":[{"event_types":["a.*"]}]}`)
	f.Add(`{"rate_limit":{"per_second":1e300,"burst":-1},"signatures":["standard","standard"],"headers":[{"name":"Host"}],"spans":[{"events_from":["x"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var e Endpoint
		if json.Unmarshal([]byte(text), &e) != nil || len(e.Spans) == 0 {
			return
		}
		faults := Validate(&e, testLimits)
		for _, fault := range faults {
			name, _, _ := strings.Cut(fault.Field, "/")
			if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" || fault.Detail == "" {
				t.Errorf("%s: got a fault %+v, want the name of a field and what is wrong with it", text, fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		if !utf8.ValidString(e.Name+e.Description+e.EditionID) || len(e.Name) > MaxName || len(e.Metadata) > MaxMetadata || len(e.RetrySchedule) > MaxDelays {
			t.Errorf("%s: accepted beyond its bounds", text)
		}
		stored, err := json.Marshal(e)
		var again Endpoint
		if err == nil {
			err = json.Unmarshal(stored, &again)
		}
		if faults := Validate(&again, testLimits); err != nil || len(faults) > 0 {
			t.Errorf("%s: stored as %s and read again: got %v, faults %v", text, stored, err, faults)
		}
	})
}
