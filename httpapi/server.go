// Package httpapi is the HTTP server: it reads requests safely, finds out who
// makes them and which route they mean, runs the handler, and renders whatever
// went wrong in the shape of the dialect whose path it was.
//
//	connection ─▶ sizes, framing ─▶ route ─▶ key, scope ─▶ rate ─▶ once ─▶ handler
//	                   │              │          │          │       │        │ error
//	                   └──────────────┴──────────┴──────────┴───────┴────────┴─▶ fail ─▶ Dialect.Render
//
// It holds no state of the engine. The dialects bring their routes; what they
// do is theirs.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Options configure a Server. Tenants and both keys are required.
type Options struct {
	Dialects []*wire.Dialect
	Tenants  auth.Tenants
	Answers  Answers // nil = the Idempotency-Key header has no effect outside of events

	// KeyUsed is told of every request that a key was accepted for; nil = nobody
	// is. It must be quick and safe for concurrent use.
	KeyUsed func(id string)

	// CursorKey encrypts the cursors of lists: at least 16 secret bytes
	// that stay the same as long as the store.
	CursorKey []byte

	// TokenKey signs the access tokens of OAuth clients: at least 32 secret
	// bytes. With another one, clients have to ask for new tokens.
	TokenKey []byte

	MaxConnections int           // beyond it a connection gets 503 and is closed; 0 = 10,000
	ReadTimeout    time.Duration // for one whole request, headers and body; 0 = 15 s
	WriteTimeout   time.Duration // for one whole response; 0 = 15 s
	IdleTimeout    time.Duration // between two requests of a connection; 0 = 75 s

	// MaxBodySize bounds the body of a request with a valid API key, in bytes;
	// 0 = 16 MiB. Who has shown none may send AnonymousBodySize; 0 = 256 KiB.
	MaxBodySize       int
	AnonymousBodySize int

	// Admin gives the server a second door, ServeAdmin. Private routes, and those
	// that need auth.Admin, are then answered only there; all others on both.
	Admin bool

	// RateLimit bounds the requests of one caller. Zero = no limit.
	RateLimit RateLimit

	// TrustedProxies are the peers whose X-Forwarded-For and -Proto are believed.
	TrustedProxies []netip.Prefix

	Logger *slog.Logger // nil = slog.Default()
}

const (
	maxHeaderSize = 16 << 10 // request line and headers together
	minCursorKey  = 16
)

func (o Options) withDefaults() Options {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.ReadTimeout, 15*time.Second)
	def(&o.WriteTimeout, 15*time.Second)
	def(&o.IdleTimeout, 75*time.Second)
	if o.MaxConnections == 0 {
		o.MaxConnections = 10_000
	}
	if o.MaxBodySize == 0 {
		o.MaxBodySize = 16 << 20
	}
	if o.AnonymousBodySize == 0 {
		o.AnonymousBodySize = 256 << 10
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func (o *Options) validate() error {
	var errs []error
	if o.Tenants == nil {
		errs = append(errs, errors.New("nobody knows the API keys"))
	}
	if len(o.CursorKey) < minCursorKey {
		errs = append(errs, fmt.Errorf("cursor key has %d bytes, needs %d", len(o.CursorKey), minCursorKey))
	}
	if len(o.TokenKey) < auth.MinTokenKey {
		errs = append(errs, fmt.Errorf("token key has %d bytes, needs %d", len(o.TokenKey), auth.MinTokenKey))
	}
	if o.RateLimit.PerSecond < 0 || o.RateLimit.Burst < 0 {
		errs = append(errs, errors.New("rate limit is negative"))
	}
	if o.AnonymousBodySize > o.MaxBodySize {
		errs = append(errs, errors.New("body size without a key is larger than with one"))
	}
	return errors.Join(errs...)
}

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	options  Options
	public   *door
	admin    *door // nil = everything is public
	auth     *auth.Authenticator
	once     *once
	limits   *limits // nil = none
	cursors  *wire.Cursors
	stats    *stats
	contexts sync.Pool // of *wire.Ctx
}

// New makes a server. It reports a fault in the options or the route tables.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	s := &Server{options: o, auth: auth.New(o.Tenants, o.TokenKey), once: newOnce(o.Answers, o.Logger), limits: newLimits(o.RateLimit)}
	s.contexts.New = func() any { return new(wire.Ctx) }
	s.stats = newStats()
	var err error
	if s.cursors, err = wire.NewCursors(o.CursorKey); err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	forAll := anyRoute
	if o.Admin {
		if s.admin, err = s.newDoor("admin", AdminConnections, anyRoute); err != nil {
			return nil, fmt.Errorf("http server: %w", err)
		}
		forAll = publicRoute
	}
	if s.public, err = s.newDoor("public", o.MaxConnections, forAll); err != nil {
		return nil, fmt.Errorf("http server: %w", err)
	}
	return s, nil
}

// Serve accepts connections of the public until Shutdown or until the listener
// fails. It may be called for several listeners.
func (s *Server) Serve(ln net.Listener) error { return s.public.accept(ln) }

// ServeAdmin accepts connections of operators; see Options.Admin.
func (s *Server) ServeAdmin(ln net.Listener) error {
	if s.admin == nil {
		return errNoAdmin
	}
	return s.admin.accept(ln)
}

// Shutdown closes the listeners and idle connections of the public and waits
// until requests in progress are answered, or until ctx ends. A connection that
// has not sent anything yet counts as in progress until its read timeout. A
// Serve that comes later returns at once.
func (s *Server) Shutdown(ctx context.Context) error { return s.public.shut(ctx) }

// ShutdownAdmin is Shutdown for operators, who can so look on meanwhile.
func (s *Server) ShutdownAdmin(ctx context.Context) error {
	if s.admin == nil {
		return errNoAdmin
	}
	return s.admin.shut(ctx)
}

// Routes lists every operation of every dialect, in the order of their tables.
func (s *Server) Routes() []*wire.Route {
	var all []*wire.Route
	for _, d := range s.options.Dialects {
		for i := range d.Routes {
			all = append(all, &d.Routes[i])
		}
	}
	return all
}

func (s *Server) doors() []*door {
	if s.admin == nil {
		return []*door{s.public}
	}
	return []*door{s.public, s.admin}
}
