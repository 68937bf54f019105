// Package orghook is the dialect of webhook endpoints that belong to an
// organization, in the style of CapyDB's API: JSON under
// /v1/organizations/{orgID}/webhook-endpoints, where the path always names the
// organization, keys come as bearer tokens or in X-API-Key, and errors are one
// text.
//
// What it creates sends envelopes, signed by the scheme "timestamped": with the
// engine's header prefix X-CapyDB a receiver that was written for that product
// sees the headers that it knows. Endpoints of other dialects are shown and
// changed like its own, unless they have no URL.
//
// Some of the API's terms say less than the engine knows. An endpoint that is
// paused is active; a delivery is pending until it is delivered or has failed
// for good. Lists have no pages: that of endpoints is complete, that of
// deliveries shows the newest.
//
// API keys are managed by the same clients, but are package native's: there is
// one kind of key. Keys of a project do not exist, because there are no
// projects.
package orghook

import (
	"context"
	"time"

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
	DeleteEndpoint(ctx context.Context, org, id string, audit ledger.Audit) error
	RotateSecret(ctx context.Context, org, id string, given secret.Secret, grace time.Duration, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
}

// Options are what the dialect is made of. All are required.
type Options struct {
	Ledger      *ledger.Ledger
	Engine      Engine
	MaxAttempts int // of a delivery to an endpoint that does not say
}

// api has the handlers.
type api struct {
	ledger      *ledger.Ledger
	engine      Engine
	maxAttempts int
}

// Dialect returns the dialect. It owns all paths of organizations, so that
// errors of the native operations there have its shape too.
func Dialect(o Options) *wire.Dialect {
	a := &api{ledger: o.Ledger, engine: o.Engine, maxAttempts: o.MaxAttempts}
	return &wire.Dialect{Name: "orghook", Prefixes: []string{"/v1/organizations", "/v1/me"}, Render: wire.Terse, Routes: a.routes()}
}

func (a *api) routes() []wire.Route {
	const all = "/v1/organizations/{orgID}/webhook-endpoints"
	const one = all + "/{id}"
	return []wire.Route{
		{Method: "GET", Pattern: "/v1/me", Handle: a.me},
		{Method: "GET", Pattern: all, Tenant: "orgID", Scope: auth.EndpointsRead, Handle: a.list},
		{Method: "POST", Pattern: all, Tenant: "orgID", Scope: auth.EndpointsWrite, Handle: a.create, Once: true},
		{Method: "PATCH", Pattern: one, Tenant: "orgID", Scope: auth.EndpointsWrite, Handle: a.update},
		{Method: "DELETE", Pattern: one, Tenant: "orgID", Scope: auth.EndpointsWrite, Handle: a.delete, Once: true},
		{Method: "POST", Pattern: one + "/rotate-secret", Tenant: "orgID", Scope: auth.EndpointsWrite, Handle: a.rotate, Once: true},
		{Method: "GET", Pattern: one + "/deliveries", Tenant: "orgID", Scope: auth.DeliveriesRead, Handle: a.deliveries, Query: []string{"limit"}},
	}
}
