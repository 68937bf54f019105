package wire

import "github.com/hookwheel/hookwheel/engine/ledger"

// MaxPayloads is how much of payloads a list of deliveries shows, in bytes. A
// list has no more than some hundred deliveries, but each can be as large as an
// event can be.
const MaxPayloads = 8 << 20

// Payloads are the payloads of the deliveries in one answer.
type Payloads struct {
	ledger *ledger.Ledger
	left   int
}

// NewPayloads has room for MaxPayloads.
func NewPayloads(l *ledger.Ledger) *Payloads { return &Payloads{ledger: l, left: MaxPayloads} }

// Of is what the delivery sent or, before its first attempt, will send; nil if
// there is no room for it any more.
func (p *Payloads) Of(d *ledger.Delivery) ([]byte, error) {
	if len(d.Event.Data) > p.left {
		return nil, nil
	}
	payload, err := p.ledger.AppendPayload(nil, d)
	p.left -= len(payload)
	return payload, err
}
