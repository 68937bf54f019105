package native

import (
	"encoding/binary"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// eventView is an event as clients see it in lists: without its JSON values,
// any of which can be as large as an event can be.
type eventView struct {
	ID             string    `json:"id"`
	Organization   string    `json:"organization_id"`
	Type           string    `json:"type"`
	Livemode       bool      `json:"livemode"`
	Source         string    `json:"source"` // api, stripe, ping, test
	SourceID       *string   `json:"source_event_id"`
	IdempotencyKey *string   `json:"idempotency_key"`
	Account        *string   `json:"account"`
	APIVersion     *string   `json:"api_version"`
	Context        *string   `json:"context"`
	Matched        int       `json:"matched"` // endpoints that were owed it when it came in
	CreatedAt      wire.Time `json:"created_at"`
	OccurredAt     wire.Time `json:"occurred_at"`
}

// eventInFull is an event with its JSON values.
type eventInFull struct {
	eventView
	Data               json.RawMessage `json:"data"`
	RelatedObject      json.RawMessage `json:"related_object"`
	Reason             json.RawMessage `json:"reason"`
	Changes            json.RawMessage `json:"changes"`
	Request            json.RawMessage `json:"request"`
	PreviousAttributes json.RawMessage `json:"previous_attributes"`
	Metadata           json.RawMessage `json:"metadata"`
}

func viewEvent(a *ledger.Accepted) eventView {
	return eventView{
		ID: event.FormatID(a.ID, a.Livemode), Organization: a.Organization, Type: a.Type, Livemode: a.Livemode,
		Source: a.Source.String(), SourceID: wire.OrNull(a.SourceID), IdempotencyKey: wire.OrNull(a.Idempotency.Key),
		Account: wire.OrNull(a.Account), APIVersion: wire.OrNull(a.APIVersion), Context: wire.OrNull(a.Context),
		Matched: a.Matched, CreatedAt: wire.Time(a.ReceivedAt), OccurredAt: wire.Time(a.Occurred().UnixMilli()),
	}
}

// raw is null in JSON where an event has no such value.
func raw(value []byte) json.RawMessage {
	if len(value) == 0 {
		return json.RawMessage("null")
	}
	return value
}

// listEvents shows events, the newest first.
func (a *api) listEvents(c *wire.Ctx) error {
	f, name, err := a.eventFilter(c)
	if err != nil {
		return err
	}
	page, err := c.Page(name, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found, err := a.ledger.Events(c.Organization, f, ledger.Page(page))
	if err != nil {
		return err
	}
	answer := list[eventView]{Data: []eventView{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, viewEvent(&found.Items[i]))
	}
	answer.Next, answer.Prev = wire.Around{Next: found.After, Prev: found.Before}.Cursors(c, name)
	return c.JSON(fasthttp.StatusOK, answer)
}

// eventFilter reads what a list of events is restricted to, and names the list
// so that cursors of one restriction are none of another.
func (a *api) eventFilter(c *wire.Ctx) (f ledger.EventFilter, name string, err error) {
	f.Type, _ = c.Query("type")
	if text, given := c.Query("source"); given {
		var known bool
		if f.Source, known = event.ParseSource(text); !known {
			return f, "", wire.BadParameter("source", "expected api, stripe, ping or test")
		}
	}
	if f.CreatedAfter, err = c.QueryTime("created_after"); err != nil {
		return f, "", err
	}
	if f.CreatedBefore, err = c.QueryTime("created_before"); err != nil {
		return f, "", err
	}
	f.Endpoint, err = a.queryEndpoint(c)
	return f, c.ListName("events", "type", "source", "created_after", "created_before", "endpoint_id"), err
}

// queryEndpoint reads the parameter endpoint_id; 0 if it is absent.
func (a *api) queryEndpoint(c *wire.Ctx) (endpoint.Key, error) {
	id, given := c.Query("endpoint_id")
	if !given {
		return 0, nil
	}
	e, found := a.ledger.FindEndpoint(c.Organization, id)
	if !found {
		return 0, wire.BadParameter("endpoint_id", "no such endpoint")
	}
	return e.Key, nil
}

// event finds the event that the path names.
func (a *api) event(c *wire.Ctx) (ledger.Accepted, error) {
	id, err := event.ParseID(c.Param("id"))
	if err != nil {
		return ledger.Accepted{}, wire.NotFound("event").Because(err)
	}
	ev, found, err := a.ledger.Event(c.Organization, id)
	if err == nil && !found {
		err = wire.NotFound("event")
	}
	return ev, err
}

func (a *api) getEvent(c *wire.Ctx) error {
	ev, err := a.event(c)
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, eventInFull{
		eventView: viewEvent(&ev), Data: raw(ev.Data), RelatedObject: raw(ev.RelatedObject), Reason: raw(ev.Reason),
		Changes: raw(ev.Changes), Request: raw(ev.Request), PreviousAttributes: raw(ev.PreviousAttributes), Metadata: raw(ev.Metadata),
	})
}

// eventDeliveries shows what became of one event at each endpoint.
func (a *api) eventDeliveries(c *wire.Ctx) error {
	ev, err := a.event(c)
	if err != nil {
		return err
	}
	return a.showDeliveries(c, ledger.DeliveryFilter{Event: ev.ID}, "event deliveries\x00"+ev.ID.String())
}

// explanationView says why an endpoint is owed an event, or why not.
type explanationView struct {
	EndpointID string        `json:"endpoint_id"`
	Owed       bool          `json:"owed"`
	Reason     string        `json:"reason"`   // owed, deleted, created_later, disabled, account, type, not_target
	Delivery   *deliveryView `json:"delivery"` // null unless it is owed
}

func (a *api) explain(x *ledger.Explanation) explanationView {
	v := explanationView{EndpointID: x.Endpoint.ID, Owed: x.Reason == endpoint.Owed, Reason: x.Reason.String()}
	if x.Delivery != nil {
		d := a.viewDelivery(x.Delivery)
		v.Delivery = &d
	}
	return v
}

// explainEvent says for one endpoint, or for all in the order in which they
// were created, why it is owed the event or why not (G11).
func (a *api) explainEvent(c *wire.Ctx) error {
	ev, err := a.event(c)
	if err != nil {
		return err
	}
	name := "explain\x00" + ev.ID.String()
	page, err := c.Page(name, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	if page.Before != nil {
		return wire.BadParameter("before", "this list goes forward only")
	}
	key, err := a.queryEndpoint(c)
	if err != nil {
		return err
	}
	answer := list[explanationView]{Data: []explanationView{}}
	if key != 0 {
		x, found, err := a.ledger.ExplainOne(c.Organization, ev.ID, key)
		if err != nil {
			return err
		}
		if found {
			answer.Data = append(answer.Data, a.explain(&x))
		}
		return c.JSON(fasthttp.StatusOK, answer)
	}
	all, _, err := a.ledger.Explain(c.Organization, ev.ID, keyAt(page.After), page.Limit+1)
	if err != nil {
		return err
	}
	for i := range all[:min(len(all), page.Limit)] {
		answer.Data = append(answer.Data, a.explain(&all[i]))
	}
	if len(all) > page.Limit {
		last := all[page.Limit-1].Endpoint.Key
		answer.Next, _ = wire.Around{Next: position(last)}.Cursors(c, name)
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

// position is an endpoint's key in a cursor.
func position(key endpoint.Key) []byte { return binary.BigEndian.AppendUint64(nil, uint64(key)) }

// keyAt is the inverse of position, and 0 for none.
func keyAt(position []byte) endpoint.Key {
	if len(position) != 8 {
		return 0
	}
	return endpoint.Key(binary.BigEndian.Uint64(position))
}
