// Package native is Hookwheel's own API under /v1: everything that the engine
// can do, in its own terms. The other dialects are translations of parts of it.
//
// Conventions: JSON in and out; errors as problem+json (RFC 9457) with a
// pointer to every wrong field; times in RFC 3339 with milliseconds; lists with
// cursors, newest first; PATCH is a merge patch (RFC 7396), in which null means
// the default; members and query parameters that are unknown are refused. 400 is
// for a request that is wrong, 409 for a verb that the state of its object
// forbids, 412 for an object that is no longer as the caller saw it. What belongs
// to another organization is not found.
//
// The table in routes is the whole of it. Handlers read from the ledger and
// change things through Engine. Backups concern directories of the process and
// are in cmd/internal/server.
package native

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

// Engine carries out what the API asks for. All of it is durable, applied and
// in force when a method returns. The methods are those of engine.Engine, where
// their errors are described.
type Engine interface {
	CreateEndpoint(ctx context.Context, org string, spec *endpoint.Endpoint, given secret.Secret, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
	UpdateEndpoint(ctx context.Context, org, id string, mutate func(*endpoint.Endpoint) error, ifVersion uint64, audit ledger.Audit) (*endpoint.Endpoint, error)
	DeleteEndpoint(ctx context.Context, org, id string, audit ledger.Audit) error
	EnableEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error)
	DisableEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error)
	PauseEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error)
	ResumeEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error)
	TestEndpoint(ctx context.Context, org, id string, ev *event.Event) (delivery.ID, error)
	RotateSecret(ctx context.Context, org, id string, given secret.Secret, grace time.Duration, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error)
	Secrets(org, id string) ([]SigningSecret, error)

	RetryDelivery(ctx context.Context, org string, id delivery.ID, audit ledger.Audit) error
	CancelDelivery(ctx context.Context, org string, id delivery.ID, audit ledger.Audit) error
	Signature(d *ledger.Delivery, a *delivery.Attempt, payload []byte) (string, error)

	StartReplay(ctx context.Context, org string, spec *ledger.ReplayJob, audit ledger.Audit) (*ledger.ReplayJob, error)
	PlanReplay(org string, spec *ledger.ReplayJob) (*ledger.ReplayJob, error)
	CancelReplay(ctx context.Context, org string, id event.ID, audit ledger.Audit) (*ledger.ReplayJob, error)
	ReplayEvent(ctx context.Context, org string, id event.ID, endpointIDs []string, audit ledger.Audit) (made, waiting []delivery.ID, err error)

	CreateOrganization(ctx context.Context, spec *ledger.Organization, audit ledger.Audit) (*ledger.Organization, error)
	UpdateOrganization(ctx context.Context, id string, mutate func(*ledger.Organization) error, ifVersion uint64, audit ledger.Audit) (*ledger.Organization, error)
	DeleteOrganization(ctx context.Context, id string, audit ledger.Audit) error
	CreateKey(ctx context.Context, org string, spec *ledger.Key, audit ledger.Audit) (*ledger.Key, secret.Secret, error)
	RevokeKey(ctx context.Context, org, id string, audit ledger.Audit) (*ledger.Key, error)
	CreateClient(ctx context.Context, org string, spec *ledger.Client, audit ledger.Audit) (*ledger.Client, secret.Secret, error)
	DeleteClient(ctx context.Context, org, id string, audit ledger.Audit) error

	SetStripeConnector(ctx context.Context, org string, secrets []secret.Secret, enabled *bool, audit ledger.Audit) (*ledger.Organization, error)
	DeleteStripeConnector(ctx context.Context, org string, audit ledger.Audit) error
}

// SigningSecret is a secret that an endpoint's deliveries are signed with.
type SigningSecret struct {
	ID        string
	Value     secret.Secret
	CreatedAt int64 // Unix ms
	ExpiresAt int64 // Unix ms; 0 = does not expire
}

// Options are what the dialect is made of. All are required.
type Options struct {
	Ledger      *ledger.Ledger
	Engine      Engine
	PostEvents  wire.Handler // POST /v1/events, the hot path, which is not here
	MaxAttempts int          // of a delivery to an endpoint that does not say
}

