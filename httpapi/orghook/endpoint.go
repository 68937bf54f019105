package orghook

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// endpointView is an endpoint as clients see it.
type endpointView struct {
	CreatedAt    wire.Time `json:"created_at"`
	Description  string    `json:"description"`
	EventTypes   []string  `json:"event_types"` // [] = all
	ID           string    `json:"id"`
	Active       bool      `json:"is_active"`
	Organization string    `json:"organization_id"`
	UpdatedAt    wire.Time `json:"updated_at"`
	URL          string    `json:"url"`
}

func view(e *endpoint.Endpoint) endpointView {
	return endpointView{
		CreatedAt: wire.Time(e.CreatedAt), Description: e.Description, EventTypes: wire.OrEmpty(e.Now().EventTypes), ID: e.ID,
		Active: e.Enabled(), Organization: e.Organization, UpdatedAt: wire.Time(e.UpdatedAt), URL: e.URL,
	}
}

// listedView is an endpoint in a list, which also says how it is doing.
type listedView struct {
	endpointView
	Health endpoint.Health `json:"health"`
}

type listAnswer struct {
	Endpoints []listedView `json:"webhook_endpoints"`
}

// hasURL leaves out what this dialect has no words for.
func hasURL(e *endpoint.Endpoint) bool { return e.Kind == endpoint.Webhook }

// list shows all endpoints, the newest first.
func (a *api) list(c *wire.Ctx) error {
	answer := listAnswer{Endpoints: []listedView{}}
	page := ledger.Page{Limit: wire.MaxLimit}
	for {
		part := a.ledger.Endpoints(c.Organization, hasURL, page)
		for _, e := range part.Items {
			answer.Endpoints = append(answer.Endpoints, listedView{view(e.Endpoint), e.Health})
		}
		if page.After = part.After; page.After == nil {
			return c.JSON(fasthttp.StatusOK, answer)
		}
	}
}

// find is the endpoint that the path names.
func (a *api) find(c *wire.Ctx) (*endpoint.Endpoint, error) {
	e, found := a.ledger.FindEndpoint(c.Organization, c.Param("id"))
	if !found || !hasURL(e) {
		return nil, wire.NotFound("webhook endpoint")
	}
	return e, nil
}

type oneAnswer struct {
	Endpoint endpointView `json:"webhook_endpoint"`
	Secret   string       `json:"plaintext_secret,omitempty"` // where it was just made
}

func show(c *wire.Ctx, status int, e *endpoint.Endpoint, made secret.Secret) error {
	answer := oneAnswer{Endpoint: view(e), Secret: made.Reveal()}
	if answer.Secret != "" {
		c.SetHeader("Cache-Control", "no-store")
	}
	return c.JSON(status, answer)
}

// settings are what can be set, at the creation and later. What is absent or
// null stays as it is.
type settings struct {
	URL         *string   `json:"url"`
	Description *string   `json:"description"`
	EventTypes  *[]string `json:"event_types"`
	Active      *bool     `json:"is_active"`
}

// apply changes an endpoint to what the settings say.
func (s *settings) apply(e *endpoint.Endpoint) error {
	if s.URL != nil {
		if e.Name == wire.Host(e.URL) { // also of a new one; a name that was given elsewhere stays
			e.Name = wire.Host(*s.URL)
		}
		e.URL = *s.URL
	}
	if s.Description != nil {
		e.Description = *s.Description
	}
	if s.EventTypes != nil {
		e.Now().EventTypes = *s.EventTypes
	}
	if s.Active != nil {
		e.SetEnabled(*s.Active)
	}
	return nil
}

func (a *api) create(c *wire.Ctx) error {
	var s settings
	if err := c.Decode(&s); err != nil {
		return err
	}
	spec := &endpoint.Endpoint{Origin: "orghook", Livemode: c.Principal.Livemode, Signatures: []string{"timestamped"}, Spans: []endpoint.Span{{Enabled: true}}}
	if err := s.apply(spec); err != nil {
		return err
	}
	made, text, err := a.engine.CreateEndpoint(c.Context(), c.Organization, spec, secret.Secret{}, c.Audit())
	if err != nil {
		return err
	}
	return show(c, fasthttp.StatusCreated, made, text)
}

func (a *api) update(c *wire.Ctx) error {
	now, err := a.find(c)
	if err != nil {
		return err
	}
	var s settings
	if err := c.Decode(&s); err != nil {
		return err
	}
	changed, err := a.engine.UpdateEndpoint(c.Context(), c.Organization, now.ID, s.apply, 0, c.Audit())
	if err != nil {
		return err
	}
	return show(c, fasthttp.StatusOK, changed, secret.Secret{})
}

// delete drops what waits for the endpoint.
func (a *api) delete(c *wire.Ctx) error {
	now, err := a.find(c)
	if err != nil {
		return err
	}
	if err := a.engine.DeleteEndpoint(c.Context(), c.Organization, now.ID, c.Audit()); err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, map[string]bool{"deleted": true})
}

// rotate gives the endpoint a new secret. The old one stops at once.
func (a *api) rotate(c *wire.Ctx) error {
	now, err := a.find(c)
	if err != nil {
		return err
	}
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return err
	}
	rotated, made, err := a.engine.RotateSecret(c.Context(), c.Organization, now.ID, secret.Secret{}, 0, c.Audit())
	if err != nil {
		return err
	}
	return show(c, fasthttp.StatusOK, rotated, made)
}
