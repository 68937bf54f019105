package subscription

import (
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// statuses are what this dialect calls the states of a delivery.
var statuses = map[string]delivery.StateSet{
	"pending":   delivery.SetOf(delivery.Pending, delivery.Retrying),
	"delivered": delivery.SetOf(delivery.Succeeded),
	"failed":    delivery.SetOf(delivery.Failed, delivery.Exhausted, delivery.Canceled),
}

func statusOf(s delivery.State) string {
	switch {
	case statuses["pending"].Has(s):
		return "pending"
	case s == delivery.Succeeded:
		return "delivered"
	}
	return "failed"
}

// eventView is an event as it goes to one subscription.
type eventView struct {
	ID             string          `json:"id"`
	EventID        string          `json:"event_id"` // the same for every subscription
	SubscriptionID string          `json:"subscription_id"`
	Topic          string          `json:"topic"`
	Status         string          `json:"status"` // pending, delivered, failed
	Attempts       int             `json:"attempts"`
	LastError      *string         `json:"last_error"`
	ResponseStatus *int            `json:"response_status"` // of the latest attempt
	CreatedAt      wire.Time       `json:"created_at"`
	UpdatedAt      wire.Time       `json:"updated_at"`
	Payload        json.RawMessage `json:"payload"` // as it was or will be sent; null beyond wire.MaxPayloads
}

func viewEvent(d *ledger.Delivery, payloads *wire.Payloads) (eventView, error) {
	v := eventView{
		ID: d.ID.String(), EventID: event.FormatID(d.Event.ID, d.Event.Livemode), SubscriptionID: d.Endpoint.ID,
		Topic: d.Event.Type, Status: statusOf(d.State), Attempts: d.Attempts,
		LastError: wire.OrNull(wire.LastError(d)), ResponseStatus: wire.OrNull(d.Last.Status),
		CreatedAt: wire.Time(d.Created), UpdatedAt: wire.Time(d.Updated),
	}
	var err error
	v.Payload, err = payloads.Of(d)
	return v, err
}

// events shows what goes to subscriptions, also to deleted ones, the newest
// first.
func (a *api) events(c *wire.Ctx) error {
	f := ledger.DeliveryFilter{Endpoints: visible}
	var err error
	if f.Type, _, err = queryTopic(c); err != nil {
		return err
	}
	if status, given := c.Query("status"); given {
		if f.States = statuses[status]; f.States == 0 {
			return wire.BadParameter("status", "expected pending, delivered or failed")
		}
	}
	if f.From, err = queryDate(c, "from_date"); err != nil {
		return err
	}
	if f.From != 0 {
		f.From++ // the dialect's ranges are without their ends
	}
	if f.To, err = queryDate(c, "to_date"); err != nil {
		return err
	}
	name := c.ListName("subscription events", "topic", "status", "from_date", "to_date")
	page, err := c.Page(name, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found, err := a.ledger.Deliveries(c.Organization, f, ledger.Page(page))
	if err != nil {
		return err
	}
	payloads := wire.NewPayloads(a.ledger)
	answer, err := pageOf(c, name, found, func(d *ledger.Delivery) (eventView, error) { return viewEvent(d, payloads) })
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

// queryDate reads a moment of ISO 8601 in Unix milliseconds, 0 if absent: with
// an offset, without (UTC), or the beginning of a day.
func queryDate(c *wire.Ctx, name string) (int64, error) {
	text, given := c.Query(name)
	if !given {
		return 0, nil
	}
	text = strings.Replace(text, " ", "+", 1) // the + of an offset, unescaped
	for _, rest := range []string{"", "Z", "T00:00:00Z"} {
		if at, ok := wire.ParseTime(text + rest); ok {
			return at, nil
		}
	}
	return 0, wire.BadParameter(name, "expected a date of ISO 8601, such as 2026-01-02 or 2026-01-02T03:04:05Z")
}

type retryAnswer struct {
	Retried int `json:"retried"`
}

// retry puts everything that was given up back in line, of all endpoints of the
// organization.
func (a *api) retry(c *wire.Ctx) error {
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return err
	}
	n, err := a.engine.RetryFailed(c.Context(), c.Organization, c.Audit())
	if errors.Is(err, ledger.ErrBusy) {
		return wire.Conflict(wire.CodeConflict, "what has failed is being retried already; wait until that is done").Because(err)
	}
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, retryAnswer{Retried: n})
}
