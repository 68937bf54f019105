package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

// plainEvent has only what an event must have.
func plainEvent() *Event {
	return &Event{ID: someID, Organization: "org_1", Type: "order.created", Data: []byte(`[ 1.0,"é" ]`), ReceivedAt: 1732000000123, Source: API}
}

// The bytes of a rendering are kept by its version: whoever has to change a
// line here has to add a version instead (G7).
func TestBodyGolden(t *testing.T) {
	const all = `"reason":{"type":"request","request":{"id":"req_1","idempotency_key":"k"}},` +
		`"related_object":{"id":"in_1","type":"invoice","url":"/v1/invoices/in_1"},` +
		`"changes":{"before":{"paid":false},"after":{"paid":true}}`
	for _, test := range []struct {
		name string
		e    *Event
		how  Rendering
		want string
	}{
		{"envelope", someEvent(), 0x11, `{"id":"evt_01JD7H3Z4N8V6QK2WX5M9RTBCE","type":"invoice.paid","created_at":"2024-11-19T07:06:39.456Z","data":{"id":"in_1", "total" : 1000.0}}`},
		{"envelope, plain", plainEvent(), 0x11, `{"id":"evt_test_01JD7H3Z4N8V6QK2WX5M9RTBCE","type":"order.created","created_at":"2024-11-19T07:06:40.123Z","data":[ 1.0,"é" ]}`},
		{"raw", someEvent(), 0x12, `{"id":"in_1", "total" : 1000.0}`},
		{"snapshot", someEvent(), 0x13, `{"id":"evt_01JD7H3Z4N8V6QK2WX5M9RTBCE","object":"event","api_version":"2025-10-29.clover","account":"acct_1","created":1731999999,` +
			`"data":{"object":{"id":"in_1", "total" : 1000.0},"previous_attributes":{"paid":false}},"livemode":true,"pending_webhooks":3,` +
			`"request":{"id":"req_1","idempotency_key":null},"type":"invoice.paid"}`},
		{"snapshot, plain", plainEvent(), 0x13, `{"id":"evt_test_01JD7H3Z4N8V6QK2WX5M9RTBCE","object":"event","api_version":"2024-09-30.acacia","created":1732000000,` +
			`"data":{"object":[ 1.0,"é" ]},"livemode":false,"pending_webhooks":3,"request":{"id":null,"idempotency_key":null},"type":"order.created"}`},
		{"thin", someEvent(), 0x14, `{"id":"evt_01JD7H3Z4N8V6QK2WX5M9RTBCE","object":"v2.core.event","type":"invoice.paid","livemode":true,"created":"2024-11-19T07:06:39.456Z","context":"acct_1/acct_2",` + all + `}`},
		{"thin, plain", plainEvent(), 0x14, `{"id":"evt_test_01JD7H3Z4N8V6QK2WX5M9RTBCE","object":"v2.core.event","type":"order.created","livemode":false,"created":"2024-11-19T07:06:40.123Z","context":null,"reason":null,"related_object":null}`},
	} {
		got, err := AppendBody([]byte("x"), test.e, test.how, 3, "2024-09-30.acacia")
		if err != nil || string(got) != "x"+test.want {
			t.Errorf("%s:\ngot  %s, %v\nwant x%s", test.name, got, err, test.want)
		}
	}
	want := `{"id":"evt_01JD7H3Z4N8V6QK2WX5M9RTBCE","object":"v2.core.event","type":"invoice.paid","livemode":true,"created":"2024-11-19T07:06:39.456Z","context":"acct_1/acct_2",` + all + `,"data":{"id":"in_1", "total" : 1000.0}}`
	if got := string(AppendFull(nil, someEvent())); got != want {
		t.Errorf("full:\ngot  %s\nwant %s", got, want)
	}
	if got, err := AppendBody(nil, someEvent(), 0x21, 1, ""); err != ErrRendering || len(got) != 0 {
		t.Errorf("a newer rendering: got %q, %v, want %v", got, err, ErrRendering)
	}
}

func TestRenderingOf(t *testing.T) {
	for _, test := range []struct {
		format      Format
		eventType   string
		want        Format
		contentType string
	}{
		{Envelope, "invoice.paid", Envelope, "application/json"},
		{Envelope, "v2.core.event_destination.ping", Envelope, "application/json"},
		{"", "invoice.paid", Envelope, "application/json"},
		{Raw, "invoice.paid", Raw, "application/json"},
		{Raw, "v2.core.event_destination.ping", Raw, "application/json"},
		{Snapshot, "invoice.paid", Snapshot, "application/json; charset=utf-8"},
		{Snapshot, "v2.core.event_destination.ping", Thin, "application/json; charset=utf-8"},
		{Thin, "invoice.paid", Thin, "application/json; charset=utf-8"},
	} {
		how := RenderingOf(test.format, &Event{Type: test.eventType})
		if got := how.Format(); got != test.want {
			t.Errorf("%q of %s: got %q, want %q", test.format, test.eventType, got, test.want)
		}
		if got := how.ContentType(); got != test.contentType {
			t.Errorf("%q of %s: got content type %q, want %q", test.format, test.eventType, got, test.contentType)
		}
		if valid := test.format.Valid(); valid != (test.format != "") {
			t.Errorf("%q valid: got %t", test.format, valid)
		}
	}
	if got := Rendering(0).Format(); got != "" {
		t.Errorf("nothing rendered: got format %q, want none", got)
	}
}

