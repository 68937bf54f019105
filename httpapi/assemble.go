package httpapi

import (
	"errors"
	"time"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/httpapi/connector"
	"github.com/hookwheel/hookwheel/httpapi/destination"
	"github.com/hookwheel/hookwheel/httpapi/native"
	"github.com/hookwheel/hookwheel/httpapi/orghook"
	"github.com/hookwheel/hookwheel/httpapi/subscription"
	"github.com/hookwheel/hookwheel/httpapi/webhook"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Settings are what dialects must know of the configuration.
type Settings struct {
	MaxEventSize int // of one event as posted, in bytes
	MaxAttempts  int // of a delivery to an endpoint that does not say

	AttemptTimeout time.Duration // of an attempt to an endpoint that does not say
}

// Dialects returns every dialect of the API, working on an engine.
func Dialects(e *engine.Engine, set Settings) []*wire.Dialect {
	in := &Ingest{Events: e, Kept: e.Ledger(), MaxEventSize: set.MaxEventSize}
	return []*wire.Dialect{
		native.Dialect(native.Options{Ledger: e.Ledger(), Engine: verbs{e}, PostEvents: in.Post, MaxAttempts: set.MaxAttempts}),
		destination.Dialect(destination.Options{Ledger: e.Ledger(), Engine: e}),
		webhook.Dialect(webhook.Options{Ledger: e.Ledger(), Engine: e, Timeout: set.AttemptTimeout}),
		orghook.Dialect(orghook.Options{Ledger: e.Ledger(), Engine: e, MaxAttempts: set.MaxAttempts}),
		subscription.Dialect(subscription.Options{Ledger: e.Ledger(), Engine: e}),
		connector.Dialect(connector.Options{Engine: e, MaxEventSize: set.MaxEventSize}),
	}
}

// verbs is an engine as dialects want it. They lie beside it, not above, and
// cannot name its types.
type verbs struct{ *engine.Engine }

func (v verbs) Secrets(org, id string) ([]native.SigningSecret, error) {
	secrets, err := v.Engine.Secrets(org, id)
	list := make([]native.SigningSecret, len(secrets))
	for i, s := range secrets {
		list[i] = native.SigningSecret(s)
	}
	return list, err
}

// explain turns an error of the engine into one that a caller can be shown, with
// the names that the dialect has for fields.
func explain(err error, d *wire.Dialect) *wire.Error {
	if bad, ok := errors.AsType[*engine.InvalidError](err); ok {
		fields := make([]wire.Field, len(bad.Fields))
		for i, f := range bad.Fields {
			fields[i] = wire.Field{Pointer: "/" + d.FieldName(f.Field), Detail: f.Detail}
		}
		return wire.Invalid(fields...)
	}
	if errors.Is(err, engine.ErrClosed) {
		return wire.Unavailable(wire.CodeUnavailable, "the server is shutting down", time.Second).Because(err)
	}
	return wire.From(err)
}
