package wire

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/auth"
)

// MaxParams is how many parameters a pattern can have.
const MaxParams = 4

// Ctx is one request and its response. It belongs to the handler until that
// returns, and is then used for another request: neither it nor bytes that it
// gave out may be kept. Waiting in the handler is fine; each connection has its
// own goroutine.
type Ctx struct {
	*fasthttp.RequestCtx

	RequestID    string         // the caller's X-Request-Id if it is a sane one, else made here
	Principal    auth.Principal // zero without a key, see Route
	Organization string         // the one that the request acts for; "" without a key
	Source       netip.Addr     // whom it came from, behind trusted proxies
	Scheme       string         // http or https, as the caller sees it
	Route        *Route         // nil as long as none was found
	Dialect      *Dialect       // the owner of the path, whose shape errors take; never nil
	Cursors      *Cursors       // the store's
	Auth         *auth.Authenticator

	params [MaxParams]param
	n      int
}

type param struct{ name, value string }

// Reset prepares c for another request.
func (c *Ctx) Reset(rc *fasthttp.RequestCtx) { *c = Ctx{RequestCtx: rc} }

// Param returns the decoded value of a parameter of the route's pattern. A
// name that the pattern does not have is a mistake in the program.
func (c *Ctx) Param(name string) string {
	for _, p := range c.params[:c.n] {
		if p.name == name {
			return p.value
		}
	}
	panic("route " + c.Route.Pattern + " has no parameter " + name)
}

// SetParam is for the router.
func (c *Ctx) SetParam(name, value string) {
	c.params[c.n] = param{name, value}
	c.n++
}

// Query returns a query parameter and whether it was given at all.
func (c *Ctx) Query(name string) (string, bool) {
	args := c.QueryArgs()
	if !args.Has(name) {
		return "", false
	}
	return string(args.Peek(name)), true
}

// CheckQuery refuses a query parameter that the route does not have, and one that
// is given more than once, of which only the first would count.
func (c *Ctx) CheckQuery() error {
	var seen []string
	for key := range c.QueryArgs().All() {
		name := string(key)
		switch {
		case slices.Contains(seen, name):
			return BadParameter(name, "given more than once")
		case slices.Contains(c.Route.Query, name):
			seen = append(seen, name)
		case len(c.Route.Query) == 0:
			return BadParameter(clip(name), "unknown; this operation has no query parameters")
		default:
			return BadParameter(clip(name), "unknown; the query parameters of this operation are %s", strings.Join(c.Route.Query, ", "))
		}
	}
	return nil
}

// QueryTime returns a query parameter in Unix milliseconds, 0 if absent.
func (c *Ctx) QueryTime(name string) (int64, error) {
	text, ok := c.Query(name)
	if !ok {
		return 0, nil
	}
	// An unescaped + of an offset arrives as a space.
	ms, ok := ParseTime(strings.Replace(text, " ", "+", 1))
	if !ok {
		return 0, BadParameter(name, "expected a time of RFC 3339, such as 2026-01-02T03:04:05Z")
	}
	return ms, nil
}

// QueryBool returns a query parameter that is true or false, or fallback if it
// is absent.
func (c *Ctx) QueryBool(name string, fallback bool) (bool, error) {
	switch text, ok := c.Query(name); {
	case !ok:
		return fallback, nil
	case text == "true":
		return true, nil
	case text == "false":
		return false, nil
	}
	return false, BadParameter(name, "expected true or false")
}

// Header returns a request header.
func (c *Ctx) Header(name string) string { return string(c.Request.Header.Peek(name)) }

// BaseURL is where the caller reached the API, "https://host:port", to make
// absolute links from; "" if the request does not say, as HTTP/1.0 may.
func (c *Ctx) BaseURL() string {
	host := c.Host()
	if len(host) == 0 {
		return ""
	}
	return c.Scheme + "://" + string(host)
}

// SetHeader sets a response header.
func (c *Ctx) SetHeader(name, value string) { c.Response.Header.Set(name, value) }

// Context is what calls to the engine are made with. It does not end when the
// server begins to shut down, nor when the caller hangs up: what was asked for
// is then under way, and is carried out and answered.
func (c *Ctx) Context() context.Context { return context.Background() }

// Audit says who wants a change, for the audit.
func (c *Ctx) Audit() ledger.Audit {
	audit := ledger.Audit{Actor: c.Principal.KeyID, RequestID: c.RequestID}
	if c.Source.IsValid() {
		audit.Source = c.Source.String()
	}
	return audit
}

// NoContent answers that it is done, with nothing to show.
func (c *Ctx) NoContent() error {
	c.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// JSON answers with a status and a value.
func (c *Ctx) JSON(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return c.Raw(status, body)
}

// Raw answers with a status and a JSON text, which it copies.
func (c *Ctx) Raw(status int, body []byte) error {
	c.SetStatusCode(status)
	c.SetContentType("application/json")
	c.SetBody(body)
	return nil
}
