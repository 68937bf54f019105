package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// DefaultOrganization exists from the first start on, so that one who needs no
// tenants need not know of them.
const DefaultOrganization = "default"

// adminKeyID is the key that EnsureTenants makes. There may be other admin keys.
const adminKeyID = "key_admin"

// What an organization and a key may be called, in bytes.
const (
	maxTenantID   = 64
	maxTenantName = 256
)

// EnsureTenants makes what nobody could begin without: the organization
// "default" and an admin key. To be called after Open.
//
// given, if it is not the zero Secret, is to be the admin key from now on: the
// one that an earlier start made or was given ends. Without it a key is made at
// the first start and returned, to be shown or stored by the caller, for the
// only time; later starts return the zero Secret. Admin keys that people made
// are left alone.
func (e *Engine) EnsureTenants(ctx context.Context, given secret.Secret) (made secret.Secret, err error) {
	audit := engineAudit
	o := &ledger.Organization{ID: DefaultOrganization, Name: "Default", Livemode: true}
	if _, found := e.ledger.Organization(o.ID); !found {
		_, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Organization: o})
		if err != nil && !errors.Is(err, ledger.ErrExists) { // somebody has deleted it
			return secret.Secret{}, fmt.Errorf("create the organization %s: %w", o.ID, err)
		}
	}
	now, exists := e.key("", adminKeyID)
	next := &ledger.Key{ID: adminKeyID, Name: "admin", Scopes: []string{"admin"}, Livemode: true}
	var base uint64
	switch {
	case given.IsZero() && exists:
		return secret.Secret{}, nil
	case given.IsZero():
		made, next.Prefix = secret.NewAPIKey(secret.AdminPrefix)
		next.Hash = secret.Hash(made.Reveal())
	default:
		if err := ValidateAdminKey(given); err != nil {
			return secret.Secret{}, err
		}
		next.Hash, next.Prefix = secret.Hash(given.Reveal()), given.Reveal()[:4]
		if taken, found := e.ledger.KeyByHash(next.Hash); found && taken.ID != adminKeyID {
			return secret.Secret{}, errors.New("the admin key is the text of another API key: give another one")
		}
		if exists {
			if now.Hash == next.Hash && now.RevokedAt == 0 {
				return secret.Secret{}, nil
			}
			base = now.Version
		}
	}
	if _, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Base: base, Key: next}); err != nil {
		return secret.Secret{}, fmt.Errorf("store the admin key: %w", err)
	}
	return made, nil
}

// ValidateAdminKey refuses a key that could be guessed: of keys only a fast hash
// is kept, which is safe for long random ones. The error does not repeat it.
func ValidateAdminKey(key secret.Secret) error {
	text := key.Reveal()
	if len(text) < 16 || len(text) > 256 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the admin key must be 16 to 256 visible ASCII characters, and random")
	}
	return nil
}

// CreateOrganization makes an organization out of ID, Name, Livemode and
// ParentID of spec. Without an ID it gets one. The error may be *InvalidError,
// or ledger.ErrExists: an id is taken for ever, even if what had it is deleted.
func (e *Engine) CreateOrganization(ctx context.Context, spec *ledger.Organization, audit ledger.Audit) (*ledger.Organization, error) {
	next := &ledger.Organization{ID: spec.ID, Name: spec.Name, Livemode: spec.Livemode, ParentID: spec.ParentID}
	if next.ID == "" {
		next.ID = "org_" + ledger.NewID().String()
	}
	if err := e.checkOrganization(next); err != nil {
		return nil, err
	}
	if _, err := e.ledger.Change(ctx, &ledger.Change{Audit: audit, Organization: next}); err != nil {
		return nil, err
	}
	return e.organization(next.ID)
}

func (e *Engine) organization(id string) (*ledger.Organization, error) {
	o, found := e.ledger.Organization(id)
	if !found {
		return nil, ledger.ErrNotFound
	}
	return o, nil
}

func (e *Engine) checkOrganization(o *ledger.Organization) error {
	var faults []endpoint.FieldError
	fault := func(field, detail string) { faults = append(faults, endpoint.FieldError{Field: field, Detail: detail}) }
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	if o.ID == "" || len(o.ID) > maxTenantID || strings.Trim(o.ID, letters) != "" || strings.Trim(o.ID, ".") == "" {
		fault("id", fmt.Sprintf("must be 1 to %d of A–Z a–z 0–9 _ - . and not only dots", maxTenantID))
	}
	if len(o.Name) > maxTenantName || !event.ValidText(o.Name) {
		fault("name", fmt.Sprintf("must be at most %d bytes of UTF-8 without control characters", maxTenantName))
	}
	if _, found := e.ledger.Organization(o.ParentID); o.ParentID != "" && (!found || o.ParentID == o.ID) {
		fault("parent_id", "must be another organization that exists")
	}
	if len(faults) > 0 {
		return &InvalidError{Fields: faults}
	}
	return nil
}

// UpdateOrganization changes Name, ParentID and, for the verbs of connectors,
// Connectors; the other fields stay. mutate and ifVersion are as with
// UpdateEndpoint.
func (e *Engine) UpdateOrganization(ctx context.Context, id string, mutate func(*ledger.Organization) error, ifVersion uint64, audit ledger.Audit) (*ledger.Organization, error) {
	for {
		now, err := e.organization(id)
		if err != nil {
			return nil, err
		}
		if ifVersion != 0 && now.Version != ifVersion {
			return nil, ledger.ErrChanged
		}
		next := *now
		if err := mutate(&next); err != nil {
			return nil, err
		}
		if next.ID != now.ID || next.Livemode != now.Livemode || next.DeletedAt != 0 {
			return nil, invalid("livemode", "cannot be changed: it is part of the ids that exist")
		}
		if err := e.checkOrganization(&next); err != nil {
			return nil, err
		}
		_, err = e.ledger.Change(ctx, &ledger.Change{Audit: audit, Base: now.Version, Organization: &next})
		if errors.Is(err, ledger.ErrChanged) && ifVersion == 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return e.organization(id)
	}
}
