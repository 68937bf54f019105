package native

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

const endpointList = "endpoints"

// listEndpoints shows the endpoints of an organization, the newest first.
func (a *api) listEndpoints(c *wire.Ctx) error {
	page, err := c.Page(endpointList, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found := a.ledger.Endpoints(c.Organization, nil, ledger.Page(page))
	answer := list[*endpointView]{Data: []*endpointView{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, view(&found.Items[i]))
	}
	answer.Next, answer.Prev = wire.Around{Next: found.After, Prev: found.Before}.Cursors(c, endpointList)
	return c.JSON(fasthttp.StatusOK, answer)
}

func (a *api) createEndpoint(c *wire.Ctx) error {
	var s settings
	if err := c.Decode(&s); err != nil {
		return err
	}
	spec := &endpoint.Endpoint{Origin: "native", Livemode: c.Principal.Livemode, Spans: []endpoint.Span{{}}}
	if err := s.apply(spec); err != nil {
		return err
	}
	switch s.State.Value {
	case "", "enabled":
	case "paused":
		spec.Paused = true
	case "disabled":
		spec.DisabledReason = endpoint.ReasonUser
	default:
		return wire.Invalid(wire.Field{Pointer: "/state", Detail: "must be enabled, paused or disabled"})
	}
	made, text, err := a.engine.CreateEndpoint(c.Context(), c.Organization, spec, secret.New(s.Secret.Value), c.Audit())
	if err != nil {
		return wire.Absent(err, "organization")
	}
	c.SetHeader("Location", "/v1/endpoints/"+made.ID)
	return a.show(c, fasthttp.StatusCreated, made.ID, text)
}

// show answers with an endpoint, and with its secret if it was just made.
func (a *api) show(c *wire.Ctx, status int, id string, made secret.Secret) error {
	e, found := a.ledger.Endpoint(c.Organization, id)
	if !found {
		return wire.NotFound("endpoint")
	}
	v := view(&e)
	if v.Secret = made.Reveal(); v.Secret != "" {
		c.SetHeader("Cache-Control", "no-store")
	}
	c.SetHeader("ETag", etag(e.ID, e.Version))
	return c.JSON(status, v)
}

// etag names a version of an object's settings. What changes by itself, such as
// health, is not part of it. Versions are positions of the log, which are not
// shown; a part of their hash tells them apart as well.
func etag(id string, version uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(id), version))
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// ifMatch returns the version that a change is to be made of: the one that
// there is, if it is the one that the caller means, or 0 for any.
func ifMatch(c *wire.Ctx, id string, version uint64) (uint64, error) {
	switch c.Header("If-Match") {
	case "", "*":
		return 0, nil
	case etag(id, version):
		return version, nil
	}
	return 0, errStale
}

var errStale = &wire.Error{
	Status: fasthttp.StatusPreconditionFailed, Code: "version_mismatch",
	Detail: "the object is not the version in If-Match any more; read it again",
}

// stale is 412 for an object that is no longer as the caller saw it.
func stale(err error) error {
	if errors.Is(err, ledger.ErrChanged) {
		return errStale.Because(err)
	}
	return err
}

func (a *api) getEndpoint(c *wire.Ctx) error {
	return a.show(c, fasthttp.StatusOK, c.Param("id"), secret.Secret{})
}

func (a *api) updateEndpoint(c *wire.Ctx) error {
	now, found := a.ledger.FindEndpoint(c.Organization, c.Param("id"))
	if !found {
		return wire.NotFound("endpoint")
	}
	version, err := ifMatch(c, now.ID, now.Version)
	if err != nil {
		return err
	}
	var s settings
	if err := c.Decode(&s); err != nil {
		return err
	}
	var faults []wire.Field
	if s.State.Given {
		faults = append(faults, wire.Field{Pointer: "/state", Detail: "is changed by enable, disable, pause and resume"})
	}
	if s.Secret.Given {
		faults = append(faults, wire.Field{Pointer: "/secret", Detail: "is changed by rotate-secret"})
	}
	if len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	e, err := a.engine.UpdateEndpoint(c.Context(), c.Organization, now.ID, s.apply, version, c.Audit())
	if err != nil {
		return wire.Absent(stale(err), "endpoint")
	}
	return a.show(c, fasthttp.StatusOK, e.ID, secret.Secret{})
}

func (a *api) deleteEndpoint(c *wire.Ctx) error {
	if err := a.engine.DeleteEndpoint(c.Context(), c.Organization, c.Param("id"), c.Audit()); err != nil {
		return wire.Absent(err, "endpoint")
	}
	return c.NoContent()
}

// control makes a handler of a verb that changes an endpoint's state.
func control(verb func(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error), a *api) wire.Handler {
	return func(c *wire.Ctx) error {
		if err := c.DecodeOptional(&struct{}{}); err != nil {
			return err
		}
		e, err := verb(c.Context(), c.Organization, c.Param("id"), c.Audit())
		if err != nil {
			return wire.Absent(err, "endpoint")
		}
		return a.show(c, fasthttp.StatusOK, e.ID, secret.Secret{})
	}
}
