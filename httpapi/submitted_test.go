package httpapi

import (
	"encoding/json"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// What readEvent accepts, encoding/json reads in the same way.
func FuzzReadEvent(f *testing.F) {
	f.Add(`{"type":"a"}`)
	f.Add(`{"type":"inv\u006fice.paid","data":[1, {"a":"\\\""}],"id":"k","occurred_at":"2026-01-02T03:04:05+01:00","livemode":true}`)
	f.Add(`{"data":{"type":"b"},"type":"a","account":null,"reason":{"x":[]},"metadata":{}}`)
	f.Add(`{"type":"a","type":"b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if wire.CheckJSON([]byte(text)) != nil || text[0] == ' ' || text[0] < ' ' {
			return // checked and trimmed before
		}
		var got event.Event
		if readEvent([]byte(text), &got) != nil {
			return
		}
		var want struct {
			Type     string
			Data     json.RawMessage
			ID       string
			Account  string
			Livemode bool
			Reason   json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%q: accepted, encoding/json says %v", text, err)
		}
		if len(want.Data) == 0 || string(want.Data) == "null" {
			want.Data = noData
		}
		if string(want.Reason) == "null" {
			want.Reason = nil
		}
		if got.Type != want.Type || string(got.Data) != string(want.Data) || got.Idempotency.Key != want.ID ||
			got.Account != want.Account || got.Livemode != want.Livemode || string(got.Reason) != string(want.Reason) {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	})
}