// An endpoint's API version says what its snapshots look like, except for data
// that Stripe made for a version of its own.
func TestSnapshotAPIVersion(t *testing.T) {
	for _, test := range []struct {
		source                Source
		events, asked, expect string
	}{
		{API, "2025-10-29.clover", "2024-09-30.acacia", "2024-09-30.acacia"},
		{API, "2025-10-29.clover", "", "2025-10-29.clover"},
		{Stripe, "2025-10-29.clover", "2024-09-30.acacia", "2025-10-29.clover"},
		{Stripe, "", "2024-09-30.acacia", "2024-09-30.acacia"},
		{API, "", "", ""},
	} {
		e := plainEvent()
		e.Source, e.APIVersion = test.source, test.events
		body, err := AppendBody(nil, e, RenderingOf(Snapshot, e), 1, test.asked)
		var parsed struct {
			Version string `json:"api_version"`
		}
		if err == nil {
			err = json.Unmarshal(body, &parsed)
		}
		if err != nil || parsed.Version != test.expect {
			t.Errorf("event of %v %q, endpoint %q: got %q, %v, want %q", test.source, test.events, test.asked, parsed.Version, err, test.expect)
		}
	}
}

// FuzzBody: whatever the fields hold, as long as Validate lets them in, a body
// is JSON, the same each time, and gives back what was put in.
func FuzzBody(f *testing.F) {
	f.Add(`{"a":1}`, "acct_1", "ctx", "2024-09-30.acacia", int64(0), true)
	f.Add(`"\u2028"`, `a"\`, "é\u2028", "", int64(253402300799999), false)
	f.Fuzz(func(t *testing.T, data, account, context, version string, at int64, live bool) {
		e := &Event{ID: someID, Livemode: live, Type: "a.b", Data: []byte(data), Account: account, Context: context, APIVersion: version, OccurredAt: at}
		if len(e.Validate()) != 0 || !json.Valid(e.Data) {
			return
		}
		for how := envelope1; how <= thin1; how++ {
			body, err := AppendBody(nil, e, how, 2, "")
			again, _ := AppendBody(make([]byte, 0, 10), e, how, 2, "")
			if err != nil || string(again) != string(body) {
				t.Errorf("rendering %x: got %s and %s, %v, want the same", how, body, again, err)
			}
			if !json.Valid(body) {
				t.Errorf("rendering %x: got %s, want JSON", how, body)
			}
		}
		var snapshot, thin struct {
			Account string `json:"account"`
			Context string `json:"context"`
			Version string `json:"api_version"`
		}
		body, _ := AppendBody(nil, e, snapshot1, 2, "")
		if err := json.Unmarshal(body, &snapshot); err != nil || snapshot.Account != account || snapshot.Version != version {
			t.Errorf("snapshot: got %+v, %v, want account %q and version %q", snapshot, err, account, version)
		}
		body, _ = AppendBody(nil, e, thin1, 2, "")
		if err := json.Unmarshal(body, &thin); err != nil || thin.Context != context {
			t.Errorf("thin: got %+v, %v, want context %q", thin, err, context)
		}
	})
}

// Stripe's own library takes both of its shapes apart.
func TestStripeLibrary(t *testing.T) {
	const secret = "whsec_test"
	e := someEvent()
	e.APIVersion = stripe.APIVersion
	body, err := AppendBody(nil, e, RenderingOf(Snapshot, e), 3, "")
	if err != nil {
		t.Fatal(err)
	}
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret})
	snapshot, err := webhook.ConstructEvent(signed.Payload, signed.Header, secret)
	if err != nil {
		t.Fatalf("construct event: %v", err)
	}
	for _, test := range []struct{ field, got, want any }{
		{"id", snapshot.ID, FormatID(e.ID, true)},
		{"type", string(snapshot.Type), e.Type},
		{"account", snapshot.Account, e.Account},
		{"created", snapshot.Created, e.OccurredAt / 1000},
		{"livemode", snapshot.Livemode, true},
		{"pending webhooks", snapshot.PendingWebhooks, int64(3)},
		{"data", string(snapshot.Data.Raw), string(e.Data)},
		{"previous attributes", snapshot.Data.PreviousAttributes["paid"], false},
		{"request", snapshot.Request.ID, "req_1"},
	} {
		if test.got != test.want {
			t.Errorf("snapshot, %s: got %v, want %v", test.field, test.got, test.want)
		}
	}

	e.Type = "v1.billing.meter.error_report_triggered"
	body, err = AppendBody(nil, e, RenderingOf(Thin, e), 3, "")
	if err != nil {
		t.Fatal(err)
	}
	signed = webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: secret})
	parsed, err := stripe.NewClient("sk_test").ParseEventNotification(signed.Payload, signed.Header, secret)
	if err != nil {
		t.Fatalf("parse event notification: %v", err)
	}
	thin, ok := parsed.(*stripe.V1BillingMeterErrorReportTriggeredEventNotification)
	if !ok {
		t.Fatalf("notification: got a %T, want the type of %s", parsed, e.Type)
	}
	for _, test := range []struct{ field, got, want any }{
		{"id", thin.ID, FormatID(e.ID, true)},
		{"created", thin.Created, time.UnixMilli(e.OccurredAt).UTC()},
		{"context", *thin.Context.StringPtr(), e.Context},
		{"related object", thin.RelatedObject.ID, "in_1"},
		{"reason", thin.Reason.Request.ID, "req_1"},
	} {
		if test.got != test.want {
			t.Errorf("notification, %s: got %v, want %v", test.field, test.got, test.want)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	e := someEvent()
	for how := envelope1; how <= thin1; how++ {
		b.Run(string(how.Format()), func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = AppendBody(dst[:0], e, how, 3, "2024-09-30.acacia")
			}
		})
	}
}
