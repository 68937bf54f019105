package destination

import (
	"context"
	"net/url"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// create makes a destination. This is the only answer that can include the
// signing secret.
func (a *api) create(c *wire.Ctx) error {
	var r creation
	if err := c.Decode(&r); err != nil {
		return err
	}
	shown, faults := parseInclude(r.Include, "/include", true)
	if faults = append(r.faults(), faults...); len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	spec := r.endpoint(c.Header(versionHeader))
	spec.Livemode = c.Principal.Livemode
	made, text, err := a.engine.CreateEndpoint(c.Context(), c.Organization, spec, secret.Secret{}, c.Audit())
	if err != nil {
		return err
	}
	if !shown.secret {
		text = secret.Secret{}
	}
	return a.show(c, made.ID, shown, text)
}

// show answers with a destination as it is now, and with its secret if it was
// just made and asked for.
func (a *api) show(c *wire.Ctx, id string, shown include, made secret.Secret) error {
	o, found := a.ledger.Endpoint(c.Organization, id)
	if !found {
		return wire.NotFound("event destination")
	}
	v := view(&o, shown)
	if !made.IsZero() {
		v.Webhook.SigningSecret = wire.OrNull(made.Reveal())
		c.SetHeader("Cache-Control", "no-store")
	}
	return c.JSON(fasthttp.StatusOK, v)
}

// update changes what the request names and leaves the rest.
func (a *api) update(c *wire.Ctx) error {
	var r update
	if err := c.Decode(&r); err != nil {
		return err
	}
	shown, faults := parseInclude(r.Include, "/include", false)
	if faults = append(r.faults(), faults...); len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	e, err := a.engine.UpdateEndpoint(c.Context(), c.Organization, c.Param("id"), r.apply, 0, c.Audit())
	if err != nil {
		return wire.Absent(err, "event destination")
	}
	return a.show(c, e.ID, shown, secret.Secret{})
}

func (a *api) retrieve(c *wire.Ctx) error {
	shown, err := queryInclude(c)
	if err != nil {
		return err
	}
	return a.show(c, c.Param("id"), shown, secret.Secret{})
}

// list shows the destinations of an organization, the newest first.
func (a *api) list(c *wire.Ctx) error {
	shown, err := queryInclude(c)
	if err != nil {
		return err
	}
	further := url.Values{}
	if shown.url {
		further.Set("include", includeURL)
	}
	p, err := readPages(c, destinationsPath, nil, further)
	if err != nil {
		return err
	}
	found := a.ledger.Endpoints(c.Organization, nil, ledger.Page(p.Page))
	answer := page[*destinationView]{Data: []*destinationView{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, view(&found.Items[i], shown))
	}
	answer.Next, answer.Previous = p.urls(c, found.After, found.Before)
	return c.JSON(fasthttp.StatusOK, answer)
}

// deleted is what is shown of a destination that is gone.
type deleted struct {
	ID     string `json:"id"`
	Object string `json:"object"`
}

func (a *api) delete(c *wire.Ctx) error {
	id := c.Param("id")
	if err := a.engine.DeleteEndpoint(c.Context(), c.Organization, id, c.Audit()); err != nil {
		return wire.Absent(err, "event destination")
	}
	return c.JSON(fasthttp.StatusOK, deleted{ID: id, Object: object})
}

// control makes a handler of a verb that changes whether a destination gets
// events. The verb may be repeated.
func control(verb func(ctx context.Context, org, id string, audit ledger.Audit) (*endpoint.Endpoint, error), a *api) wire.Handler {
	return func(c *wire.Ctx) error {
		if err := c.DecodeOptional(&struct{}{}); err != nil {
			return err
		}
		e, err := verb(c.Context(), c.Organization, c.Param("id"), c.Audit())
		if err != nil {
			return wire.Absent(err, "event destination")
		}
		return a.show(c, e.ID, include{}, secret.Secret{})
	}
}