// api has the handlers.
type api struct {
	ledger      *ledger.Ledger
	engine      Engine
	maxAttempts int
}

// Dialect returns the native API.
func Dialect(o Options) *wire.Dialect {
	a := &api{ledger: o.Ledger, engine: o.Engine, maxAttempts: o.MaxAttempts}
	return &wire.Dialect{Name: "native", Prefixes: []string{"/v1"}, Render: wire.Problem, StrictQuery: true, Routes: a.routes(o.PostEvents)}
}

func (a *api) routes(postEvents wire.Handler) []wire.Route {
	return []wire.Route{
		{Method: "POST", Pattern: "/v1/events", Scope: auth.EventsWrite, Handle: postEvents, Query: []string{"on_error"}},
		{Method: "GET", Pattern: "/v1/events", Scope: auth.EventsRead, Handle: a.listEvents, Query: wire.Paged("type", "source", "created_after", "created_before", "endpoint_id")},
		{Method: "GET", Pattern: "/v1/events/{id}", Scope: auth.EventsRead, Handle: a.getEvent},
		{Method: "GET", Pattern: "/v1/events/{id}/deliveries", Scope: auth.DeliveriesRead, Handle: a.eventDeliveries, Query: wire.Paged()},
		{Method: "GET", Pattern: "/v1/events/{id}/explain", Scope: auth.EventsRead, Handle: a.explainEvent, Query: []string{"limit", "after", "endpoint_id"}},
		{Method: "POST", Pattern: "/v1/events/{id}/replay", Scope: auth.DeliveriesWrite, Handle: a.replayEvent, Once: true},

		{Method: "GET", Pattern: "/v1/endpoints", Scope: auth.EndpointsRead, Handle: a.listEndpoints, Query: wire.Paged()},
		{Method: "POST", Pattern: "/v1/endpoints", Scope: auth.EndpointsWrite, Handle: a.createEndpoint, Once: true},
		{Method: "GET", Pattern: "/v1/endpoints/{id}", Scope: auth.EndpointsRead, Handle: a.getEndpoint},
		{Method: "PATCH", Pattern: "/v1/endpoints/{id}", Scope: auth.EndpointsWrite, Handle: a.updateEndpoint},
		{Method: "DELETE", Pattern: "/v1/endpoints/{id}", Scope: auth.EndpointsWrite, Handle: a.deleteEndpoint, Once: true},
		{Method: "POST", Pattern: "/v1/endpoints/{id}/enable", Scope: auth.EndpointsWrite, Handle: control(a.engine.EnableEndpoint, a), Once: true},
		{Method: "POST", Pattern: "/v1/endpoints/{id}/disable", Scope: auth.EndpointsWrite, Handle: control(a.engine.DisableEndpoint, a), Once: true},
		{Method: "POST", Pattern: "/v1/endpoints/{id}/pause", Scope: auth.EndpointsWrite, Handle: control(a.engine.PauseEndpoint, a), Once: true},
		{Method: "POST", Pattern: "/v1/endpoints/{id}/resume", Scope: auth.EndpointsWrite, Handle: control(a.engine.ResumeEndpoint, a), Once: true},
		{Method: "POST", Pattern: "/v1/endpoints/{id}/test", Scope: auth.EndpointsWrite, Handle: a.testEndpoint, Once: true},
		{Method: "POST", Pattern: "/v1/endpoints/{id}/rotate-secret", Scope: auth.EndpointsWrite, Handle: a.rotateSecret, Once: true},
		{Method: "GET", Pattern: "/v1/endpoints/{id}/secrets", Scope: auth.SecretsRead, Handle: a.listSecrets},
		{Method: "GET", Pattern: "/v1/endpoints/{id}/stats", Scope: auth.EndpointsRead, Handle: a.endpointStats},
		{Method: "GET", Pattern: "/v1/endpoints/{id}/deliveries", Scope: auth.DeliveriesRead, Handle: a.endpointDeliveries, Query: wire.Paged("state", "type", "from", "to")},

		{Method: "GET", Pattern: "/v1/deliveries", Scope: auth.DeliveriesRead, Handle: a.listDeliveries, Query: wire.Paged("endpoint_id", "event_id", "state", "type", "from", "to")},
		{Method: "GET", Pattern: "/v1/deliveries/{id}", Scope: auth.DeliveriesRead, Handle: a.getDelivery},
		{Method: "GET", Pattern: "/v1/deliveries/{id}/attempts", Scope: auth.DeliveriesRead, Handle: a.listAttempts},
		{Method: "POST", Pattern: "/v1/deliveries/{id}/retry", Scope: auth.DeliveriesWrite, Handle: a.retryDelivery, Once: true},
		{Method: "POST", Pattern: "/v1/deliveries/{id}/cancel", Scope: auth.DeliveriesWrite, Handle: a.cancelDelivery, Once: true},

		{Method: "GET", Pattern: "/v1/replays", Scope: auth.DeliveriesRead, Handle: a.listReplays, Query: wire.Paged()},
		{Method: "POST", Pattern: "/v1/replays", Scope: auth.DeliveriesWrite, Handle: a.createReplay, Once: true},
		{Method: "GET", Pattern: "/v1/replays/{id}", Scope: auth.DeliveriesRead, Handle: a.getReplay},
		{Method: "POST", Pattern: "/v1/replays/{id}/cancel", Scope: auth.DeliveriesWrite, Handle: a.cancelReplay, Once: true},
		{Method: "GET", Pattern: "/v1/stats", Scope: auth.DeliveriesRead, Handle: a.stats},

		{Method: "GET", Pattern: "/v1/audit", Scope: auth.Admin, Handle: a.listAudit, Query: wire.Paged("organization_id", "actor", "object", "from", "to")},
		{Method: "GET", Pattern: "/v1/organizations", Scope: auth.Admin, Handle: a.listOrganizations, Query: wire.Paged()},
		{Method: "POST", Pattern: "/v1/organizations", Scope: auth.Admin, Handle: a.createOrganization, Once: true},
		{Method: "GET", Pattern: "/v1/organizations/{org}", Tenant: "org", Departed: true, Scope: auth.Admin, Handle: a.getOrganization},
		{Method: "PATCH", Pattern: "/v1/organizations/{org}", Tenant: "org", Scope: auth.Admin, Handle: a.updateOrganization},
		{Method: "DELETE", Pattern: "/v1/organizations/{org}", Scope: auth.Admin, Handle: a.deleteOrganization, Once: true},
		{Method: "GET", Pattern: "/v1/organizations/{org}/api-keys", Tenant: "org", Scope: auth.KeysRead, Handle: a.listKeys},
		{Method: "POST", Pattern: "/v1/organizations/{org}/api-keys", Tenant: "org", Scope: auth.KeysWrite, Handle: a.createKey, Once: true},
		{Method: "DELETE", Pattern: "/v1/organizations/{org}/api-keys/{id}", Tenant: "org", Scope: auth.KeysWrite, Handle: a.revokeKey, Once: true},
		{Method: "GET", Pattern: "/v1/organizations/{org}/connectors/stripe", Tenant: "org", Scope: auth.Admin, Handle: a.getStripeConnector},
		{Method: "PUT", Pattern: "/v1/organizations/{org}/connectors/stripe", Tenant: "org", Scope: auth.Admin, Handle: a.putStripeConnector},
		{Method: "DELETE", Pattern: "/v1/organizations/{org}/connectors/stripe", Tenant: "org", Scope: auth.Admin, Handle: a.deleteStripeConnector, Once: true},
		{Method: "GET", Pattern: "/v1/organizations/{org}/oauth-clients", Tenant: "org", Scope: auth.KeysRead, Handle: a.listClients, Query: wire.Paged()},
		{Method: "POST", Pattern: "/v1/organizations/{org}/oauth-clients", Tenant: "org", Scope: auth.KeysWrite, Handle: a.createClient, Once: true},
		{Method: "DELETE", Pattern: "/v1/organizations/{org}/oauth-clients/{id}", Tenant: "org", Scope: auth.KeysWrite, Handle: a.deleteClient, Once: true},
	}
}

// list is the shape of every list.
type list[T any] struct {
	Data []T     `json:"data"`
	Next *string `json:"next_cursor"` // for after=; null at the end
	Prev *string `json:"prev_cursor"` // for before=; null at the beginning
}
