// Package server puts a Hookwheel server together out of its parts, starts it
// and ends it:
//
//	httpapi ──▶ engine ──▶ egress, bridge ──▶ endpoints
//	  ▲            │
//	listeners   data directory: store, master.key, admin.key
//
// It decides nothing itself. What it owns is the order: nothing is accepted
// before everything that was accepted earlier is known again, and nothing is
// closed that something else still uses. Both `hookwheel serve` and
// `hookwheel demo` run what it makes.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/bridge"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/openapi"
	"github.com/hookwheel/hookwheel/httpapi/ops"
	"github.com/hookwheel/hookwheel/wal"
)

// Options configure a Server. Engine.Log.Dir and Listen are required. What the
// parts need of one another (Engine.Sender, Bus, Box and CheckURL; HTTP.Tenants,
// Answers, KeyUsed, Dialects and CursorKey) is filled in here.
type Options struct {
	Engine engine.Options
	Egress egress.Options
	HTTP   httpapi.Options

	// Listen is the address of the API; port 0 takes any that is free.
	Listen string

	// TLSCert and TLSKey are files with a certificate and its key, PEM; both or
	// none. With them the API speaks TLS, 1.2 or newer. They may be replaced while
	// the server runs.
	TLSCert, TLSKey string

	// MaxEventSize bounds one event as posted, in bytes. Default 256 KiB, at
	// most HTTP.MaxBodySize.
	MaxEventSize int

	// MasterKeyFile holds the key that signing secrets are encrypted with. It is
	// made at the first start. Default: master.key in the data directory.
	MasterKeyFile string

	// AdminKey is the admin key from now on. The zero Secret: the one that the
	// first start makes.
	AdminKey secret.Secret

	// BackupDir is where the API makes backups, on the filesystem of the data
	// directory; "" = it makes none.
	BackupDir string

	// AdminListen is an address for operators. Metrics, profiles and the routes
	// that need an admin key are then answered only there. "" = Listen has them,
	// profiles excepted.
	AdminListen string

	// Pprof serves Go's profiles on AdminListen, which has to be given. They have
	// no access control.
	Pprof bool

	Build  ops.Build
	Logger *slog.Logger // of all parts; nil = slog.Default()
}

// AdminKeyFile is what the local command line looks for in a data directory.
const AdminKeyFile = "admin.key"

const masterKeyFile = "master.key"

// Server is a running server.
type Server struct {
	options Options
	engine  *engine.Engine
	client  *egress.Client
	bridge  *bridge.Client
	http    *httpapi.Server
	tls     *certificate // nil = plain HTTP

	listener net.Listener
	admin    *adminListener // nil = none
	serving  sync.WaitGroup
	closing  atomic.Bool
	broken   chan error // why a listener ended; Close is one reason
	adminKey secret.Secret

	background atomic.Pointer[error] // of the store: flushes and compactions fail; nil inside = no more
}

