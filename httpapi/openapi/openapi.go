// Package openapi describes the HTTP API as an OpenAPI 3.1 document, which the
// server shows at /openapi.json: the native API and all dialects.
//
// What a route is, its route table says: method, path, query, scope, whether a
// key is needed, whether an Idempotency-Key is honoured. What only people can say
// stands in a fragment beside this file, one for each dialect: summaries, what
// parameters mean, schemas of bodies. Weaving puts the two together:
//
//	route tables ─────┐
//	fragment/*.json ──┼──▶ weave ──▶ document
//	document.json ────┘
//
// So an operation cannot claim another scope than it checks, and a route without
// a description, or a description without a route, is an error. That the schemas
// are true is what the scripts in testdata/api show: every request and every
// answer of them is checked against the document.
package openapi

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Dialect has the route that shows the document of all given dialects and of
// itself. version is the program's.
func Dialect(version string, dialects ...*wire.Dialect) (*wire.Dialect, error) {
	var document []byte
	own := &wire.Dialect{
		Name: "openapi", Prefixes: []string{"/openapi.json"}, Render: wire.Problem,
		Routes: []wire.Route{{Method: "GET", Pattern: "/openapi.json", Public: true, Handle: func(c *wire.Ctx) error {
			return c.Raw(fasthttp.StatusOK, document)
		}}},
	}
	var err error
	document, err = weave(version, append(dialects[:len(dialects):len(dialects)], own))
	return own, err
}
