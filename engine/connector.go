package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// maxConnectorSecrets is how many signing secrets a connector can have. Each
// is tried on every event that does not name one.
const maxConnectorSecrets = 10

// connectorObject is what the secrets of the Stripe connector are sealed for,
// in the place of an endpoint's id.
const connectorObject = "connectors/stripe"

// SetStripeConnector sets up or replaces the Stripe connector of an
// organization. secrets are those that Stripe made for its webhooks to this
// server, at least one; nil leaves those that there are. A secret that is there
// already stays the same object. enabled nil leaves it as it is, and enables a new
// one. The error may be *InvalidError, about signing_secrets/<i>, or
// ledger.ErrNotFound.
func (e *Engine) SetStripeConnector(ctx context.Context, org string, secrets []secret.Secret, enabled *bool, audit ledger.Audit) (*ledger.Organization, error) {
	if err := checkConnectorSecrets(secrets); err != nil {
		return nil, err
	}
	return e.UpdateOrganization(ctx, org, func(o *ledger.Organization) error {
		next := ledger.StripeConnector{Enabled: true}
		if o.Connectors.Stripe != nil {
			next = *o.Connectors.Stripe
		}
		if enabled != nil {
			next.Enabled = *enabled
		}
		if secrets != nil {
			var err error
			if next.Secrets, err = e.connectorSecrets(org, next.Secrets, secrets); err != nil {
				return err
			}
		}
		if len(next.Secrets) == 0 {
			return invalid("signing_secrets", "must have at least one")
		}
		o.Connectors.Stripe = &next
		return nil
	}, 0, audit)
}

// checkConnectorSecrets takes any secret that an endpoint could have, if Stripe
// could sign with it.
func checkConnectorSecrets(secrets []secret.Secret) error {
	if len(secrets) > maxConnectorSecrets {
		return invalid("signing_secrets", fmt.Sprintf("must not be more than %d", maxConnectorSecrets))
	}
	var faults []endpoint.FieldError
	for i, s := range secrets {
		field := fmt.Sprintf("signing_secrets/%d", i)
		switch given := checkSecret(s); {
		case len(given) > 0:
			faults = append(faults, endpoint.FieldError{Field: field, Detail: given[0].Detail})
		case s.IsAsymmetric():
			faults = append(faults, endpoint.FieldError{Field: field, Detail: "must be a secret that Stripe made: whsec_…"})
		case slices.ContainsFunc(secrets[:i], s.Equal):
			faults = append(faults, endpoint.FieldError{Field: field, Detail: "is given twice"})
		}
	}
	if len(faults) > 0 {
		return &InvalidError{Fields: faults}
	}
	return nil
}

// connectorSecrets are the wanted secrets, ready to be stored: those that are
// stored already as they are.
func (e *Engine) connectorSecrets(org string, stored []endpoint.Secret, wanted []secret.Secret) ([]endpoint.Secret, error) {
	keys, err := e.openConnector(org, stored)
	if err != nil {
		return nil, err
	}
	var next []endpoint.Secret
	for _, s := range wanted {
		i := slices.IndexFunc(keys, func(k sign.Key) bool { return k.Value.Equal(s) })
		if i < 0 {
			next = append(next, e.seal(org, connectorObject, s))
		} else {
			next = append(next, stored[i])
		}
	}
	return next, nil
}

func (e *Engine) openConnector(org string, stored []endpoint.Secret) ([]sign.Key, error) {
	keys := make([]sign.Key, len(stored))
	for i, s := range stored {
		value, err := e.open(org, connectorObject, s)
		if err != nil {
			return nil, err
		}
		keys[i] = sign.Key{ID: s.ID, Value: value}
	}
	return keys, nil
}

// DeleteStripeConnector takes the Stripe connector of an organization away, with
// its secrets. The error is ledger.ErrNotFound if there is none.
func (e *Engine) DeleteStripeConnector(ctx context.Context, org string, audit ledger.Audit) error {
	_, err := e.UpdateOrganization(ctx, org, func(o *ledger.Organization) error {
		if o.Connectors.Stripe == nil {
			return ledger.ErrNotFound
		}
		o.Connectors.Stripe = nil
		return nil
	}, 0, audit)
	return err
}

// StripeConnector returns the keys that sign what Stripe sends to an
// organization, and whether it is to be taken. Without a connector, or an
// organization, there are no keys.
func (e *Engine) StripeConnector(org string) (keys []sign.Key, enabled bool, err error) {
	o, found := e.ledger.Organization(org)
	if !found || o.Connectors.Stripe == nil {
		return nil, false, nil
	}
	keys, err = e.openConnector(org, o.Connectors.Stripe.Secrets)
	return keys, o.Connectors.Stripe.Enabled, err
}
