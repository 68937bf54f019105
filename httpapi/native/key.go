package native

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// The shapes here are those of the organization dialect, whose clients manage
// keys by the same routes.

// keyView is an API key as clients see it: never its text, which is not kept.
type keyView struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization_id"`
	Name         string    `json:"name"`
	Prefix       string    `json:"key_prefix"`
	Scopes       []string  `json:"scopes"`
	Source       string    `json:"source"` // always "api"
	Livemode     bool      `json:"livemode"`
	Active       bool      `json:"is_active"`
	CreatedAt    wire.Time `json:"created_at"`
	ExpiresAt    wire.Time `json:"expires_at"`
	LastUsedAt   wire.Time `json:"last_used_at"` // to the hour
	RevokedAt    wire.Time `json:"revoked_at"`
}

func viewKey(k *ledger.Key) keyView {
	return keyView{
		ID: k.ID, Organization: k.Organization, Name: k.Name, Prefix: k.Prefix, Scopes: wire.OrEmpty(k.Scopes), Source: "api", Livemode: k.Livemode,
		Active:    k.RevokedAt == 0 && (k.ExpiresAt == 0 || k.ExpiresAt > time.Now().UnixMilli()),
		CreatedAt: wire.Time(k.CreatedAt), ExpiresAt: wire.Time(k.ExpiresAt), LastUsedAt: wire.Time(k.LastUsedAt), RevokedAt: wire.Time(k.RevokedAt),
	}
}

type keyList struct {
	Keys []keyView `json:"api_keys"`
}

func (a *api) listKeys(c *wire.Ctx) error {
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	answer := keyList{Keys: []keyView{}}
	for _, k := range a.ledger.Keys(org.ID) {
		answer.Keys = append(answer.Keys, viewKey(k))
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

type keyRequest struct {
	Name      string     `json:"name"`
	Scopes    *[]string  `json:"scopes"`     // default: the ordinary ones, as far as the caller has them
	Livemode  *bool      `json:"livemode"`   // default: as the caller
	ExpiresAt *wire.Time `json:"expires_at"` // default: as the caller
	ProjectID *string    `json:"project_id"` // clients know keys of a project; there are no projects here
}

type keyAnswer struct {
	Key  keyView `json:"api_key"`
	Text string  `json:"plaintext_api_key"` // for the only time
}

func (a *api) createKey(c *wire.Ctx) error {
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	var r keyRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	spec, err := r.spec(&c.Principal)
	if err != nil {
		return err
	}
	k, text, err := a.engine.CreateKey(c.Context(), org.ID, spec, c.Audit())
	if err != nil {
		return wire.Absent(err, "organization")
	}
	c.SetHeader("Cache-Control", "no-store")
	return c.JSON(fasthttp.StatusCreated, keyAnswer{Key: viewKey(k), Text: text.Reveal()})
}

// spec is the key that is asked for, its scopes by the names that they were
// given. Nobody can grant what he lacks.
func (r *keyRequest) spec(by *auth.Principal) (*ledger.Key, error) {
	if r.ProjectID != nil {
		return nil, wire.Invalid(wire.Field{Pointer: "/project_id", Detail: "is not supported: keys belong to an organization"})
	}
	spec := &ledger.Key{Name: r.Name, Scopes: by.Granted(auth.Ordinary).Names(), Livemode: by.Livemode}
	if r.Scopes != nil {
		spec.Scopes = *r.Scopes
	}
	if err := mayManage(by, spec.Scopes); err != nil {
		return nil, err
	}
	if r.Livemode != nil {
		spec.Livemode = *r.Livemode
	}
	if spec.Livemode && !by.Livemode && !by.Admin {
		return nil, wire.Forbidden("a key of test mode cannot make one of live mode")
	}
	spec.ExpiresAt = by.ExpiresAt
	if r.ExpiresAt != nil {
		spec.ExpiresAt = int64(*r.ExpiresAt)
	}
	if by.ExpiresAt != 0 && spec.ExpiresAt > by.ExpiresAt {
		return nil, wire.Forbidden("a key that expires cannot make one that expires later")
	}
	return spec, nil
}

// mayManage refuses to let somebody make or revoke a key that can do more than
// he can.
func mayManage(by *auth.Principal, names []string) error {
	scopes, err := auth.ParseScopes(names)
	if err != nil {
		return wire.Invalid(wire.Field{Pointer: "/scopes", Detail: err.Error()})
	}
	if !by.Allows(scopes) {
		return wire.Forbidden("the API key lacks scopes of the other one: %s", scopes&^by.Scopes)
	}
	return nil
}

type revokeAnswer struct {
	Revoked bool `json:"revoked"`
}

func (a *api) revokeKey(c *wire.Ctx) error {
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	for _, k := range a.ledger.Keys(org.ID) {
		if k.ID == c.Param("id") {
			if err := mayManage(&c.Principal, k.Scopes); err != nil {
				return err
			}
		}
	}
	if _, err := a.engine.RevokeKey(c.Context(), org.ID, c.Param("id"), c.Audit()); err != nil {
		return wire.Absent(err, "API key")
	}
	return c.JSON(fasthttp.StatusOK, revokeAnswer{Revoked: true})
}
