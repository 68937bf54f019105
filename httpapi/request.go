package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// headerReceived runs when the headers are in and the body is not. It can only
// set limits and mark the connection; what is wrong is told by process.
func (d *door) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if checkHead(h) != nil {
		h.SetConnectionClose()
	}
	limit := d.bodyLimit(h)
	if h.ContentLength() == chunked {
		d.unread.put(h, unread{dialect: d.router.dialectOf(pathOf(h.RequestURI())), limit: limit})
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: limit}
}

// bodyLimit is how large a body may be, in bytes. The server takes memory for
// the whole of an announced body before it has seen any of it, so only somebody
// with a key may announce much. What else the key allows is decided later.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) int {
	if n := h.ContentLength(); n >= 0 && n <= s.options.AnonymousBodySize {
		return s.options.AnonymousBodySize // the usual case, decided without looking at the key
	}
	credential, err := auth.Credential(h.Peek("Authorization"), h.Peek("X-Api-Key"))
	if err != nil {
		return s.options.AnonymousBodySize
	}
	_, err = s.auth.Authenticate(credential, "", time.Now())
	if err != nil && !errors.Is(err, auth.ErrNoOrganization) {
		return s.options.AnonymousBodySize
	}
	return s.options.MaxBodySize
}

// serve answers one request that was read completely.
func (d *door) serve(rc *fasthttp.RequestCtx) {
	start := time.Now()
	d.unread.take(&rc.Request.Header)
	c := d.begin(rc)
	entry, err := d.process(c)
	if err != nil {
		d.fail(c, err)
	}
	d.finish(c, entry, start)
}

// refuse answers a request that could not be read: cut off, malformed, too
// large or too slow. The connection is closed afterwards.
func (d *door) refuse(rc *fasthttp.RequestCtx, err error) {
	known, ok := d.unread.take(&rc.Request.Header)
	if !ok {
		h := &rc.Request.Header
		known = unread{dialect: d.router.dialectOf(pathOf(h.RequestURI())), limit: d.bodyLimit(h)}
	}
	c := d.begin(rc)
	c.Dialect = known.dialect
	d.fail(c, d.readError(known.limit, err))
	d.finish(c, nil, time.Now())
	if conn, ok := rc.Conn().(interface{ linger() }); ok && errors.Is(err, fasthttp.ErrBodyTooLarge) {
		conn.linger()
	}
}

// begin takes a Ctx from the pool and fills in what is known before routing.
func (d *door) begin(rc *fasthttp.RequestCtx) *wire.Ctx {
	c := d.contexts.Get().(*wire.Ctx)
	c.Reset(rc)
	c.RequestID = wire.RequestID(rc.Request.Header.Peek("X-Request-Id"))
	c.Cursors = d.cursors
	c.Auth = d.auth
	c.Dialect = d.router.native
	c.Source, c.Scheme = d.origin(rc)
	return c
}

// finish counts and logs the request and gives c back.
func (s *Server) finish(c *wire.Ctx, e *entry, start time.Time) {
	c.SetHeader("X-Request-Id", c.RequestID)
	c.SetHeader("Request-Id", c.RequestID)
	if c.Dialect.Finish != nil {
		c.Dialect.Finish(c)
	}
	elapsed := time.Since(start)
	s.stats.count(e, c.Response.StatusCode(), elapsed)
	s.log(c, elapsed)
	s.contexts.Put(c)
}

