package native

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

type testRequest struct {
	Type *string         `json:"type"`
	Data json.RawMessage `json:"data"`
}

type testAnswer struct {
	EventID    string `json:"event_id"`
	DeliveryID string `json:"delivery_id"`
}

// testEndpoint sends one event to one endpoint, whatever it subscribes to.
func (a *api) testEndpoint(c *wire.Ctx) error {
	var r testRequest
	if err := c.DecodeOptional(&r); err != nil {
		return err
	}
	ev := &event.Event{Source: event.Test, Data: r.Data}
	if r.Type != nil {
		ev.Type = *r.Type
	}
	id, err := a.engine.TestEndpoint(c.Context(), c.Organization, c.Param("id"), ev)
	if errors.Is(err, ledger.ErrForbidden) {
		return wire.Conflict(wire.CodeConflict, "the endpoint is disabled; enable it first").Because(err)
	}
	if err != nil {
		return wire.Absent(err, "endpoint")
	}
	return c.JSON(fasthttp.StatusAccepted, testAnswer{EventID: event.FormatID(ev.ID, ev.Livemode), DeliveryID: id.String()})
}

type rotateRequest struct {
	Grace  *int64  `json:"grace_seconds"` // default one day
	Secret *string `json:"secret"`        // default a new random one
}

const defaultGrace = 24 * time.Hour

// rotateSecret gives an endpoint a new signing secret. The old ones sign beside
// it for the time of grace.
func (a *api) rotateSecret(c *wire.Ctx) error {
	var r rotateRequest
	if err := c.DecodeOptional(&r); err != nil {
		return err
	}
	grace, given := defaultGrace, secret.Secret{}
	if r.Grace != nil {
		if *r.Grace < 0 || *r.Grace > int64(maxGrace/time.Second) {
			return wire.Invalid(wire.Field{Pointer: "/grace_seconds", Detail: "must lie between 0 and 2592000"})
		}
		grace = time.Duration(*r.Grace) * time.Second
	}
	if r.Secret != nil {
		if *r.Secret == "" {
			return wire.Invalid(wire.Field{Pointer: "/secret", Detail: notZero})
		}
		given = secret.New(*r.Secret)
	}
	e, made, err := a.engine.RotateSecret(c.Context(), c.Organization, c.Param("id"), given, grace, c.Audit())
	if err != nil {
		return wire.Absent(err, "endpoint")
	}
	return a.show(c, fasthttp.StatusOK, e.ID, made)
}

// maxGrace is as the engine has it; here it keeps the number of seconds from
// overflowing.
const maxGrace = 30 * 24 * time.Hour

// secretInFull is a signing secret with its text.
type secretInFull struct {
	ID        string    `json:"id"`
	Secret    string    `json:"secret"`
	CreatedAt wire.Time `json:"created_at"`
	ExpiresAt wire.Time `json:"expires_at"`
}

// listSecrets shows the secrets that sign now, newest first.
func (a *api) listSecrets(c *wire.Ctx) error {
	secrets, err := a.engine.Secrets(c.Organization, c.Param("id"))
	if err != nil {
		return wire.Absent(err, "endpoint")
	}
	answer := list[secretInFull]{Data: []secretInFull{}}
	for _, s := range secrets {
		answer.Data = append(answer.Data, secretInFull{ID: s.ID, Secret: s.Value.Reveal(), CreatedAt: wire.Time(s.CreatedAt), ExpiresAt: wire.Time(s.ExpiresAt)})
	}
	c.SetHeader("Cache-Control", "no-store")
	return c.JSON(fasthttp.StatusOK, answer)
}
