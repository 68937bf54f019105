package native

import (
	"errors"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// deliveryView is a delivery as clients see it. An attempt that is under way
// does not show.
type deliveryView struct {
	ID           string    `json:"id"`
	EventID      string    `json:"event_id"`
	EndpointID   string    `json:"endpoint_id"`
	Organization string    `json:"organization_id"`
	EventType    string    `json:"event_type"`
	State        string    `json:"state"` // pending, retrying, succeeded, failed, exhausted, canceled
	Attempts     int       `json:"attempts"`
	MaxAttempts  int       `json:"max_attempts"`
	CreatedAt    wire.Time `json:"created_at"`
	UpdatedAt    wire.Time `json:"updated_at"`
	NextAttempt  wire.Time `json:"next_attempt_at"`
	LastAttempt  wire.Time `json:"last_attempt_at"`
	DeliveredAt  wire.Time `json:"delivered_at"`
	Status       *int      `json:"response_status"` // of the latest attempt
	ErrorClass   *string   `json:"error_class"`
	LastError    *string   `json:"last_error"` // the beginning of the answer, or what went wrong
	ReplayOf     *string   `json:"replay_of"`
}

func (a *api) viewDelivery(d *ledger.Delivery) deliveryView {
	v := deliveryView{
		ID: d.ID.String(), EventID: event.FormatID(d.Event.ID, d.Event.Livemode), EndpointID: d.Endpoint.ID,
		Organization: d.Event.Organization, EventType: d.Event.Type, State: d.State.String(),
		Attempts: d.Attempts, MaxAttempts: d.MaxAttempts(a.maxAttempts),
		CreatedAt: wire.Time(d.Created), UpdatedAt: wire.Time(d.Updated), NextAttempt: wire.Time(d.Next),
		LastAttempt: wire.Time(d.Last.At), DeliveredAt: wire.Time(d.DeliveredAt()), Status: wire.OrNull(d.Last.Status),
		ErrorClass: errorClass(&d.Last), LastError: wire.OrNull(d.Last.Snippet),
	}
	if original, isReplay := d.ReplayOf(); isReplay {
		v.ReplayOf = wire.OrNull(original.String())
	}
	return v
}

// errorClass names what went wrong with an attempt; nil for a success and for
// none.
func errorClass(attempt *delivery.Attempt) *string {
	class := egress.Class(attempt.Class)
	if attempt.N == 0 || class == egress.Success {
		return nil
	}
	return wire.OrNull(class.String())
}

// listDeliveries shows deliveries, those of the newest events first.
func (a *api) listDeliveries(c *wire.Ctx) error {
	var f ledger.DeliveryFilter
	var err error
	if f.Endpoint, err = a.queryEndpoint(c); err != nil {
		return err
	}
	if text, given := c.Query("event_id"); given {
		if f.Event, err = event.ParseID(text); err != nil {
			return wire.BadParameter("event_id", "%v", err)
		}
	}
	return a.filterDeliveries(c, f, "")
}

// endpointDeliveries is listDeliveries for the endpoint that the path names.
func (a *api) endpointDeliveries(c *wire.Ctx) error {
	e, found := a.ledger.FindEndpoint(c.Organization, c.Param("id"))
	if !found {
		return wire.NotFound("endpoint")
	}
	return a.filterDeliveries(c, ledger.DeliveryFilter{Endpoint: e.Key}, e.ID)
}

func (a *api) filterDeliveries(c *wire.Ctx, f ledger.DeliveryFilter, of string) (err error) {
	f.Type, _ = c.Query("type")
	if text, given := c.Query("state"); given {
		state, known := delivery.ParseState(text)
		if !known {
			return wire.BadParameter("state", "expected pending, retrying, succeeded, failed, exhausted or canceled")
		}
		f.States = delivery.SetOf(state)
	}
	if f.From, err = c.QueryTime("from"); err != nil {
		return err
	}
	if f.To, err = c.QueryTime("to"); err != nil {
		return err
	}
	return a.showDeliveries(c, f, c.ListName("deliveries"+of, "endpoint_id", "event_id", "state", "type", "from", "to"))
}

func (a *api) showDeliveries(c *wire.Ctx, f ledger.DeliveryFilter, name string) error {
	page, err := c.Page(name, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found, err := a.ledger.Deliveries(c.Organization, f, ledger.Page(page))
	if err != nil {
		return err
	}
	answer := list[deliveryView]{Data: []deliveryView{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, a.viewDelivery(&found.Items[i]))
	}
	answer.Next, answer.Prev = wire.Around{Next: found.After, Prev: found.Before}.Cursors(c, name)
	return c.JSON(fasthttp.StatusOK, answer)
}

// deliveryID reads the id in the path. What is no id is not found.
func deliveryID(c *wire.Ctx) (delivery.ID, error) {
	id, err := delivery.ParseID(c.Param("id"))
	if err != nil {
		return id, wire.NotFound("delivery").Because(err)
	}
	return id, nil
}

func (a *api) getDelivery(c *wire.Ctx) error {
	id, err := deliveryID(c)
	if err != nil {
		return err
	}
	return a.showDelivery(c, fasthttp.StatusOK, id)
}

func (a *api) showDelivery(c *wire.Ctx, status int, id delivery.ID) error {
	d, found, err := a.ledger.Delivery(c.Organization, id)
	if err != nil {
		return err
	}
	if !found {
		return wire.NotFound("delivery")
	}
	return c.JSON(status, a.viewDelivery(d))
}

// attemptView is one attempt as clients see it.
type attemptView struct {
	N          int       `json:"n"`
	At         wire.Time `json:"at"`
	Duration   int64     `json:"duration_ms"`
	Status     *int      `json:"status"` // null = no answer was received
	ErrorClass *string   `json:"error_class"`
	Snippet    *string   `json:"response_snippet"`
	SecretID   *string   `json:"secret_id"` // of the newest secret that signed
	Signature  *string   `json:"signature"` // value of the header; null = there was none, or its secret is forgotten
}

// listAttempts shows all attempts of a delivery, the first one first. There are
// at most as many as a delivery can have, so there are no pages.
func (a *api) listAttempts(c *wire.Ctx) error {
	id, err := deliveryID(c)
	if err != nil {
		return err
	}
	d, found, err := a.ledger.Delivery(c.Organization, id)
	if err != nil {
		return err
	}
	if !found {
		return wire.NotFound("delivery")
	}
	attempts, _, err := a.ledger.Attempts(c.Organization, id)
	if err != nil {
		return err
	}
	payload, err := a.ledger.AppendPayload(nil, d)
	if err != nil {
		return err
	}
	answer := list[attemptView]{Data: []attemptView{}}
	for i := range attempts {
		t := &attempts[i]
		signature, err := a.engine.Signature(d, t, payload)
		if err != nil {
			return err
		}
		answer.Data = append(answer.Data, attemptView{
			N: t.N, At: wire.Time(t.At), Duration: t.Duration, Status: wire.OrNull(t.Status),
			ErrorClass: errorClass(t), Snippet: wire.OrNull(t.Snippet), SecretID: wire.OrNull(t.Secret),
			Signature: wire.OrNull(signature),
		})
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

// retryDelivery puts a delivery back in line.
func (a *api) retryDelivery(c *wire.Ctx) error {
	id, err := deliveryOf(c)
	if err != nil {
		return err
	}
	err = a.engine.RetryDelivery(c.Context(), c.Organization, id, c.Audit())
	if errors.Is(err, ledger.ErrForbidden) {
		return wire.Conflict(wire.CodeConflict, "the delivery has succeeded, stands in line already, or its endpoint is deleted").Because(err)
	}
	if err != nil {
		return wire.Absent(err, "delivery")
	}
	return a.showDelivery(c, fasthttp.StatusAccepted, id)
}

// cancelDelivery gives a delivery up.
func (a *api) cancelDelivery(c *wire.Ctx) error {
	id, err := deliveryOf(c)
	if err != nil {
		return err
	}
	err = a.engine.CancelDelivery(c.Context(), c.Organization, id, c.Audit())
	if errors.Is(err, ledger.ErrForbidden) {
		return wire.Conflict(wire.CodeConflict, "the delivery has ended").Because(err)
	}
	if err != nil {
		return wire.Absent(err, "delivery")
	}
	return a.showDelivery(c, fasthttp.StatusOK, id)
}

// deliveryOf is deliveryID for verbs, whose body is empty or an empty object.
func deliveryOf(c *wire.Ctx) (delivery.ID, error) {
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return delivery.ID{}, err
	}
	return deliveryID(c)
}
