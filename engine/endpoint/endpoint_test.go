package endpoint

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hookwheel/hookwheel/engine/event"
)

// The JSON form is the stored form: no field may be lost in it.
func TestJSONRoundTrip(t *testing.T) {
	never := Millis(0)
	want := Endpoint{
		ID: "ed_01JD7H3Z4N8V6QK2WX5M9RTBCE", Key: 1 << 60, Alias: 3, Version: 1<<60 + 1, Organization: "org_1", Livemode: true, Kind: Webhook, Origin: "v1",
		Name: "name", Description: "description", Metadata: map[string]string{"k": "v"}, EditionID: "e",
		URL: "https://example.com/?a=1&b=<2>", Target: "https://example.com/?a=1&b=%3C2%3E", EventBridge: &EventBridge{AccountID: "123456789012", Region: "us-east-1", Bus: "default", Source: "hookwheel/ed_1"},
		PayloadFormat: event.Snapshot, SnapshotAPIVersion: "2024-09-30.acacia", Signatures: []string{"standard"},
		Headers: []Header{{"X-A", "b"}}, Secrets: []Secret{{ID: "sec_1", Sealed: []byte{0, 255}, Last4: "abcd", CreatedAt: 1, ExpiresAt: 2}},
		Retired: []Secret{{ID: "sec_0", Sealed: []byte{4}, Last4: "wxyz", CreatedAt: 1, ExpiresAt: 2}},
		Timeout: 1, RetrySchedule: []Millis{2, 3}, MaxAttempts: 4, RateLimit: &RateLimit{PerSecond: 0.1, Burst: 5}, MaxInFlight: 6,
		Ordering: FIFO, DisableAfter: &never, Paused: true, DisabledReason: ReasonGone, StateSince: 7, CreatedAt: 8, UpdatedAt: 9, DeletedAt: 10,
		Spans: []Span{{From: 1 << 60, EventTypes: []string{"a.*"}, EventsFrom: []string{FromSelf}, Enabled: true}},
	}
	value := reflect.ValueOf(want)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Errorf("%s is not set, so this test does not cover it", value.Type().Field(i).Name)
		}
	}
	for _, want := range []Endpoint{want, {Spans: []Span{{}}}} {
		data, err := json.Marshal(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got Endpoint
		if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v, %v\nwant %+v\nfrom %s", got, err, want, data)
		}
	}
}

func TestState(t *testing.T) {
	e := (&Endpoint{Key: 1}).WithSpan(1, nil, nil, true)
	paused := *e
	paused.Paused = true
	for _, test := range []struct {
		name           string
		e              *Endpoint
		enabled, sends bool
	}{
		{"enabled", e, true, true},
		{"paused", &paused, true, false},
		{"disabled", e.WithSpan(2, nil, nil, false), false, false},
		{"deleted", e.WithDeletion(2, 1), false, false},
	} {
		if got := test.e.Enabled(); got != test.enabled {
			t.Errorf("%s: got enabled %t, want %t", test.name, got, test.enabled)
		}
		if got := test.e.Sends(); got != test.sends {
			t.Errorf("%s: got sends %t, want %t", test.name, got, test.sends)
		}
	}
	if got, want := Millis(1500).Duration(), 1500*time.Millisecond; got != want {
		t.Errorf("duration: got %v, want %v", got, want)
	}
}

func TestHealth(t *testing.T) {
	for _, test := range []struct {
		facts Facts
		want  Health
	}{
		{Facts{Enabled: true}, Healthy},
		{Facts{Enabled: true, Failures: 1}, Degraded},
		{Facts{Enabled: true, Failures: 4}, Degraded},
		{Facts{Enabled: true, Failures: 5}, Failing},
		{Facts{Enabled: true, Failures: 1, GaveUp: true}, Failing},
		{Facts{Enabled: true, Failures: 1, BreakerOpen: true}, Failing},
		{Facts{}, Off},
		{Facts{Failures: 9, GaveUp: true, BreakerOpen: true}, Off},
	} {
		if got := test.facts.Health(); got != test.want {
			t.Errorf("%+v: got %s, want %s", test.facts, got, test.want)
		}
	}
}

func TestReasonNames(t *testing.T) {
	var names []string
	for r := Owed; r <= NotTarget+1; r++ {
		names = append(names, r.String())
	}
	if got, want := strings.Join(names, " "), "owed deleted created_later disabled account type not_target unknown"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestID(t *testing.T) {
	id := ulid.MustParse("01JD7H3Z4N8V6QK2WX5M9RTBCE")
	for livemode, want := range map[bool]string{true: "ed_01JD7H3Z4N8V6QK2WX5M9RTBCE", false: "ed_test_01JD7H3Z4N8V6QK2WX5M9RTBCE"} {
		if got := NewID(id, livemode); got != want {
			t.Errorf("live %t: got %q, want %q", livemode, got, want)
		}
		if got, err := ParseID(want); err != nil || got != id {
			t.Errorf("parse %q: got %v, %v, want %v", want, got, err, id)
		}
	}
	for _, bad := range []string{"", "ed_", id.String(), "evt_" + id.String(), "ed_" + strings.ToLower(id.String()), "ed_8" + id.String()[1:]} {
		if got, err := ParseID(bad); err == nil {
			t.Errorf("parse %q: got %v, want an error", bad, got)
		}
	}
}