// process finds the route, checks what every route needs checked, and runs the
// handler. A panic in it becomes an error, and the process lives on.
func (d *door) process(c *wire.Ctx) (e *entry, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			d.options.Logger.Error("handler panicked", "request_id", c.RequestID, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
			err = wire.Internal(fmt.Errorf("panic: %v", fault))
		}
	}()
	path := string(c.URI().PathOriginal())
	c.Dialect = d.router.dialectOf(path)
	if c.Request.Header.ConnectionClose() { // rare, and what headerReceived does to what is ambiguous
		if err := checkHead(&c.Request.Header); err != nil {
			return nil, wire.BadRequest(wire.CodeBadRequest, "%v", err)
		}
	}
	var buffer [wire.MaxParams]string
	e, params, fault := d.router.route(string(c.Method()), path, buffer[:0])
	if fault != nil {
		return nil, fault
	}
	c.Route = e.route
	for i, name := range e.params {
		c.SetParam(name, params[i])
	}
	err = d.admit(c)
	if refusal := d.limit(c); refusal != nil {
		return e, refusal
	}
	if err != nil {
		return e, err
	}
	if e.dialect.StrictQuery {
		if err := c.CheckQuery(); err != nil {
			return e, err
		}
	}
	if c.Route.Once {
		return e, d.once.do(c)
	}
	return e, c.Route.Handle(c)
}

// limit counts the request of a caller, also one that was refused, and refuses
// what is too much.
func (s *Server) limit(c *wire.Ctx) error {
	if s.limits == nil || c.Route.Unlimited {
		return nil
	}
	kind, refusal := s.limits.take(c, time.Now())
	if refusal != nil {
		s.stats.limited[kind].Inc()
	}
	return refusal
}

// fail renders an error: the only place where one becomes a response.
func (s *Server) fail(c *wire.Ctx, err error) {
	e := explain(err, c.Dialect)
	c.Response.ResetBody()
	c.SetStatusCode(e.Status)
	if e.RetryAfter > 0 {
		seconds := (e.RetryAfter + time.Second - 1) / time.Second
		c.SetHeader("Retry-After", strconv.Itoa(int(seconds)))
	}
	for _, h := range e.Headers {
		c.SetHeader(h.Name, h.Value)
	}
	c.Dialect.Render(c, e)
	if e.Status == fasthttp.StatusInternalServerError {
		s.options.Logger.Error("request failed", "request_id", c.RequestID, "error", err)
	}
}

// readError says what was wrong with a request that fasthttp could not read.
func (s *Server) readError(limit int, err error) *wire.Error {
	timeout, isNet := errors.AsType[net.Error](err)
	switch _, tooSmall := errors.AsType[*fasthttp.ErrSmallBuffer](err); {
	case tooSmall:
		return &wire.Error{
			Status: fasthttp.StatusRequestHeaderFieldsTooLarge, Code: wire.CodeHeaderTooLarge,
			Detail: fmt.Sprintf("request line and headers are larger than %d bytes", maxHeaderSize),
		}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return wire.TooLarge("the body", limit)
	case isNet && timeout.Timeout():
		return &wire.Error{
			Status: fasthttp.StatusRequestTimeout, Code: wire.CodeTimeout,
			Detail: fmt.Sprintf("the request was not received within %v", s.options.ReadTimeout),
		}
	}
	return wire.BadRequest(wire.CodeBadRequest, "the request is not valid HTTP").Because(err)
}

// pathOf cuts a request target to its path as sent.
func pathOf(target []byte) string {
	path, _, _ := strings.Cut(string(target), "?")
	return path
}

// log writes the access log, at debug level: at full rate a line per request
// costs more than the request. The query stays out of it, because it can hold
// a secret, and so do all headers.
func (s *Server) log(c *wire.Ctx, elapsed time.Duration) {
	if !s.options.Logger.Enabled(c, slog.LevelDebug) {
		return
	}
	s.options.Logger.LogAttrs(c, slog.LevelDebug, "request",
		slog.String("request_id", c.RequestID),
		slog.String("method", string(c.Method())),
		slog.String("path", string(c.URI().PathOriginal())),
		slog.Int("status", c.Response.StatusCode()),
		slog.Duration("elapsed", elapsed),
		slog.String("organization", c.Organization),
		slog.String("key_id", c.Principal.KeyID),
		slog.String("source", c.Source.String()),
	)
}
