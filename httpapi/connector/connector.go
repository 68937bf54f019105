// Package connector takes in the webhooks of other platforms, straight from
// them: no API key, no translation on the sender's side. There is one, for
// Stripe. Whoever has a Stripe account gives Stripe the URL
//
//	POST /v1/orgs/{orgId}/integrations/stripe
//
// and gives Hookwheel the signing secret that Stripe shows for it. What comes in
// is fanned out to the endpoints of the organization like any other event.
//
//	Stripe ── event, Stripe-Signature ─▶ verify ─▶ read ─▶ append ─▶ what became of it
//	                                        │                │
//	                           secrets of the organization   └─ the Stripe id decides: new or repeated
//
// The answer is an action:
//
//	triggered  new, and on its way: runIds are its deliveries
//	resumed    repeated; the deliveries that had been given up are tried again
//	skipped    nothing was started, and reason says why: no_matching_endpoints,
//	           duplicate_event, connector_disabled
//
// An answer of 200 means that the event is durable, with its id, for 35 days:
// Stripe may send it as often as it likes, by several connections at once, and
// it is one event. Stripe ends its retries on any 2xx, so what it could do
// nothing about is skipped and not refused.
//
// Whatever is wrong with who sends is one 401 in the same words, so that nobody
// finds out which organizations there are.
package connector

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Engine is what the connector needs of engine.Engine, where its errors are
// described.
type Engine interface {
	StripeConnector(org string) (keys []sign.Key, enabled bool, err error)
	Post(ctx context.Context, events []*event.Event, withEndpoints bool, dst []ledger.Verdict) ([]ledger.Verdict, error)
	RetryFailedOf(ctx context.Context, org string, id event.ID, audit ledger.Audit) ([]delivery.ID, error)
}

// Options are what the dialect is made of. All are required.
type Options struct {
	Engine       Engine
	MaxEventSize int // of an event as Stripe writes it, in bytes
}

// api has the handler.
type api struct {
	Options
	decoy []sign.Key // of nobody; see verify
}

// Dialect returns the connector's routes.
func Dialect(o Options) *wire.Dialect {
	a := &api{Options: o, decoy: []sign.Key{{Value: secret.NewSigning()}}}
	return &wire.Dialect{
		Name: "connector", Prefixes: []string{"/v1/orgs"}, Render: render,
		Routes: []wire.Route{
			{Method: "POST", Pattern: "/v1/orgs/{orgId}/integrations/stripe", Tenant: "orgId", OptionalKey: true, Handle: a.receive, Query: []string{"secret"}},
		},
	}
}

// render lets every 401 say the same, also one about an API key that was given
// though none is needed.
func render(c *wire.Ctx, e *wire.Error) {
	if e.Status == fasthttp.StatusUnauthorized {
		e = unauthorized()
	}
	wire.Terse(c, e)
}

func unauthorized() *wire.Error {
	e := wire.Unauthorized()
	e.Detail = "the event cannot be accepted: check the organization, the signing secret and the clock of the sender"
	return e
}

// answer says what became of an event.
type answer struct {
	Action  string   `json:"action"`
	EventID string   `json:"eventId"`          // of the event as it is kept; "" if it is not
	Reason  string   `json:"reason,omitempty"` // of skipped
	RunIDs  []string `json:"runIds"`           // deliveries
}

func skipped(eventID, reason string) answer {
	return answer{Action: "skipped", EventID: eventID, Reason: reason, RunIDs: []string{}}
}

// receive takes one event in.
func (a *api) receive(c *wire.Ctx) error {
	if err := c.ExpectJSON(); err != nil {
		return err
	}
	if len(c.PostBody()) > a.MaxEventSize {
		return wire.TooLarge("the event", a.MaxEventSize)
	}
	enabled, err := a.verify(c)
	if err != nil {
		return err
	}
	if !enabled {
		return c.JSON(fasthttp.StatusOK, skipped("", "connector_disabled"))
	}
	ev, err := read(c.PostBody())
	if err != nil {
		return err
	}
	ev.ID, ev.Organization = ledger.NewID(), c.Param("orgId")
	became, err := a.submit(c, ev)
	if err != nil {
		return unavailable(err)
	}
	return c.JSON(fasthttp.StatusOK, became)
}

// verify reports whether the connector is enabled, if one of its secrets signed
// the body. The parameter secret chooses one of them; it never adds one, or
// anybody could sign with a secret of his own. Where there are none, as much
// work is done with one that nobody has, and takes as much time.
func (a *api) verify(c *wire.Ctx) (enabled bool, err error) {
	keys, enabled, err := a.Engine.StripeConnector(c.Param("orgId"))
	if err != nil {
		return false, err
	}
	if text, _ := c.Query("secret"); text != "" {
		keys = chosen(keys, secret.New(text))
	}
	if len(keys) == 0 {
		keys = a.decoy
	}
	_, err = sign.Verifier{Scheme: sign.Stripe, Keys: keys}.Verify(c.Header, c.PostBody(), time.Now().UnixMilli())
	switch {
	case err == nil:
		return enabled, nil
	case errors.Is(err, sign.ErrMissingHeader), errors.Is(err, sign.ErrMalformed):
		return false, wire.BadRequest(wire.CodeBadRequest, "%v", err)
	}
	return false, unauthorized().Because(err)
}

// chosen is the key of that value, compared in a time that tells nothing about
// the others.
func chosen(keys []sign.Key, value secret.Secret) (one []sign.Key) {
	for _, k := range keys {
		if k.Value.Equal(value) {
			one = append(one, k)
		}
	}
	return one
}

// submit appends an event, unless it is there already.
func (a *api) submit(c *wire.Ctx, ev *event.Event) (answer, error) {
	var room [1]ledger.Verdict
	verdicts, err := a.Engine.Post(c.Context(), []*event.Event{ev}, true, room[:0])
	if err != nil {
		return answer{}, err
	}
	v := &verdicts[0]
	switch {
	case v.Duplicate:
		return a.repeat(c, v.First, v.FirstLivemode)
	case len(v.Endpoints) == 0:
		return skipped(event.FormatID(ev.ID, ev.Livemode), "no_matching_endpoints"), nil
	}
	runs := make([]delivery.ID, len(v.Endpoints))
	for i, e := range v.Endpoints {
		runs[i] = delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias)}
	}
	return started("triggered", ev.ID, ev.Livemode, runs), nil
}

// repeat goes on with an event that came before: what was given up is tried
// again.
func (a *api) repeat(c *wire.Ctx, first event.ID, livemode bool) (answer, error) {
	audit := c.Audit()
	audit.Actor = cmp.Or(audit.Actor, "connector:stripe")
	again, err := a.Engine.RetryFailedOf(c.Context(), c.Param("orgId"), first, audit)
	if err != nil {
		return answer{}, err
	}
	if len(again) == 0 {
		return skipped(event.FormatID(first, livemode), "duplicate_event"), nil
	}
	return started("resumed", first, livemode, again), nil
}

func started(action string, id event.ID, livemode bool, runs []delivery.ID) answer {
	a := answer{Action: action, EventID: event.FormatID(id, livemode)}
	for _, run := range runs {
		a.RunIDs = append(a.RunIDs, run.String())
	}
	return a
}

// unavailable makes every refusal of the log one that Stripe knows: come again
// later.
func unavailable(err error) error {
	if e := wire.From(err); e.Status == fasthttp.StatusInsufficientStorage {
		return wire.Unavailable(e.Code, e.Detail, e.RetryAfter).Because(err)
	}
	return err
}
