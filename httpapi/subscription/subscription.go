// Package subscription is the dialect of subscriptions to one topic each, in
// the style of Alternative Payments' API: a client gets an access token at
// /oauth/token for its id and secret (OAuth 2, client credentials), and manages
// under /webhooks which topics are sent where.
//
//	POST /oauth/token ─▶ access token, good for an hour
//	     /webhooks         subscriptions: list, create, delete
//	     /webhooks/events  what was sent, or is to be, to whom
//	     /webhooks/retry   everything that was given up goes out again
//
// A subscription is an endpoint with exactly one event type and no wildcard,
// whichever API made it; other endpoints do not exist here, and neither do their
// deliveries. An event of this dialect is a delivery: one event to one
// subscription. What its client authenticates with is a token like any other
// credential, good on the native routes too, and an API key is good here.
//
// Lists are newest first and have cursors of both ends of a page, so that a
// client can follow what comes in: before=start_cursor is what is newer. A body
// that cannot be read is 400; one that says something impossible is 422, with
// the fields that are wrong.
package subscription

import (
	"context"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Engine carries out what is asked for, as engine.Engine does, where the errors
// are described.
type Engine interface {
	CreateEndpoint(ctx context.Context, org string, spec *endpoint.Endpoint, given secret.Secret, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
	DeleteEndpoint(ctx context.Context, org, id string, audit ledger.Audit) error
	RetryFailed(ctx context.Context, org string, audit ledger.Audit) (n int, err error)
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

// Dialect returns the dialect.
func Dialect(o Options) *wire.Dialect {
	a := &api{ledger: o.Ledger, engine: o.Engine}
	return &wire.Dialect{Name: "subscription", Prefixes: []string{"/webhooks", "/oauth"}, Render: render, Routes: []wire.Route{
		{Method: "POST", Pattern: "/oauth/token", Public: true, Handle: issueToken},
		{Method: "GET", Pattern: "/webhooks", Scope: auth.EndpointsRead, Handle: a.list, Query: wire.Paged("topic", "is_active")},
		{Method: "POST", Pattern: "/webhooks", Scope: auth.EndpointsWrite, Handle: a.create, Once: true},
		{Method: "DELETE", Pattern: "/webhooks/{subscription_id}", Scope: auth.EndpointsWrite, Handle: a.delete, Once: true},
		{Method: "GET", Pattern: "/webhooks/events", Scope: auth.DeliveriesRead, Handle: a.events, Query: wire.Paged("topic", "status", "from_date", "to_date")},
		{Method: "POST", Pattern: "/webhooks/retry", Scope: auth.DeliveriesWrite, Handle: a.retry, Once: true},
	}}
}

// page is the shape of every list.
type page[T any] struct {
	Data        []T     `json:"data"`
	EndCursor   *string `json:"end_cursor"` // of the last item, for after=; null on a page without any
	HasNext     bool    `json:"has_next_page"`
	HasPrevious bool    `json:"has_previous_page"`
	StartCursor *string `json:"start_cursor"` // of the first item, for before=
}

// pageOf shows a part of a list of the ledger.
func pageOf[T, V any](c *wire.Ctx, list string, found *ledger.List[T], view func(*T) (V, error)) (page[V], error) {
	p := page[V]{Data: []V{}, HasNext: found.After != nil, HasPrevious: found.Before != nil}
	for i := range found.Items {
		v, err := view(&found.Items[i])
		if err != nil {
			return p, err
		}
		p.Data = append(p.Data, v)
	}
	p.EndCursor, p.StartCursor = wire.Around{Next: found.Last, Prev: found.First}.Cursors(c, list)
	return p, nil
}
