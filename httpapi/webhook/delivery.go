package webhook

import (
	"errors"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// deliveryView is a delivery as clients see it.
type deliveryView struct {
	ID          string  `json:"id"`
	Event       string  `json:"event"` // its type
	Created     moment  `json:"created"`
	EndpointID  string  `json:"endpoint_id"`
	Payload     *string `json:"payload"` // the bytes that were or will be sent; null in a list that has too much of them already
	Status      string  `json:"status"`
	Attempts    int     `json:"attempts"`
	Code        *int    `json:"response_status_code"`
	LastAttempt moment  `json:"last_attempt_at"`
	NextRetry   moment  `json:"next_retry_at"` // of a delivery that is retrying
	Signature   *string `json:"signature"`     // the header's value in the last attempt, "" before; null with the payload
}

// statuses are the engine's states in the words of this dialect.
var statuses = map[delivery.State]string{
	delivery.Pending: "pending", delivery.Retrying: "retrying", delivery.Succeeded: "success",
	delivery.Failed: "failed", delivery.Exhausted: "exhausted", delivery.Canceled: "failed",
}

// viewDelivery shows a delivery, its payload and signature unless payload is nil.
func (a *api) viewDelivery(d *ledger.Delivery, payload []byte) (v deliveryView, _ error) {
	v = deliveryView{
		ID: d.ID.String(), Event: d.Event.Type, Created: moment(d.Created), EndpointID: d.Endpoint.ID, Status: statuses[d.State],
		Attempts: d.Attempts, Code: wire.OrNull(d.Last.Status), LastAttempt: moment(d.Last.At),
	}
	if d.State == delivery.Retrying {
		v.NextRetry = moment(d.Next)
	}
	if payload != nil {
		text := string(payload)
		signature, err := a.engine.Signature(d, &d.Last, payload)
		if err != nil {
			return v, err
		}
		v.Payload, v.Signature = &text, &signature
	}
	return v, nil
}

// deliveries shows the deliveries to an endpoint, the newest first or, ordered
// by created, the oldest. Of the parameters that lists of endpoints have, the
// others mean nothing here.
//
// The tallies of the endpoint say how many there are, without counting. They
// know nothing of what retention has taken since, so count can be too large; it
// is exact on a page behind which nothing more comes, and next always is. To get
// to a page, what comes before it is counted: that ends after 10,000 deliveries.
// Cursors, which the native API has, go any distance.
func (a *api) deliveries(c *wire.Ctx) error {
	e, err := a.find(c)
	if err != nil {
		return err
	}
	p, err := readPage(c)
	if err != nil {
		return err
	}
	states, err := readStatus(c)
	if err != nil {
		return err
	}
	ordering, _ := c.Query("ordering")
	list := listing{api: a, endpoint: e, states: states, payloads: wire.NewPayloads(a.ledger)}
	var answer *pageView[deliveryView]
	if ordering == "created" {
		answer, err = list.oldestFirst(c, p)
	} else {
		answer, err = list.newestFirst(c, p)
	}
	if errors.Is(err, ledger.ErrTooFar) {
		return invalidPage(" Page numbers go back 10,000 deliveries; for those before, see /v1/deliveries, whose cursors go on.")
	}
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

// readStatus reads which deliveries a list is to have; 0 = all.
func readStatus(c *wire.Ctx) (states delivery.StateSet, err error) {
	text, given := choice(c, "status")
	if !given {
		return 0, nil
	}
	for state, name := range statuses {
		if name == text {
			states |= delivery.SetOf(state)
		}
	}
	if states == 0 {
		return 0, wire.BadParameter("status", "Select a valid choice. It must be pending, success, failed, retrying or exhausted.")
	}
	return states, nil
}

// listing is a list of deliveries that is being made.
type listing struct {
	*api
	endpoint *endpoint.Endpoint
	states   delivery.StateSet
	payloads *wire.Payloads
}

func (l *listing) newestFirst(c *wire.Ctx, p page) (*pageView[deliveryView], error) {
	if p.number == last {
		n, err := l.counted()
		if err != nil {
			return nil, err
		}
		p = p.lastOf(n)
	}
	var shown []deliveryView
	n, more, err := l.take(p.skip(), p.size, &shown)
	if err != nil {
		return nil, err
	}
	if len(shown) == 0 && p.number > 1 {
		return nil, invalidPage("")
	}
	if more {
		n = max(n+1, l.tallied())
	}
	answer := newPageView[deliveryView](c, p, n, more)
	answer.Results = append(answer.Results, shown...)
	return answer, nil
}

// oldestFirst turns the list round, for which its end must be known.
func (l *listing) oldestFirst(c *wire.Ctx, p page) (*pageView[deliveryView], error) {
	n, err := l.counted()
	if err != nil {
		return nil, err
	}
	p = p.lastOf(n)
	if p.skip() >= n && p.number > 1 {
		return nil, invalidPage("")
	}
	size := min(p.size, n-p.skip())
	var shown []deliveryView
	if _, _, err := l.take(n-p.skip()-size, size, &shown); err != nil {
		return nil, err
	}
	slices.Reverse(shown)
	answer := newPageView[deliveryView](c, p, n, p.skip()+size < n)
	answer.Results = append(answer.Results, shown...)
	return answer, nil
}

// take appends some deliveries, and reports how many there are with those that
// were skipped, and whether more come behind.
func (l *listing) take(skip, size int, shown *[]deliveryView) (n int, more bool, err error) {
	window := ledger.Window{States: l.states, Skip: skip, Take: size}
	return l.ledger.History(l.endpoint.Organization, l.endpoint.Key, window, func(d *ledger.Delivery) error {
		payload, err := l.payloads.Of(d)
		if err != nil {
			return err
		}
		v, err := l.viewDelivery(d, payload)
		*shown = append(*shown, v)
		return err
	})
}

// counted is how many deliveries there are, if they are not too many to count.
func (l *listing) counted() (int, error) {
	const all = 1 << 30
	n, _, err := l.take(all, 0, nil)
	return n, err
}

// tallied is how many deliveries there ever were.
func (l *listing) tallied() int {
	o, _ := l.ledger.Endpoint(l.endpoint.Organization, l.endpoint.ID)
	counts := map[delivery.State]uint64{
		delivery.Pending: o.Counts.Pending, delivery.Retrying: o.Counts.Retrying, delivery.Succeeded: o.Counts.Succeeded,
		delivery.Failed: o.Counts.Failed, delivery.Exhausted: o.Counts.Exhausted, delivery.Canceled: o.Counts.Canceled,
	}
	sum := uint64(0)
	for state, n := range counts {
		if l.states == 0 || l.states.Has(state) {
			sum += n
		}
	}
	return int(sum)
}

// findDelivery is the delivery that the path names, of the endpoint that it
// names.
func (a *api) findDelivery(c *wire.Ctx) (*ledger.Delivery, error) {
	e, err := a.find(c)
	if err != nil {
		return nil, err
	}
	id, err := delivery.ParseID(c.Param("delivery_id"))
	if err != nil || endpoint.Alias(id.Endpoint) != e.Alias {
		return nil, wire.NotFound("delivery")
	}
	d, found, err := a.ledger.Delivery(c.Organization, id)
	if err == nil && !found {
		err = wire.NotFound("delivery")
	}
	return d, err
}

func (a *api) delivery(c *wire.Ctx) error {
	d, err := a.findDelivery(c)
	if err != nil {
		return err
	}
	payload, err := a.ledger.AppendPayload(nil, d)
	if err != nil {
		return err
	}
	v, err := a.viewDelivery(d, payload)
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, v)
}

// retry puts a delivery that has failed, for now or for good, back in line.
func (a *api) retry(c *wire.Ctx) error {
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return err
	}
	d, err := a.findDelivery(c)
	if err != nil {
		return err
	}
	err = a.engine.RetryDelivery(c.Context(), c.Organization, d.ID, c.Audit())
	if errors.Is(err, ledger.ErrForbidden) {
		return wire.BadRequest(wire.CodeConflict, "Only a delivery that is failed, exhausted or retrying can be retried, and not while it is due or being sent.").Because(err)
	}
	if err != nil {
		return err
	}
	return a.delivery(c)
}
