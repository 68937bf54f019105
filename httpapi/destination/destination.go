// Package destination is the part of Stripe's API v2 that configures where
// events go, under /v2/core, for clients that are written against Stripe: its
// libraries work when they are pointed at this server. It is a translation;
// the endpoints and events behind it are those of the native API.
//
//	event destination            endpoint
//	  enabled_events               event_types; [] is ["*"]
//	  events_from                  events_from; [] is ["self"]
//	  event_payload                payload_format
//	  webhook_endpoint.url         url; deliveries carry Stripe-Signature
//	  amazon_eventbridge           eventbridge
//	  status, status_details       state, disabled_reason; paused counts as enabled
//	event                        event, its data included
//
// Endpoints that were created elsewhere are shown too. One with a payload that
// Stripe does not have gives it its own name in event_payload, which Stripe's
// libraries take for an enumeration that has grown; so are the reasons
// delivery_failures and gone.
//
// Where the documents of the API are silent: lists are newest first, in pages of
// 20 unless limit says 1 to 100; parameters of the body that are not known are
// refused, those of the query are ignored; a ping to a disabled destination is
// refused, because nothing is sent to one.
package destination

import (
	"context"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Engine carries out what the API asks for. The methods are those of
// engine.Engine, where their errors are described.
type Engine interface {
	CreateEndpoint(ctx context.Context, org string, spec *endpoint.Endpoint, given secret.Secret, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
	UpdateEndpoint(ctx context.Context, org, id string, mutate func(*endpoint.Endpoint) error, ifVersion uint64, audit ledger.Audit) (*endpoint.Endpoint, error)
	DeleteEndpoint(ctx context.Context, org, id string, audit ledger.Audit) error
	EnableEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error)
	DisableEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error)
	TestEndpoint(ctx context.Context, org, id string, ev *event.Event) (delivery.ID, error)
}

// Options are what the dialect is made of. All are required.
type Options struct {
	Ledger *ledger.Ledger
	Engine Engine
}

// api has the handlers.
type api struct {
	ledger *ledger.Ledger
	engine Engine
}

const (
	destinationsPath = "/v2/core/event_destinations"
	eventsPath       = "/v2/core/events"
)

// Dialect returns the API.
func Dialect(o Options) *wire.Dialect {
	a := &api{ledger: o.Ledger, engine: o.Engine}
	return &wire.Dialect{
		Name: "destination", Prefixes: []string{"/v2"}, Render: render, Routes: a.routes(), Finish: finish,
		OrganizationHeaders: []string{contextHeader, accountHeader}, Fields: fields,
		Idempotency: wire.Idempotency{Lifetime: 30 * 24 * time.Hour, Reused: errReused},
	}
}

// fields are the names that the native API's have here.
var fields = map[string]string{
	"event_types": "enabled_events", "payload_format": "event_payload", "kind": "type",
	"url": "webhook_endpoint/url", "eventbridge": "amazon_eventbridge",
}

func (a *api) routes() []wire.Route {
	const one = destinationsPath + "/{id}"
	return []wire.Route{
		{Method: "GET", Pattern: destinationsPath, Scope: auth.EndpointsRead, Handle: a.list, Query: []string{"include", "limit", "page"}},
		{Method: "POST", Pattern: destinationsPath, Scope: auth.EndpointsWrite, Handle: a.create, Once: true},
		{Method: "GET", Pattern: one, Scope: auth.EndpointsRead, Handle: a.retrieve, Query: []string{"include"}},
		{Method: "POST", Pattern: one, Scope: auth.EndpointsWrite, Handle: a.update, Once: true},
		{Method: "DELETE", Pattern: one, Scope: auth.EndpointsWrite, Handle: a.delete, Once: true},
		{Method: "POST", Pattern: one + "/disable", Scope: auth.EndpointsWrite, Handle: control(a.engine.DisableEndpoint, a), Once: true},
		{Method: "POST", Pattern: one + "/enable", Scope: auth.EndpointsWrite, Handle: control(a.engine.EnableEndpoint, a), Once: true},
		{Method: "POST", Pattern: one + "/ping", Scope: auth.EndpointsWrite, Handle: a.ping, Once: true},

		{Method: "GET", Pattern: eventsPath, Scope: auth.EventsRead, Handle: a.listEvents, Query: []string{"limit", "page", "object_id", "types", "created"}},
		{Method: "GET", Pattern: eventsPath + "/{id}", Scope: auth.EventsRead, Handle: a.retrieveEvent, Contextual: true},
	}
}
