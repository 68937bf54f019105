// Package webhook is the dialect of webhook endpoints by page number, in the
// style of Django REST framework: /v1/webhook-endpoints, with or without a slash
// at the end of a path, and errors by field.
//
// What it creates sends envelopes, signed by the scheme "timestamped". Endpoints
// of other dialects are shown and changed like its own, unless they have no URL.
// Paused reads as active. There is no way to delete one here.
//
// Page numbers are counted from the newest item, so a page can show again what
// an earlier one has shown if something new came in between. Endpoints are
// counted and put in order as a whole, since memory has them all. Deliveries are
// not: see deliveries.
package webhook

import (
	"context"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Engine carries out what is asked for, as engine.Engine does.
type Engine interface {
	CreateEndpoint(ctx context.Context, org string, spec *endpoint.Endpoint, given secret.Secret, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
	UpdateEndpoint(ctx context.Context, org, id string, mutate func(*endpoint.Endpoint) error, ifVersion uint64, audit ledger.Audit) (*endpoint.Endpoint, error)
	RotateSecret(ctx context.Context, org, id string, given secret.Secret, grace time.Duration, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
	RetryDelivery(ctx context.Context, org string, id delivery.ID, audit ledger.Audit) error

	// Signature is the value of the header that signed an attempt, which sent the
	// payload.
	Signature(d *ledger.Delivery, a *delivery.Attempt, payload []byte) (string, error)
}

// Options are what the dialect is made of. All are required.
type Options struct {
	Ledger  *ledger.Ledger
	Engine  Engine
	Timeout time.Duration // of an attempt to an endpoint that does not say
}

// api has the handlers.
type api struct {
	ledger  *ledger.Ledger
	engine  Engine
	timeout endpoint.Millis
}

// Dialect returns the dialect.
func Dialect(o Options) *wire.Dialect {
	a := &api{ledger: o.Ledger, engine: o.Engine, timeout: endpoint.Millis(o.Timeout.Milliseconds())}
	return &wire.Dialect{
		Name: "webhook", Prefixes: []string{root}, Slash: true, Render: render, Routes: a.routes(),
		Fields: map[string]string{"event_types": "events", "timeout_ms": "timeout_seconds"},
	}
}

const root = "/v1/webhook-endpoints"

func (a *api) routes() []wire.Route {
	const one, sent = root + "/{id}", root + "/{id}/deliveries"
	filters := []string{"edition_id", "is_active", "ordering", "organization_id", "page", "page_size"}
	return []wire.Route{
		{Method: "GET", Pattern: root, Scope: auth.EndpointsRead, Handle: a.list, Query: filters},
		{Method: "POST", Pattern: root, Scope: auth.EndpointsWrite, Handle: a.create, Once: true},
		{Method: "GET", Pattern: one, Scope: auth.EndpointsRead, Handle: a.retrieve},
		{Method: "PUT", Pattern: one, Scope: auth.EndpointsWrite, Handle: a.replace},
		{Method: "PATCH", Pattern: one, Scope: auth.EndpointsWrite, Handle: a.update},
		{Method: "POST", Pattern: one + "/rotate-secret", Scope: auth.EndpointsWrite, Handle: a.rotate, Once: true},
		{Method: "GET", Pattern: sent, Scope: auth.DeliveriesRead, Handle: a.deliveries, Query: append([]string{"status"}, filters...)},
		{Method: "GET", Pattern: sent + "/{delivery_id}", Scope: auth.DeliveriesRead, Handle: a.delivery},
		{Method: "POST", Pattern: sent + "/{delivery_id}/retry", Scope: auth.DeliveriesWrite, Handle: a.retry, Once: true},
	}
}
