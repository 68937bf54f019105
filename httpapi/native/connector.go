package native

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// connectorView is the Stripe connector as clients see it: never the text of a
// secret, which Stripe's own dashboard shows.
type connectorView struct {
	Enabled bool                  `json:"enabled"`
	Secrets []connectorSecretView `json:"signing_secrets"`
}

type connectorSecretView struct {
	ID        string    `json:"id"`
	Last4     string    `json:"last4"`
	CreatedAt wire.Time `json:"created_at"`
}

func showConnector(c *wire.Ctx, status int, o *ledger.Organization) error {
	stored := o.Connectors.Stripe
	if stored == nil {
		return wire.NotFound("connector")
	}
	v := connectorView{Enabled: stored.Enabled, Secrets: []connectorSecretView{}}
	for _, s := range stored.Secrets {
		v.Secrets = append(v.Secrets, connectorSecretView{ID: s.ID, Last4: s.Last4, CreatedAt: wire.Time(s.CreatedAt)})
	}
	return c.JSON(status, v)
}

func (a *api) getStripeConnector(c *wire.Ctx) error {
	o, err := a.organization(c)
	if err != nil {
		return err
	}
	return showConnector(c, fasthttp.StatusOK, o)
}

type connectorRequest struct {
	Secrets *[]string `json:"signing_secrets"` // all of them; absent = those that there are
	Enabled *bool     `json:"enabled"`         // absent = as it is; a new one is enabled
}

// putStripeConnector sets the connector up, or replaces it.
func (a *api) putStripeConnector(c *wire.Ctx) error {
	o, err := a.organization(c)
	if err != nil {
		return err
	}
	var r connectorRequest
	if err := c.Decode(&r); err != nil {
		return err
	}
	var secrets []secret.Secret
	if r.Secrets != nil {
		secrets = make([]secret.Secret, len(*r.Secrets))
		for i, text := range *r.Secrets {
			secrets[i] = secret.New(text)
		}
	}
	status := fasthttp.StatusOK
	if o.Connectors.Stripe == nil {
		status = fasthttp.StatusCreated
	}
	if o, err = a.engine.SetStripeConnector(c.Context(), o.ID, secrets, r.Enabled, c.Audit()); err != nil {
		return wire.Absent(err, "organization")
	}
	return showConnector(c, status, o)
}

func (a *api) deleteStripeConnector(c *wire.Ctx) error {
	o, err := a.organization(c)
	if err != nil {
		return err
	}
	if err := a.engine.DeleteStripeConnector(c.Context(), o.ID, c.Audit()); err != nil {
		return wire.Absent(err, "connector")
	}
	return c.NoContent()
}
