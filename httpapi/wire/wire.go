// Package wire is what all dialects of the HTTP API share: how a request is
// read, how an answer and an error are written, and how routes are declared.
//
// A dialect is a table of routes, a prefix, and one function that renders
// errors in its shape. Its handlers return errors and never write them, so that
// a fault reads the same whether a handler, the router or the HTTP parser found
// it.
//
//	Route{Method, Pattern, Scope, Handle} ─▶ Handle(*Ctx) error
//	                                              │
//	      Dialect.Render(*Ctx, *Error) ◀── From(err), in one place: package httpapi
//
// Bytes that a Ctx hands out (bodies, headers, query values) are the server's
// and are valid only until the handler returns. What a handler keeps, it copies.
package wire

import (
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/httpapi/auth"
)

// Handler answers one request. What it returns is rendered by the dialect of
// its route; after an error nothing that it wrote before is sent.
type Handler func(*Ctx) error

// Route is one operation of the API.
type Route struct {
	Method  string     // GET also answers HEAD
	Pattern string     // "/v1/endpoints/{id}": literal segments and whole-segment parameters
	Scope   auth.Scope // what the key must hold; see Public
	Handle  Handler

	// Query are the names of the parameters that its query may have; "created"
	// stands for "created[gt]" and the like as well.
	Query []string

	// Public is for operations that need no API key: probes, token endpoints,
	// and those that prove their caller in another way. Principal and
	// Organization of the Ctx are then empty.
	Public bool

	// OptionalKey is for operations that prove their caller in another way but
	// accept a key too: without one they are like Public, and one that is given
	// must be valid. Every refusal of it is 401.
	OptionalKey bool

	// Private is for operations that tell operators how the server does. They, and
	// those that need auth.Admin, are kept from the public where operators have a
	// listener of their own.
	Private bool

	// Unlimited is for probes: they are answered however often they come.
	Unlimited bool

	// Tenant is the name of the parameter in Pattern that names the organization
	// which the request is for; "" = none does. The key must belong to it, or be
	// an admin key, which then acts for it.
	Tenant string

	// Departed is for operations that an admin key may ask for about an
	// organization that is gone, too: their handler looks what is left of it.
	Departed bool

	// Contextual is for operations whose handler understands the dialect's
	// organization headers itself: where they do not name an organization that the
	// key acts for, they name the context of the object that is asked for. The key
	// then acts as if they were absent.
	Contextual bool

	// Once makes a POST or DELETE honour the Idempotency-Key header: a
	// repetition gets the first answer again instead of being executed again.
	Once bool
}

// Dialect is one style of the API.
type Dialect struct {
	Name string

	// Prefixes are the paths the dialect owns, "/v1/endpoints" also owning
	// everything below. Whatever goes wrong there is rendered by Render, also
	// when no route was found or the request could not even be parsed. The
	// longest prefix wins.
	Prefixes []string
	Routes   []Route
	Render   Renderer

	// StrictQuery refuses query parameters that a route does not have, or that are
	// given twice: a filter that is misspelt would choose everything. Dialects of
	// clients that we do not know ignore what they do not know.
	StrictQuery bool

	// Slash lets every route also end in a slash.
	Slash bool

	// OrganizationHeaders name an organization as Hookwheel-Organization does:
	// an admin key chooses by them, and for any other key they must name its own.
	OrganizationHeaders []string

	// Idempotency says how routes with Once treat their keys.
	Idempotency Idempotency

	// Fields are the dialect's names for fields of the native API that it calls
	// otherwise: "event_types" → "enabled_events". A name covers all below it,
	// and the longest counts.
	Fields map[string]string

	// Finish adds headers of the dialect's own to every answer on its paths, to
	// errors and repeated answers as well; nil = there are none.
	Finish func(*Ctx)
}

// Idempotency is a dialect's way with the Idempotency-Key header. The zero value
// is the way of the IETF's draft.
type Idempotency struct {
	Lifetime time.Duration // of an answer that is kept; 0 = 24 h
	Reused   *Error        // refusal of a key that comes with other content; nil = KeyReused
	InUse    *Error        // refusal of a twin while the first is being executed; nil = KeyInUse
}

// Renderer writes an error into the response. Status and headers are set
// already; what remains is the body and its content type.
type Renderer func(*Ctx, *Error)

// Owns returns the length of the longest prefix of the dialect that covers the
// path, -1 if none does.
func (d *Dialect) Owns(path string) int {
	longest := -1
	for _, prefix := range d.Prefixes {
		prefix = strings.TrimSuffix(prefix, "/")
		if len(prefix) > longest && strings.HasPrefix(path, prefix) &&
			(len(path) == len(prefix) || path[len(prefix)] == '/') {
			longest = len(prefix)
		}
	}
	return longest
}

// FieldName is the dialect's name for a field of the native API.
func (d *Dialect) FieldName(native string) string {
	for name := native; name != ""; name = name[:max(0, strings.LastIndexByte(name, '/'))] {
		if own, ok := d.Fields[name]; ok {
			return own + native[len(name):]
		}
	}
	return native
}
