package wire

import (
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

func TestLastError(t *testing.T) {
	failed := delivery.Attempt{N: 1, Status: 500, Class: uint8(egress.ServerError)}
	texted := failed
	texted.Snippet = "out of order"
	for _, test := range []struct {
		d    ledger.Delivery
		want string
	}{
		{ledger.Delivery{State: delivery.Pending}, ""},
		{ledger.Delivery{State: delivery.Retrying, Attempts: 1, Last: texted}, "out of order"},
		{ledger.Delivery{State: delivery.Exhausted, Attempts: 1, Last: failed}, egress.ServerError.String()},
		{ledger.Delivery{State: delivery.Canceled, Attempts: 1, Last: texted}, "canceled"},
		{ledger.Delivery{State: delivery.Succeeded, Attempts: 2, Last: delivery.Attempt{N: 2, Status: 200, Class: uint8(egress.Success)}}, ""},
	} {
		if got := LastError(&test.d); got != test.want {
			t.Errorf("%v after %d attempts: got %q, want %q", test.d.State, test.d.Attempts, got, test.want)
		}
	}
}
