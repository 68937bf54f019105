package httpapi

import (
	"crypto/sha256"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/auth"
)

// Tenants lets the server ask the ledger whose key it is.
func Tenants(l *ledger.Ledger) auth.Tenants { return tenantsOf{l} }

type tenantsOf struct{ *ledger.Ledger }

func (t tenantsOf) KeyByHash(hash [sha256.Size]byte) (auth.Key, bool) {
	k, ok := t.Ledger.KeyByHash(hash)
	if !ok {
		return auth.Key{}, false
	}
	// Scopes that this version does not know grant nothing, and neither do the
	// others of such a key: it was made for another program.
	scopes, _ := auth.ParseScopes(k.Scopes)
	return auth.Key{
		ID: k.ID, Hash: k.Hash, Organization: k.Organization, Scopes: scopes, Livemode: k.Livemode,
		ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt,
	}, true
}

func (t tenantsOf) Client(id string) (auth.Client, bool) {
	c, ok := t.Ledger.Client(id)
	if !ok {
		return auth.Client{}, false
	}
	scopes, _ := auth.ParseScopes(c.Scopes) // as above
	return auth.Client{ID: c.ID, SecretHash: c.Hash, Organization: c.Organization, Scopes: scopes}, true
}

func (t tenantsOf) Livemode(organization string) (livemode, exists bool) {
	o, ok := t.Organization(organization)
	if !ok {
		return false, false
	}
	return o.Livemode, true
}
