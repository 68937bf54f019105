package orghook

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// deliveryView is a delivery as clients see it. null is what is not known, or
// has not come.
type deliveryView struct {
	Attempts     int             `json:"attempts"`
	CreatedAt    wire.Time       `json:"created_at"`
	DeliveredAt  wire.Time       `json:"delivered_at"`
	EndpointID   string          `json:"endpoint_id"`
	EventType    string          `json:"event_type"`
	ID           string          `json:"id"`
	LastError    *string         `json:"last_error"`
	MaxAttempts  int             `json:"max_attempts"`
	NextAttempt  wire.Time       `json:"next_attempt_at"`
	Organization string          `json:"organization_id"`
	Payload      json.RawMessage `json:"payload"` // what was or will be sent; null if the answer has too much of it already
	Status       *int            `json:"response_status"`
	State        string          `json:"state"` // pending, delivered, failed
	UpdatedAt    wire.Time       `json:"updated_at"`
}

// states are the engine's in the words of this dialect.
var states = map[delivery.State]string{
	delivery.Pending: "pending", delivery.Retrying: "pending", delivery.Succeeded: "delivered",
	delivery.Failed: "failed", delivery.Exhausted: "failed", delivery.Canceled: "failed",
}

func (a *api) viewDelivery(d *ledger.Delivery, payload []byte) deliveryView {
	return deliveryView{
		Attempts: d.Attempts, CreatedAt: wire.Time(d.Created), DeliveredAt: wire.Time(d.DeliveredAt()), EndpointID: d.Endpoint.ID,
		EventType: d.Event.Type, ID: d.ID.String(), LastError: wire.OrNull(wire.LastError(d)), MaxAttempts: d.MaxAttempts(a.maxAttempts),
		NextAttempt: wire.Time(d.Next), Organization: d.Event.Organization, Payload: payload, Status: wire.OrNull(d.Last.Status),
		State: states[d.State], UpdatedAt: wire.Time(d.Updated),
	}
}

const defaultDeliveries = 50

type deliveriesAnswer struct {
	Deliveries []deliveryView `json:"deliveries"`
}

// deliveries shows the newest deliveries to an endpoint.
func (a *api) deliveries(c *wire.Ctx) error {
	e, err := a.find(c)
	if err != nil {
		return err
	}
	limit, err := c.Limit(defaultDeliveries, wire.MaxLimit)
	if err != nil {
		return err
	}
	answer := deliveriesAnswer{Deliveries: []deliveryView{}}
	payloads := wire.NewPayloads(a.ledger)
	_, _, err = a.ledger.History(c.Organization, e.Key, ledger.Window{Take: limit}, func(d *ledger.Delivery) error {
		payload, err := payloads.Of(d)
		answer.Deliveries = append(answer.Deliveries, a.viewDelivery(d, payload))
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, answer)
}
