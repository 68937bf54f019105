package wire

import (
	"cmp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// LastError is what went wrong with a delivery last, in dialects that have one
// field for it: the beginning of the answer, or what kept it from coming, or the
// class of the failure when there is no text. "" = nothing did.
func LastError(d *ledger.Delivery) string {
	switch {
	case d.State == delivery.Canceled:
		return "canceled"
	case d.Attempts == 0 || egress.Class(d.Last.Class) == egress.Success:
		return ""
	}
	return cmp.Or(d.Last.Snippet, egress.Class(d.Last.Class).String())
}
