package connector

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

// fixtures are events as Stripe sends them, by their file names.
func fixtures(t testing.TB, shape string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../testdata/stripe", shape, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("events of Stripe: got %d, %v", len(paths), err)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = text
	}
	return all
}

func readFixture(t *testing.T, name string, text []byte) *event.Event {
	t.Helper()
	ev, err := read(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return ev
}

// received is an event as an endpoint receives it, without what Hookwheel says in
// its own name.
func received(t *testing.T, ev *event.Event, format event.Format) map[string]any {
	t.Helper()
	body, err := event.AppendBody(nil, ev, event.RenderingOf(format, ev), 1, "")
	if err != nil {
		t.Fatal(err)
	}
	return members(t, body, "id", "pending_webhooks")
}

// members decodes an object, without some of its members.
func members(t *testing.T, text []byte, without ...string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, name := range without {
		delete(all, name)
	}
	return all
}

// What comes in as a snapshot goes out to those who want snapshots as it came,
// and its data is the object, byte for byte (G7).
func TestSnapshotsComeOutAsTheyCameIn(t *testing.T) {
	for name, text := range fixtures(t, "snapshot") {
		ev := readFixture(t, name, text)
		if got, want := received(t, ev, event.Snapshot), members(t, text, "id", "pending_webhooks"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: rendered as a snapshot: got\n%v\nwant\n%v", name, got, want)
		}
		if at := bytes.Index(text, ev.Data); at < 0 || !bytes.HasSuffix(bytes.TrimSpace(text[:at]), []byte(`"object":`)) {
			t.Errorf("%s: data: got %s, want the object as it stands in the event", name, ev.Data)
		}
	}
}

func TestNotificationsComeOutAsTheyCameIn(t *testing.T) {
	for name, text := range fixtures(t, "notification") {
		ev := readFixture(t, name, text)
		if got, want := received(t, ev, event.Thin), members(t, text, "id"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: rendered as a notification: got\n%v\nwant\n%v", name, got, want)
		}
		if !bytes.Equal(ev.Data, bytes.TrimSpace(text)) {
			t.Errorf("%s: data: got %s, want the notification", name, ev.Data)
		}
	}
}

// Either shape has what an endpoint needs that wants the other one.
func TestShapesAreDerived(t *testing.T) {
	tests := []struct {
		fixture string
		format  event.Format
		want    string // members of what is received
	}{
		{"snapshot/charge_succeeded.json", event.Thin,
			`{"type":"charge.succeeded","context":null,"related_object":{"id":"ch_3R44PzKf2qLmN8sT0aBcDe","type":"charge","url":"/v1/charges/ch_3R44PzKf2qLmN8sT0aBcDe"},
			"reason":{"type":"request","request":{"id":"req_Qb7ZxA3sDfGhJk","idempotency_key":"4f0c2a7e-5f43-4f0a-9c39-0d6a4f7c1b22"}}}`},
		{"snapshot/checkout_session_completed.json", event.Thin,
			`{"related_object":{"id":"cs_test_a1b2c3d4e5f6","type":"checkout.session","url":"/v1/checkout/sessions/cs_test_a1b2c3d4e5f6"},"reason":null}`},
		{"snapshot/payout_paid.json", event.Thin, `{"context":"acct_1QaPzKf2qLmN8sT","livemode":true}`},
		{"snapshot/balance_available.json", event.Thin, `{"related_object":null,"reason":null}`},
		{"notification/account_created.json", event.Snapshot, `{"object":"v2.core.event","type":"v2.core.account.created"}`},
		{"notification/billing_meter_error_report_triggered.json", event.Snapshot,
			`{"object":"event","type":"v1.billing.meter.error_report_triggered","created":1743574852,"api_version":null}`},
		{"notification/billing_meter_no_meter_found.json", event.Envelope, `{"type":"v1.billing.meter.no_meter_found","created_at":"2025-04-02T06:21:00.001Z"}`},
	}
	for _, tt := range tests {
		shape, name := filepath.Split(tt.fixture)
		got := received(t, readFixture(t, name, fixtures(t, shape)[name]), tt.format)
		for member, want := range members(t, []byte(tt.want)) {
			if !reflect.DeepEqual(got[member], want) {
				t.Errorf("%s as %s: %s: got %v, want %v", tt.fixture, tt.format, member, got[member], want)
			}
		}
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name, text string
		got        func(*event.Event) string
		want       string
	}{
		{"account of the context", `{"object":"v2.core.event","context":"org_1/acct_2"}`, func(e *event.Event) string { return e.Account }, "acct_2"},
		{"context without an account", `{"object":"v2.core.event","context":"org_1"}`, func(e *event.Event) string { return e.Account }, ""},
		{"context of the account", `{"account":"acct_1"}`, func(e *event.Event) string { return e.Context }, "acct_1"},
		{"context of its own", `{"account":"acct_1","context":"org_1/acct_1"}`, func(e *event.Event) string { return e.Context }, "org_1/acct_1"},
		{"request of old versions", `{"request":"req_1"}`, func(e *event.Event) string { return string(e.Request) }, `{"id":"req_1","idempotency_key":null}`},
		{"reason of the same", `{"request":"req_1"}`, func(e *event.Event) string { return string(e.Reason) }, `{"type":"request","request":{"id":"req_1","idempotency_key":null}}`},
		{"request of a notification", `{"object":"v2.core.event","reason":{"type":"request","request":{"id":"r"}}}`, func(e *event.Event) string { return string(e.Request) }, `{"id":"r"}`},
		{"data of a notification", `{"object":"v2.core.event","data":{"a": 1}}`, func(e *event.Event) string { return string(e.Data) }, `{"a": 1}`},
		{"object of any kind", `{"data":{"object": [ 1, "\u00e4" ] }}`, func(e *event.Event) string { return string(e.Data) }, `[ 1, "\u00e4" ]`},
		{"no object", ` {"data":{"object":null}} `, func(e *event.Event) string { return string(e.Data) }, `{"id":"evt_1","type":"t","data":{"object":null}}`},
		{"unknown kind of object", `{"data":{"object":{"id":"x/1","object":"new.kind"}}}`, func(e *event.Event) string { return string(e.RelatedObject) }, `{"id":"x/1","type":"new.kind","url":""}`},
		{"id that needs escaping", `{"data":{"object":{"id":"x/1","object":"coupon"}}}`, func(e *event.Event) string { return string(e.RelatedObject) }, `{"id":"x/1","type":"coupon","url":"/v1/coupons/x%2F1"}`},
		{"nulls", `{"account":null,"api_version":null,"context":null,"created":null,"data":null,"request":null,"livemode":null}`, func(e *event.Event) string { return string(e.Reason) + e.Account }, ""},
	}
	for _, tt := range tests {
		text := strings.Replace(tt.text, "{", `{"id":"evt_1","type":"t",`, 1)
		ev, err := read([]byte(text))
		if err != nil {
			t.Errorf("%s: got %v, want it read", tt.name, err)
			continue
		}
		if got := tt.got(ev); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if ev.Idempotency.Key != "evt_1" || ev.SourceID != "evt_1" || ev.Source != event.Stripe || ev.Idempotency.Fingerprint != [16]byte{} {
			t.Errorf("%s: got %+v, want it known by Stripe's id and by nothing else", tt.name, ev)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	long := strings.Repeat("x", 300)
	for text, want := range map[string]string{
		``:                                             "the body is empty",
		`{"id":"e","type":"t"`:                         "invalid JSON",
		`null`:                                         "/id: is required",
		`[]`:                                           "must be an object",
		`{"type":"t"}`:                                 "/id: is required",
		`{"id":"","type":"t"}`:                         "/id: is required",
		`{"id":["e"],"type":"t"}`:                      "/id: must be a string",
		`{"id":"e","type":7}`:                          "/type: must be a string",
		`{"id":"e","type":"a b"}`:                      "/type: must be 1 to 128",
		`{"id":"` + long + `","type":"t"}`:             "must be at most 255 bytes",
		`{"id":"e","type":"t","data":[]}`:              "/data: must be an object",
		`{"id":"e","type":"t","account":{}}`:           "/account: must be a string",
		`{"id":"e","type":"t","created":-1}`:           "/created: must be Unix seconds",
		`{"id":"e","type":"t","created":1.5}`:          "/created: must be Unix seconds",
		`{"id":"e","type":"t","created":9e99}`:         "/created: must be Unix seconds",
		`{"id":"e","type":"t","created":1e12}`:         "/created: must be Unix seconds",
		`{"id":"e","type":"t","created":999999999999}`: "/occurred_at: must lie between",
		`{"id":"e","type":"t","livemode":"yes"}`:       "/livemode: must be true or false",
		`{"id":"e","type":"t","object":"v2.core.event","reason":"r"}`:         "/reason: must be an object",
		`{"id":"e","type":"t","object":"v2.core.event","related_object":"r"}`: "/related_object: must be an object",
	} {
		if ev, err := read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v, want an error with %q", text, ev, err, want)
		}
	}
}

// FuzzRead checks that whatever is signed is refused or gives an event that can
// be kept, and that its data stands in the original.
func FuzzRead(f *testing.F) {
	for _, shape := range []string{"snapshot", "notification"} {
		for _, text := range fixtures(f, shape) {
			f.Add(text)
		}
	}
	f.Add([]byte(`{"id":"e","type":"t","request":"r","created":"2025-01-01T00:00:00Z","data":{"object":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ev, err := read(text)
		if err != nil {
			return
		}
		if faults := ev.Validate(); len(faults) > 0 {
			t.Errorf("%s: got an event with faults %v", text, faults)
		}
		if !bytes.Contains(text, ev.Data) {
			t.Errorf("%s: got data %s, which is not part of it", text, ev.Data)
		}
		for _, format := range []event.Format{event.Envelope, event.Snapshot, event.Thin} {
			body, err := event.AppendBody(nil, ev, event.RenderingOf(format, ev), 1, "")
			if err != nil || !json.Valid(body) {
				t.Errorf("%s as %s: got %s, %v, want JSON", text, format, body, err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := fixtures(b, "snapshot")["charge_succeeded.json"]
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := read(text); err != nil {
			b.Fatal(err)
		}
	}
}
