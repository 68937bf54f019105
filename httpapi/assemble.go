package httpapi

import (
	"errors"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/httpapi/native"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Dialects returns every dialect of the API, working on an engine. maxEventSize
// bounds one event as posted, in bytes.
func Dialects(e *engine.Engine, maxEventSize int) []*wire.Dialect {
	in := &Ingest{Events: poster{e}, MaxEventSize: maxEventSize}
	return []*wire.Dialect{
		native.Dialect(native.Options{Ledger: e.Ledger(), Engine: verbs{e}, PostEvents: in.Post}),
	}
}

// poster is an engine as Ingest wants it.
type poster struct{ *engine.Engine }

func (p poster) Matched(ev *event.Event) (int, error) { return p.Ledger().Matched(ev) }

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

// explain turns an error of the engine into one that a caller can be shown.
// Fields have their native names; a dialect's renderer knows its own.
func explain(err error) *wire.Error {
	if bad, ok := errors.AsType[*engine.InvalidError](err); ok {
		fields := make([]wire.Field, len(bad.Fields))
		for i, f := range bad.Fields {
			fields[i] = wire.Field{Pointer: "/" + f.Field, Detail: f.Detail}
		}
		return wire.Invalid(fields...)
	}
	if errors.Is(err, engine.ErrClosed) {
		return wire.Unavailable(wire.CodeUnavailable, "the server is shutting down", 0).Because(err)
	}
	return wire.From(err)
}
