package native

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// organizationView is a tenant as clients see it.
type organizationView struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Livemode  bool      `json:"livemode"`
	State     string    `json:"state"`
	ParentID  *string   `json:"parent_id"`
	CreatedAt wire.Time `json:"created_at"`
	UpdatedAt wire.Time `json:"updated_at"`
}

// The states of an organization. One that is being deleted has lost all that was
// its own; what is under way is that the bytes of it leave the disk.
const (
	stateActive   = "active"
	stateDeleting = "deleting"
)

func viewOrganization(o *ledger.Organization) organizationView {
	state := stateActive
	if o.DeletedAt != 0 {
		state = stateDeleting
	}
	return organizationView{
		ID: o.ID, Name: o.Name, Livemode: o.Livemode, State: state, ParentID: wire.OrNull(o.ParentID),
		CreatedAt: wire.Time(o.CreatedAt), UpdatedAt: wire.Time(o.UpdatedAt),
	}
}

func showOrganization(c *wire.Ctx, status int, o *ledger.Organization) error {
	c.SetHeader("ETag", etag(o.ID, o.Version))
	return c.JSON(status, viewOrganization(o))
}

const organizationList = "organizations"

func (a *api) listOrganizations(c *wire.Ctx) error {
	page, err := c.Page(organizationList, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	all := a.ledger.Organizations()
	if !c.Principal.Admin {
		all = nil
		if own, found := a.ledger.Organization(c.Principal.Organization); found { // it may have been deleted just now
			all = append(all, own)
		}
	}
	shown, around := wire.Cut(page, all, func(dst []byte, o *ledger.Organization) []byte { return append(dst, o.ID...) })
	answer := list[organizationView]{Data: []organizationView{}}
	for _, o := range shown {
		answer.Data = append(answer.Data, viewOrganization(o))
	}
	answer.Next, answer.Prev = around.Cursors(c, organizationList)
	return c.JSON(fasthttp.StatusOK, answer)
}

type organizationRequest struct {
	ID       *string            `json:"id"`
	Name     wire.Patch[string] `json:"name"`
	Livemode *bool              `json:"livemode"`
	ParentID wire.Patch[string] `json:"parent_id"`
}

func (a *api) createOrganization(c *wire.Ctx) error {
	if !c.Principal.Admin {
		return wire.Forbidden("only an admin key can create an organization")
	}
	var r organizationRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	spec := &ledger.Organization{Name: r.Name.Value, ParentID: r.ParentID.Value, Livemode: r.Livemode == nil || *r.Livemode}
	if r.ID != nil {
		spec.ID = *r.ID
	}
	o, err := a.engine.CreateOrganization(c.Context(), spec, c.Audit())
	if err != nil {
		return err
	}
	c.SetHeader("Location", "/v1/organizations/"+o.ID)
	return showOrganization(c, fasthttp.StatusCreated, o)
}

// organization is the one that the path names. Who holds the scope admin
// without an admin key administers its own organization and no other.
func (a *api) organization(c *wire.Ctx) (*ledger.Organization, error) {
	o, found := a.ledger.Organization(c.Organization)
	if !found {
		return nil, wire.NotFound("organization")
	}
	return o, nil
}

// getOrganization shows one that is being deleted too, until nothing of it is
// left on disk: then it is not found.
func (a *api) getOrganization(c *wire.Ctx) error {
	o, err := a.organization(c)
	if err != nil {
		var deleting bool
		if o, deleting = a.ledger.Deleting(c.Organization); !deleting || !c.Principal.Admin {
			return err
		}
	}
	return showOrganization(c, fasthttp.StatusOK, o)
}

func (a *api) updateOrganization(c *wire.Ctx) error {
	now, err := a.organization(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c, now.ID, now.Version)
	if err != nil {
		return err
	}
	var r organizationRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	o, err := a.engine.UpdateOrganization(c.Context(), now.ID, r.apply, version, c.Audit())
	if err != nil {
		return wire.Absent(stale(err), "organization")
	}
	return showOrganization(c, fasthttp.StatusOK, o)
}

func (r *organizationRequest) apply(o *ledger.Organization) error {
	set(&o.Name, r.Name)
	set(&o.ParentID, r.ParentID)
	var faults []wire.Field
	if r.ID != nil && *r.ID != o.ID {
		faults = append(faults, wire.Field{Pointer: "/id", Detail: "cannot be changed"})
	}
	if r.Livemode != nil && *r.Livemode != o.Livemode {
		faults = append(faults, wire.Field{Pointer: "/livemode", Detail: "cannot be changed: it is part of the ids that exist"})
	}
	if len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	return nil
}

// deleteOrganization is not an act of the organization, whose name is of no use
// afterwards, so that a repetition can be answered too.
func (a *api) deleteOrganization(c *wire.Ctx) error {
	if !c.Principal.Admin {
		return wire.Forbidden("only an admin key can delete an organization")
	}
	if err := a.engine.DeleteOrganization(c.Context(), c.Param("org"), c.Audit()); err != nil {
		return wire.Absent(err, "organization")
	}
	return c.NoContent()
}
