package event

import (
	"reflect"
	"testing"
)

// someEvent has every field set.
func someEvent() *Event {
	return &Event{
		ID:           someID,
		Livemode:     true,
		Organization: "org_01JD0000000000000000000000",
		Type:         "invoice.paid",
		Data:         []byte(`{"id":"in_1", "total" : 1000.0}`),
		ReceivedAt:   1732000000123,
		OccurredAt:   1731999999456,
		Source:       Stripe,
		SourceID:     "evt_1QMo",
		Account:      "acct_1",
		Target:       1 << 40,
		APIVersion:   "2025-10-29.clover",
		Context:      "acct_1/acct_2",

		RelatedObject:      []byte(`{"id":"in_1","type":"invoice","url":"/v1/invoices/in_1"}`),
		Reason:             []byte(`{"type":"request","request":{"id":"req_1","idempotency_key":"k"}}`),
		Changes:            []byte(`{"before":{"paid":false},"after":{"paid":true}}`),
		Request:            []byte(`{"id":"req_1","idempotency_key":null}`),
		PreviousAttributes: []byte(`{"paid":false}`),
		Metadata:           []byte(`{"k":"v"}`),

		Idempotency: Idempotency{Key: "order-1", Fingerprint: [16]byte{1, 2, 3}, Lifetime: 86_400_000},
	}
}

// decoded is data decoded as the log would have it decoded: with the id and
// time of the event want.
func decoded(data []byte, want *Event) (*Event, error) {
	got := &Event{ID: want.ID, ReceivedAt: want.ReceivedAt}
	return got, got.Decode(data)
}

func TestRoundTrip(t *testing.T) {
	want := someEvent()
	value := reflect.ValueOf(*want)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Errorf("%s is not set, so this test does not cover it", value.Type().Field(i).Name)
		}
	}
	got, err := decoded(want.Append(nil), want)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("all fields set:\ngot  %+v, %v\nwant %+v", got, err, want)
	}
	for i := range value.NumField() { // one at a time missing
		want := someEvent()
		reflect.ValueOf(want).Elem().Field(i).SetZero()
		got, err := decoded(want.Append(nil), want)
		if len(got.Data) == 0 {
			got.Data = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("without %s:\ngot  %+v, %v\nwant %+v", value.Type().Field(i).Name, got, err, want)
		}
	}
}

// Every byte of the header counts: cut off anywhere before the data, the
// encoding is refused.
func TestDecodeDamaged(t *testing.T) {
	e := someEvent()
	e.Data = nil
	data := e.Append(nil)
	for n := range data {
		if err := new(Event).Decode(data[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: got no error, want one", n, len(data))
		}
	}
	const shortest = "\x01\x01\x00\x01o\x01t" // version, source, fields, organization, type
	for name, test := range map[string]struct {
		data string
		ok   bool
	}{
		"only what is required":      {shortest, true},
		"a field this build lacks":   {"\x01\x01\x80\x80\x01\x01o\x01t", false},
		"a field announced, not set": {"\x01\x01\x02\x01o\x01t\x00", false},
	} {
		if err := new(Event).Decode([]byte(test.data)); (err == nil) != test.ok {
			t.Errorf("%s: got %v, want accepted %t", name, err, test.ok)
		}
	}
	newer := append([]byte{codecVersion + 1}, data[1:]...)
	if err := new(Event).Decode(newer); err != ErrDamaged {
		t.Errorf("a newer version: got %v, want %v", err, ErrDamaged)
	}
}

// FuzzDecode: no bytes make it panic, and what it accepts means the same after
// it was written again.
func FuzzDecode(f *testing.F) {
	f.Add(someEvent().Append(nil))
	f.Add((&Event{Source: API, Organization: "org", Type: "a", Data: []byte("1")}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want Event
		if want.Decode(data) != nil {
			return
		}
		got, err := decoded(want.Append(nil), &want)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	e := someEvent()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = e.Append(dst[:0])
	}
}

func BenchmarkDecode(b *testing.B) {
	data := someEvent().Append(nil)
	var e Event
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
