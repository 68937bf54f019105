package wire

import (
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// G8: one answer shows only so much of payloads, and goes on with what fits.
func TestPayloads(t *testing.T) {
	payloads := NewPayloads(nil)
	for i, test := range []struct {
		size  int
		shown bool
	}{{5 << 20, true}, {5 << 20, false}, {1000, true}, {3 << 20, false}} {
		data := `"` + strings.Repeat("x", test.size) + `"`
		d := &ledger.Delivery{
			Event: &event.Event{Type: "a", Data: []byte(data)}, Endpoint: &endpoint.Endpoint{PayloadFormat: event.Raw},
		}
		got, err := payloads.Of(d)
		if err != nil || (got != nil) != test.shown || test.shown && string(got) != data {
			t.Errorf("payload %d of %d bytes: got %d bytes, %v, want shown %v", i, test.size, len(got), err, test.shown)
		}
	}
}
