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
	LastUsedAt   wire.Time `json:"last_used_at"` // always null: the use of a key writes nothing
	RevokedAt    wire.Time `json:"revoked_at"`
}

func viewKey(k *ledger.Key) keyView {
	return keyView{
		ID: k.ID, Organization: k.Organization, Name: k.Name, Prefix: k.Prefix, Scopes: wire.OrEmpty(k.Scopes), Source: "api", Livemode: k.Livemode,
		Active:    k.RevokedAt == 0 && (k.ExpiresAt == 0 || k.ExpiresAt > time.Now().UnixMilli()),
		CreatedAt: wire.Time(k.CreatedAt), ExpiresAt: wire.Time(k.ExpiresAt), RevokedAt: wire.Time(k.RevokedAt),
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
	Scopes    []string   `json:"scopes"` // default: all but admin and secrets:read
	Livemode  *bool      `json:"livemode"`
	ExpiresAt *wire.Time `json:"expires_at"`
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
	if r.Scopes == nil {
		r.Scopes = auth.Ordinary.Names()
	}
	scopes, err := auth.ParseScopes(r.Scopes)
	if err != nil {
		return wire.Invalid(wire.Field{Pointer: "/scopes", Detail: err.Error()})
	}
	spec := &ledger.Key{Name: r.Name, Scopes: scopes.Names(), Livemode: org.Livemode}
	if r.Livemode != nil {
		spec.Livemode = *r.Livemode
	}
	if r.ExpiresAt != nil {
		spec.ExpiresAt = int64(*r.ExpiresAt)
	}
	k, text, err := a.engine.CreateKey(c.Context(), org.ID, spec, c.Audit())
	if err != nil {
		return notFound(err, "organization")
	}
	c.SetHeader("Cache-Control", "no-store")
	return c.JSON(fasthttp.StatusCreated, keyAnswer{Key: viewKey(k), Text: text.Reveal()})
}

type revokeAnswer struct {
	Revoked bool `json:"revoked"`
}

func (a *api) revokeKey(c *wire.Ctx) error {
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	if _, err := a.engine.RevokeKey(c.Context(), org.ID, c.Param("id"), c.Audit()); err != nil {
		return notFound(err, "API key")
	}
	return c.JSON(fasthttp.StatusOK, revokeAnswer{Revoked: true})
}
