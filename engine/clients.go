package engine

import (
	"context"
	"slices"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// CreateClient makes an OAuth client of an organization and returns it with its
// secret, which is kept nowhere. Of spec it takes Name and Scopes; what those
// mean, and which the caller may hand out, is the caller's to know. The error
// may be *InvalidError.
func (e *Engine) CreateClient(ctx context.Context, org string, spec *ledger.Client, audit ledger.Audit) (*ledger.Client, secret.Secret, error) {
	if _, err := e.organization(org); err != nil {
		return nil, secret.Secret{}, err
	}
	if err := checkCredential(spec.Name, spec.Scopes, 0, 0); err != nil {
		return nil, secret.Secret{}, err
	}
	text, _ := secret.NewAPIKey(secret.ClientPrefix)
	next := &ledger.Client{
		ID: "client_" + ledger.NewID().String(), Organization: org, Name: spec.Name,
		Hash: secret.Hash(text.Reveal()), Scopes: slices.Clone(spec.Scopes),
	}
	if _, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Client: next}); err != nil {
		return nil, secret.Secret{}, err
	}
	made, err := e.client(org, next.ID)
	return made, text, err
}

// DeleteClient removes an OAuth client. From its return on the client gets no
// tokens, and those that it has are of no use.
func (e *Engine) DeleteClient(ctx context.Context, org, id string, audit ledger.Audit) error {
	now, err := e.client(org, id)
	if err != nil {
		return err
	}
	gone := *now
	gone.DeletedAt = e.now()
	_, err = e.ledger.Change(ctx, &ledger.Change{Audit: audit, Base: now.Version, Client: &gone})
	return err
}

// client finds an OAuth client of an organization.
func (e *Engine) client(org, id string) (*ledger.Client, error) {
	c, found := e.ledger.Client(id)
	if !found || c.Organization != org {
		return nil, ledger.ErrNotFound
	}
	return c, nil
}
