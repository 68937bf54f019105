package native

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// auditView is one entry of the audit as clients see it.
type auditView struct {
	At           wire.Time `json:"at"`
	Actor        *string   `json:"actor"`      // a key's id; "hookwheel" = the engine itself
	RequestID    *string   `json:"request_id"` //
	Source       *string   `json:"source"`     // network address
	Verb         string    `json:"verb"`       // create, update, delete, …
	ObjectType   string    `json:"object_type"`
	Object       string    `json:"object"`
	Organization *string   `json:"organization_id"` // null = of none: an admin key
	Changed      []string  `json:"changed"`         // names of fields, of an update
	Reason       *string   `json:"reason"`          // of a disabling
}

// listAudit shows who did what, the newest first. An admin key sees what
// concerns any organization, or the one that organization_id names; another key
// with the scope admin sees its own organization.
func (a *api) listAudit(c *wire.Ctx) (err error) {
	var f ledger.AuditFilter
	f.Organization, _ = c.Query("organization_id")
	if own := c.Principal.Organization; !c.Principal.Admin {
		if f.Organization != "" && f.Organization != own {
			return wire.Forbidden("only an admin key sees the audit of another organization")
		}
		f.Organization = own
	}
	f.Actor, _ = c.Query("actor")
	f.Object, _ = c.Query("object")
	if f.From, err = c.QueryTime("from"); err != nil {
		return err
	}
	if f.To, err = c.QueryTime("to"); err != nil {
		return err
	}
	name := c.ListName("audit", "organization_id", "actor", "object", "from", "to")
	page, err := c.Page(name, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found, err := a.ledger.AuditLog(f, ledger.Page(page))
	if err != nil {
		return err
	}
	answer := list[auditView]{Data: []auditView{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, viewAudit(&found.Items[i]))
	}
	answer.Next, answer.Prev = wire.Around{Next: found.After, Prev: found.Before}.Cursors(c, name)
	return c.JSON(fasthttp.StatusOK, answer)
}

func viewAudit(e *ledger.AuditEntry) auditView {
	return auditView{
		At: wire.Time(e.At), Actor: wire.OrNull(e.Actor), RequestID: wire.OrNull(e.RequestID), Source: wire.OrNull(e.Source),
		Verb: e.Verb, ObjectType: e.Kind, Object: e.Object, Organization: wire.OrNull(e.Organization),
		Changed: wire.OrEmpty(e.Changed), Reason: wire.OrNull(e.Reason),
	}
}
