package subscription

import (
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// visible reports whether an endpoint is a subscription.
func visible(e *endpoint.Endpoint) bool {
	types := e.Now().EventTypes
	return e.Kind == endpoint.Webhook && len(types) == 1 && event.ValidType(types[0]) // wildcards are patterns, but no types
}

// view is a subscription as clients see it.
type view struct {
	CreatedAt   wire.Time `json:"created_at"`
	EndpointURL string    `json:"endpoint_url"`
	ID          string    `json:"id"`
	Active      bool      `json:"is_active"` // also while it is paused
	PartnerID   string    `json:"partner_id"`
	Last4       string    `json:"secret_last_4_digits"` // of the secret in use, also of one that was not given but made
	Topic       string    `json:"topic"`
	UpdatedAt   wire.Time `json:"updated_at"`
}

func viewOf(e *endpoint.Endpoint) view {
	v := view{
		CreatedAt: wire.Time(e.CreatedAt), EndpointURL: e.URL, ID: e.ID, Active: e.Enabled(), PartnerID: e.Organization,
		Topic: e.Now().EventTypes[0], UpdatedAt: wire.Time(e.UpdatedAt),
	}
	if len(e.Secrets) > 0 {
		v.Last4 = e.Secrets[0].Last4
	}
	return v
}

// list shows subscriptions, the newest first.
func (a *api) list(c *wire.Ctx) error {
	topic, byTopic, err := queryTopic(c)
	if err != nil {
		return err
	}
	active, err := c.QueryBool("is_active", false)
	if err != nil {
		return err
	}
	_, byState := c.Query("is_active")
	name := c.ListName("subscriptions", "topic", "is_active")
	page, err := c.Page(name, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found := a.ledger.Endpoints(c.Organization, func(e *endpoint.Endpoint) bool {
		return visible(e) && (!byTopic || e.Now().EventTypes[0] == topic) && (!byState || e.Enabled() == active)
	}, ledger.Page(page))
	answer, err := pageOf(c, name, found, func(o *ledger.Overview) (view, error) { return viewOf(o.Endpoint), nil })
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

// queryTopic reads the parameter topic. Topics are what producers post: any
// event type is one.
func queryTopic(c *wire.Ctx) (topic string, given bool, err error) {
	if topic, given = c.Query("topic"); given && !event.ValidType(topic) {
		return "", false, wire.BadParameter("topic", "%s", badTopic)
	}
	return topic, given, nil
}

const badTopic = "must be an event type without wildcards, such as payout_paid"

type createRequest struct {
	EndpointURL *string `json:"endpoint_url"`
	SecretKey   *string `json:"secret_key"` // default: deliveries are signed, by a secret that is made
	Topic       *string `json:"topic"`
}

// create makes a subscription. With a secret_key its deliveries carry that as a
// bearer token, besides the standard signature, which it is the key of.
func (a *api) create(c *wire.Ctx) error {
	var r createRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	var faults []wire.Field
	if r.EndpointURL == nil {
		faults = append(faults, wire.Field{Pointer: "/endpoint_url", Detail: "is required"})
	}
	switch {
	case r.Topic == nil:
		faults = append(faults, wire.Field{Pointer: "/topic", Detail: "is required"})
	case !event.ValidType(*r.Topic):
		faults = append(faults, wire.Field{Pointer: "/topic", Detail: badTopic})
	}
	if r.SecretKey != nil && !isToken(*r.SecretKey) {
		faults = append(faults, wire.Field{Pointer: "/secret_key", Detail: "must be visible ASCII characters: it is sent as a bearer token"})
	}
	if len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	spec := &endpoint.Endpoint{
		Origin: "subscription", Livemode: c.Principal.Livemode, Name: wire.Host(*r.EndpointURL), URL: *r.EndpointURL,
		Signatures: []string{"standard"}, Spans: []endpoint.Span{{EventTypes: []string{*r.Topic}}},
	}
	var given secret.Secret
	if r.SecretKey != nil {
		given, spec.Signatures = secret.New(*r.SecretKey), []string{"bearer", "standard"}
	}
	made, _, err := a.engine.CreateEndpoint(c.Context(), c.Organization, spec, given, c.Audit())
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusCreated, viewOf(made))
}

// isToken reports whether a text can be sent as a bearer token.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// delete ends a subscription and shows it for the last time. What it was still
// owed is canceled.
func (a *api) delete(c *wire.Ctx) error {
	id := c.Param("subscription_id")
	if _, err := endpoint.ParseID(id); err != nil {
		return wire.BadRequest(wire.CodeBadRequest, "subscription_id: %v", err)
	}
	e, found := a.ledger.FindEndpoint(c.Organization, id)
	if !found || !visible(e) {
		return wire.NotFound("subscription")
	}
	if err := a.engine.DeleteEndpoint(c.Context(), c.Organization, id, c.Audit()); err != nil {
		return wire.Absent(err, "subscription")
	}
	if now, found := a.ledger.FindKey(c.Organization, e.Key); found && visible(now) {
		e = now
	}
	v := viewOf(e)
	v.Active = false
	return c.JSON(fasthttp.StatusOK, v)
}
