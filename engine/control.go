package engine

import (
	"context"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// Whether attempts may start is asked in three ways, which do not know of each
// other: disabled ends what is owed, paused holds it back, deleted ends both.
// All of these verbs may be repeated.

// EnableEndpoint lets an endpoint be owed events again, and sends what was left
// from before it was disabled. It does not end a pause. An endpoint that was
// changed too often within the retention is *InvalidError.
func (e *Engine) EnableEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error) {
	now, err := e.endpoint(org, id)
	if err != nil {
		return nil, err
	}
	// The last span is left for the disable that may follow, which must work.
	if !now.Enabled() && len(now.Spans) >= endpoint.MaxSpans-1 {
		return nil, invalid("state", "cannot be changed any more for now: it was too often within the retention")
	}
	return e.control(ctx, org, id, &ledger.Command{Audit: audit, Verb: ledger.Enable})
}

// DisableEndpoint stops an endpoint: new events are not owed to it, and what it
// was owed before waits until it is enabled.
func (e *Engine) DisableEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error) {
	return e.control(ctx, org, id, &ledger.Command{Audit: audit, Verb: ledger.Disable, Reason: endpoint.ReasonUser})
}

// PauseEndpoint stops an endpoint, but events go on being owed to it.
func (e *Engine) PauseEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error) {
	return e.control(ctx, org, id, &ledger.Command{Audit: audit, Verb: ledger.Pause})
}

// ResumeEndpoint ends a pause. It does not enable.
func (e *Engine) ResumeEndpoint(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error) {
	return e.control(ctx, org, id, &ledger.Command{Audit: audit, Verb: ledger.Resume})
}

// DeleteEndpoint removes an endpoint and cancels what it is owed. Its history
// can be looked at until retention takes it.
func (e *Engine) DeleteEndpoint(ctx context.Context, org, id string, audit ledger.Audit) error {
	now, err := e.endpoint(org, id)
	if err != nil {
		return err
	}
	return e.command(ctx, &ledger.Command{Audit: audit, Verb: ledger.Delete, Organization: org, Endpoint: now.Key})
}

// control carries out a verb and returns the endpoint as it is afterwards.
func (e *Engine) control(ctx context.Context, org, id string, c *ledger.Command) (*endpoint.Endpoint, error) {
	now, err := e.endpoint(org, id)
	if err != nil {
		return nil, err
	}
	c.Organization, c.Endpoint = org, now.Key
	if err := e.command(ctx, c); err != nil {
		return nil, err
	}
	return e.endpoint(org, id)
}

// command carries out a verb on an endpoint or a delivery, and waits until the
// loop that has the endpoint's lane knows (G6).
func (e *Engine) command(ctx context.Context, c *ledger.Command) error {
	if _, err := e.ledger.Command(ctx, c); err != nil {
		return err
	}
	return e.barrier(ctx, e.ledger.PartitionOf(c.Organization), c.Endpoint)
}