// Open starts a server. When it returns, the server answers. The address is
// taken first, so that clients of a server that restarts wait for the recovery
// of its store instead of being refused.
func Open(ctx context.Context, o Options) (_ *Server, err error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.MaxEventSize = cmp.Or(o.MaxEventSize, 256<<10)
	if err := o.fit(thisMachine()); err != nil {
		return nil, err
	}
	s := &Server{options: o, broken: make(chan error, 2)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	if o.TLSCert != "" || o.TLSKey != "" {
		if s.tls, err = loadCertificate(o.TLSCert, o.TLSKey, o.Logger); err != nil {
			return nil, err
		}
	}
	socket, err := listen("--listen", o.Listen)
	if err != nil {
		return nil, err
	}
	s.listener = s.secure(socket)
	if o.AdminListen != "" {
		if s.admin, err = s.listenAdmin(o.AdminListen); err != nil {
			return nil, err
		}
		if err := s.admin.stand(s.starting); err != nil {
			return nil, err
		}
	}
	master, err := s.startEngine(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.ensureAdminKey(ctx); err != nil {
		return nil, err
	}
	if err := s.startHTTP(master); err != nil {
		return nil, err
	}
	return s, nil
}

// startEngine opens the store and begins to deliver. It returns the master key.
func (s *Server) startEngine(ctx context.Context) (master []byte, err error) {
	o := s.options
	dir := o.Engine.Log.Dir
	if err := ensureDir(dir); err != nil {
		return nil, err
	}
	keyFile := cmp.Or(o.MasterKeyFile, filepath.Join(dir, masterKeyFile))
	if master, err = masterKey(dir, keyFile); err != nil {
		return nil, err
	}
	warnIfReadable(keyFile, o.Logger)
	if o.Engine.Box, err = secret.NewBox(master); err != nil {
		return nil, err
	}
	if o.Egress.Policy.Own, err = ownListeners(s.addresses()...); err != nil {
		return nil, err
	}
	if s.client, err = egress.New(o.Egress); err != nil {
		return nil, err
	}
	if s.bridge, err = bridge.New(bridge.Options{Proxy: o.Egress.Proxy, Logger: o.Logger}); err != nil {
		return nil, err
	}
	o.Engine.Sender, o.Engine.Bus, o.Engine.CheckURL = s.client, s.bridge, s.client.Check
	o.Engine.Logger, o.Engine.Version = o.Logger, o.Build.Version
	o.Engine.Log.Background = func(err error) { s.background.Store(&err) }
	s.engine, err = engine.Open(ctx, o.Engine)
	if errors.Is(err, wal.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) { // a file of the store has gone
		err = fmt.Errorf("%w\n%s", err, damaged)
	}
	debug.FreeOSMemory() // what only reading the store took
	return master, err
}

// addresses are where the server answers.
func (s *Server) addresses() []net.Addr {
	list := []net.Addr{s.listener.Addr()}
	if s.admin != nil {
		list = append(list, s.admin.socket.Addr())
	}
	return list
}

// ensureAdminKey sees to it that there is an admin key and that the local
// command line finds it.
func (s *Server) ensureAdminKey(ctx context.Context) error {
	given := s.options.AdminKey
	made, err := s.engine.EnsureTenants(ctx, given)
	if errors.Is(err, wal.ErrDiskFull) { // of a new store: later there is nothing left to make
		return fmt.Errorf("%w: make room on the disk of %s, or lower --disk-reserve", err, s.options.Engine.Log.Dir)
	}
	if err != nil {
		return err
	}
	s.adminKey = made
	if made.IsZero() && given.IsZero() {
		return nil
	}
	text := cmp.Or(made.Reveal(), given.Reveal()) + "\n"
	if err := replacePrivate(s.AdminKeyFile(), text); err != nil {
		if !made.IsZero() {
			err = fmt.Errorf("%w: the admin key is lost by that, set another one with --admin-key", err)
		}
		return fmt.Errorf("keep admin key: %w", err)
	}
	return nil
}

// startHTTP begins to answer.
func (s *Server) startHTTP(master []byte) (err error) {
	o := s.options.HTTP
	if o.CursorKey, err = derivedKey(master, listCursors); err != nil {
		return err
	}
	if o.TokenKey, err = derivedKey(master, accessTokens); err != nil {
		return err
	}
	o.Tenants, o.Answers, o.KeyUsed = httpapi.Tenants(s.engine.Ledger()), s.engine, s.engine.KeyUsed
	o.Logger = s.options.Logger
	// The server counts its own routes, /metrics among them: it exists only after
	// the route that shows what it counts.
	own := ops.Source{Write: func(w io.Writer) { s.http.Metrics().Write(w) }, Help: map[string]string{}}
	sources := []ops.Source{{Write: s.engine.WriteMetrics, Help: s.engine.MetricsHelp()}, own}
	if s.tls != nil {
		sources = append(sources, s.tls.metrics())
	}
	dialects := append(httpapi.Dialects(s.engine, s.settings()), s.backups(), ops.Dialect(ops.Options{
		Build:   s.options.Build,
		Checks:  s.checks(),
		Metrics: sources,
	}))
	description, err := openapi.Dialect(s.options.Build.Version, dialects...)
	if err != nil {
		return err
	}
	o.Dialects = append(dialects, description)
	if s.options.Pprof {
		ops.SampleContention()
		o.Dialects = append(o.Dialects, ops.Profiles())
	}
	o.Admin = s.admin != nil
	if s.http, err = httpapi.New(o); err != nil {
		return err
	}
	maps.Copy(own.Help, s.http.Metrics().Help)
	s.serve(s.http.Serve, s.listener)
	if s.admin != nil {
		listener, err := s.admin.take()
		if err != nil {
			return err
		}
		s.serve(s.http.ServeAdmin, listener)
	}
	return nil
}

// serve answers on a listener until that is closed.
func (s *Server) serve(by func(net.Listener) error, listener net.Listener) {
	s.serving.Go(func() {
		err := by(listener) // nil when the listener is closed, by whomever
		s.broken <- fmt.Errorf("serve: %w", cmp.Or(err, net.ErrClosed))
	})
}

// settings are what the API must know of the engine's, defaults filled in.
func (s *Server) settings() httpapi.Settings {
	policy := s.options.Engine.Defaults.Retry
	if len(policy.Delays) == 0 {
		policy = retry.Default()
	}
	return httpapi.Settings{
		MaxEventSize: s.options.MaxEventSize, MaxAttempts: policy.Attempts(),
		AttemptTimeout: cmp.Or(s.options.Engine.Defaults.AttemptTimeout, engine.DefaultAttemptTimeout),
	}
}

// checks are what must work for the server to be ready.
func (s *Server) checks() []ops.Check {
	return []ops.Check{
		{Name: "server", Failed: func() error {
			if s.closing.Load() {
				return errStopping
			}
			return nil
		}},
		{Name: "log", Failed: s.engine.Store().Healthy},
		{Name: "ledger", Failed: s.engine.Ledger().Failed},
	}
}

// URL is where the API is.
func (s *Server) URL() string { return s.url(s.listener) }

// AdminURL is where operators are answered; URL, unless that is elsewhere.
func (s *Server) AdminURL() string {
	if s.admin == nil {
		return s.URL()
	}
	return s.url(s.admin.socket)
}

func (s *Server) url(listener net.Listener) string {
	if s.tls != nil {
		return "https://" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}

// Engine is the engine inside, for what has no place in the API.
func (s *Server) Engine() *engine.Engine { return s.engine }

// NewAdminKey is the admin key if this start has made one: to be shown, for the
// only time. Otherwise it is the zero Secret.
func (s *Server) NewAdminKey() secret.Secret { return s.adminKey }

// AdminKeyFile is where the admin key is kept for the local command line.
func (s *Server) AdminKeyFile() string {
	return filepath.Join(s.options.Engine.Log.Dir, AdminKeyFile)
}

// damaged is what to do about a store that cannot be read.
const damaged = "hookwheel check tells what is wrong with a store, hookwheel restore takes a backup."
