package orghook

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// meAnswer says who the caller is, so that clients need not be told the id of
// their organization.
type meAnswer struct {
	Organization organizationView `json:"organization"`
	Principal    principalView    `json:"principal"`
}

// organizationView is the organization that the key acts for. Nothing is billed
// here; clients expect the fields.
type organizationView struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Slug          string  `json:"slug"` // the id, which is fit for a path too
	BillingPlan   *string `json:"billing_plan"`
	BillingStatus *string `json:"billing_status"`
}

type principalView struct {
	Source       string   `json:"auth_source"` // api_key, or admin_token for a key of no organization
	Admin        bool     `json:"is_admin"`
	Organization *string  `json:"organization_id"`
	Scopes       []string `json:"scopes"`
}

func (a *api) me(c *wire.Ctx) error {
	o, found := a.ledger.Organization(c.Organization)
	if !found {
		return wire.NotFound("organization")
	}
	p := principalView{Source: "api_key", Admin: c.Principal.Admin, Organization: &o.ID, Scopes: c.Principal.Scopes.Names()}
	if p.Admin {
		p.Source, p.Organization = "admin_token", nil
	}
	return c.JSON(fasthttp.StatusOK, meAnswer{Organization: organizationView{ID: o.ID, Name: o.Name, Slug: o.ID}, Principal: p})
}
