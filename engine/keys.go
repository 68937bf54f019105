package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

const maxScopes = 32 // of one key or client; more than there are

// CreateKey makes an API key of an organization, or an admin key if org is "",
// and returns it with its text, which is kept nowhere. Of spec it takes Name,
// Scopes, Livemode and ExpiresAt (Unix ms; 0 = never). What the scopes mean,
// and which the caller may hand out, is the caller's to know. The error may be
// *InvalidError.
func (e *Engine) CreateKey(ctx context.Context, org string, spec *ledger.Key, audit ledger.Audit) (*ledger.Key, secret.Secret, error) {
	if org != "" {
		if _, err := e.organization(org); err != nil {
			return nil, secret.Secret{}, err
		}
	}
	if err := checkCredential(spec.Name, spec.Scopes, spec.ExpiresAt, e.now()); err != nil {
		return nil, secret.Secret{}, err
	}
	prefix := secret.TestPrefix
	switch {
	case org == "":
		prefix = secret.AdminPrefix
	case spec.Livemode:
		prefix = secret.LivePrefix
	}
	text, shown := secret.NewAPIKey(prefix)
	next := &ledger.Key{
		ID: "key_" + ledger.NewID().String(), Organization: org, Name: spec.Name, Prefix: shown, Hash: secret.Hash(text.Reveal()),
		Scopes: slices.Clone(spec.Scopes), Livemode: spec.Livemode, ExpiresAt: spec.ExpiresAt,
	}
	if _, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Key: next}); err != nil {
		return nil, secret.Secret{}, err
	}
	made, found := e.key(org, next.ID)
	if !found {
		return nil, secret.Secret{}, ledger.ErrNotFound
	}
	return made, text, nil
}

// checkCredential checks what people say of a new key or client.
func checkCredential(name string, scopes []string, expiresAt, now int64) error {
	var faults []endpoint.FieldError
	fault := func(field, detail string) { faults = append(faults, endpoint.FieldError{Field: field, Detail: detail}) }
	if len(name) > maxTenantName || !event.ValidText(name) {
		fault("name", fmt.Sprintf("must be at most %d bytes of UTF-8 without control characters", maxTenantName))
	}
	if len(scopes) == 0 || len(scopes) > maxScopes {
		fault("scopes", "must name at least one scope")
	}
	if expiresAt != 0 && expiresAt <= now {
		fault("expires_at", "must be in the future")
	}
	if len(faults) > 0 {
		return &InvalidError{Fields: faults}
	}
	return nil
}

// RevokeKey makes a key invalid from its return on; one of an organization, or
// an admin key if org is "". It may be repeated.
func (e *Engine) RevokeKey(ctx context.Context, org, id string, audit ledger.Audit) (*ledger.Key, error) {
	for {
		now, found := e.key(org, id)
		if !found {
			return nil, ledger.ErrNotFound
		}
		if now.RevokedAt != 0 {
			return now, nil
		}
		next := *now
		next.RevokedAt = e.now()
		_, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Base: now.Version, Key: &next})
		if err != nil && !errors.Is(err, ledger.ErrChanged) {
			return nil, err
		}
	}
}

// key finds a key of an organization, or an admin key.
func (e *Engine) key(org, id string) (*ledger.Key, bool) {
	for _, k := range e.ledger.Keys(org) {
		if k.ID == id {
			return k, true
		}
	}
	return nil, false
}
