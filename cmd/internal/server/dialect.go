package server

import (
	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// dialects are the styles of the API, on this engine.
func (s *Server) dialects() []*wire.Dialect {
	in := &httpapi.Ingest{Events: poster{s.engine}, MaxEventSize: s.options.MaxEventSize}
	return []*wire.Dialect{{
		Name: "native", Prefixes: []string{"/v1"}, Render: wire.Problem,
		Routes: []wire.Route{{Method: "POST", Pattern: "/v1/events", Scope: auth.EventsWrite, Handle: in.Post}},
	}, s.backups()}
}

// poster is an engine as ingestion wants it.
type poster struct{ *engine.Engine }

func (p poster) Matched(ev *event.Event) (int, error) { return p.Ledger().Matched(ev) }
