package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/ops"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// AdminConnections is how many connections the admin door serves at once.
const AdminConnections = 64

// door is a way into the server. There is the public one and, with
// Options.Admin, one for operators, which then alone has the routes that are
// theirs. Each counts its connections by itself, so that operators get in when
// the public fills all it has. Everything behind the doors is shared.
type door struct {
	*Server
	name   string
	http   *fasthttp.Server
	router *router
	unread unreads
	ended  atomic.Bool
}

func (s *Server) newDoor(name string, connections int, has func(*wire.Route) bool) (*door, error) {
	d := &door{Server: s, name: name, unread: unreads{most: connections}}
	var err error
	if d.router, err = newRouter(s.options.Dialects, has, s.stats.route); err != nil {
		return nil, err
	}
	d.http = &fasthttp.Server{
		Handler:        d.serve,
		ErrorHandler:   d.refuse,
		HeaderReceived: d.headerReceived,

		ReadTimeout:        s.options.ReadTimeout,
		WriteTimeout:       s.options.WriteTimeout,
		IdleTimeout:        s.options.IdleTimeout,
		Concurrency:        connections,
		ReadBufferSize:     maxHeaderSize,
		MaxRequestBodySize: s.options.MaxBodySize,

		CloseOnShutdown:              true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true, // it would parse, and spill to disk, before anyone asked for it
		SecureErrorLogMessage:        true,
		Logger:                       serverLog{s.options.Logger, name},
	}
	return d, nil
}

// private says whether a route is for operators: by itself, or because nobody
// else has the scope.
func private(r *wire.Route) bool { return r.Private || r.Scope&auth.Admin != 0 }

func anyRoute(*wire.Route) bool { return true }

func publicRoute(r *wire.Route) bool { return !private(r) }

// connections are the families that count the connections of all doors.
func (s *Server) connections(w io.Writer) {
	for _, family := range []struct {
		name, kind string
		value      func(*fasthttp.Server) int64
	}{
		{connectionsFamily, "gauge", func(h *fasthttp.Server) int64 { return int64(max(0, h.GetOpenConnectionsCount())) }},
		{connectionsFamily + "_limit", "gauge", func(h *fasthttp.Server) int64 { return int64(h.Concurrency) }},
		{connectionsFamily + "_refused_total", "counter", func(h *fasthttp.Server) int64 { return int64(h.GetRejectedConnectionsCount()) }},
	} {
		fmt.Fprintf(w, "# HELP %s\n# TYPE %[1]s %s\n", family.name, family.kind)
		for _, d := range s.doors() {
			fmt.Fprintf(w, "%s %d\n", ops.Series(family.name, "listener", d.name), family.value(d.http))
		}
	}
}

const connectionsFamily = "hookwheel_http_connections"

// accept serves connections until shut or until the listener fails.
func (d *door) accept(ln net.Listener) error {
	return d.http.Serve(lingeringListener{Listener: patientListener{ln, d.options.Logger}, ended: &d.ended})
}

// shut closes the door and waits for the requests behind it.
func (d *door) shut(ctx context.Context) error {
	d.ended.Store(true) // first: fasthttp closes only the listeners that it has by now
	err := d.http.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) {
		return nil // a listener was closed before
	}
	return err
}

// serverLog takes what fasthttp has to say. Nearly all of it is about single
// connections (resets, timeouts, malformed bytes): a caller's affair. Its errors
// quote the bytes that were malformed; those can be somebody's key, and so an
// error is cut where it begins to quote.
type serverLog struct {
	*slog.Logger
	door string
}

// overflow begins what fasthttp says, once a minute at most, when all
// connections that it may serve are taken.
const overflow = "The incoming connection cannot be served, because"

func (l serverLog) Printf(format string, args ...any) {
	if strings.HasPrefix(format, overflow) {
		l.Warn("connections are refused: as many are open as may be; see --max-connections, and who holds them", "listener", l.door, "limit", args[0])
		return
	}
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i], _, _ = strings.Cut(err.Error(), `"`)
		}
	}
	l.Debug("connection failed", "detail", fmt.Sprintf(format, args...))
}

var errNoAdmin = errors.New("http server: it was made without an admin door")
