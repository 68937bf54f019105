package native

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// clientView is an OAuth client as clients see it: never its secret, which is
// not kept.
type clientView struct {
	ID           string    `json:"client_id"`
	Secret       string    `json:"client_secret,omitempty"` // where it was just made
	Organization string    `json:"organization_id"`
	Name         string    `json:"name"`
	Scopes       []string  `json:"scopes"`
	CreatedAt    wire.Time `json:"created_at"`
}

func viewClient(c *ledger.Client) clientView {
	return clientView{ID: c.ID, Organization: c.Organization, Name: c.Name, Scopes: c.Scopes, CreatedAt: wire.Time(c.CreatedAt)}
}

const clientList = "oauth clients"

// listClients shows the OAuth clients of an organization, the oldest first.
func (a *api) listClients(c *wire.Ctx) error {
	page, err := c.Page(clientList, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	shown, around := wire.Cut(page, a.ledger.Clients(c.Organization), func(dst []byte, o *ledger.Client) []byte { return append(dst, o.ID...) })
	answer := list[clientView]{Data: []clientView{}}
	for _, o := range shown {
		answer.Data = append(answer.Data, viewClient(o))
	}
	answer.Next, answer.Prev = around.Cursors(c, clientList)
	return c.JSON(fasthttp.StatusOK, answer)
}

type clientRequest struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"` // default: all but admin, keys and secrets:read
}

// createClient makes an OAuth client, which can have no more rights than the
// caller, and has the mode of its organization.
func (a *api) createClient(c *wire.Ctx) error {
	var r clientRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	if r.Scopes == nil {
		r.Scopes = auth.Ordinary.Names()
	}
	scopes, err := auth.ParseScopes(r.Scopes)
	if err != nil {
		return wire.Invalid(wire.Field{Pointer: "/scopes", Detail: err.Error()})
	}
	if !c.Principal.Allows(scopes) {
		return wire.Forbidden("the API key lacks a scope that the client shall have; it has %s", c.Principal.Scopes)
	}
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	if c.Principal.ExpiresAt != 0 {
		return wire.Forbidden("a key that expires cannot make a client, which does not")
	}
	if org.Livemode && !c.Principal.Livemode {
		return wire.Forbidden("a key of test mode cannot make a client of an organization in live mode")
	}
	made, text, err := a.engine.CreateClient(c.Context(), c.Organization, &ledger.Client{Name: r.Name, Scopes: scopes.Names()}, c.Audit())
	if err != nil {
		return wire.Absent(err, "organization")
	}
	v := viewClient(made)
	v.Secret = text.Reveal()
	c.SetHeader("Cache-Control", "no-store")
	return c.JSON(fasthttp.StatusCreated, v)
}

func (a *api) deleteClient(c *wire.Ctx) error {
	if o, found := a.ledger.Client(c.Param("id")); found && o.Organization == c.Organization {
		if err := mayManage(&c.Principal, o.Scopes); err != nil {
			return err
		}
	}
	if err := a.engine.DeleteClient(c.Context(), c.Organization, c.Param("id"), c.Audit()); err != nil {
		return wire.Absent(err, "OAuth client")
	}
	return c.NoContent()
}
