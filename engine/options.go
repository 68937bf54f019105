package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/hookwheel/hookwheel/engine/bridge"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
	"github.com/hookwheel/hookwheel/wal"
)

// Options configure an Engine. Log.Dir, Sender, Bus and Box are required; every
// other field has a default.
type Options struct {
	// Log is the store: directory, sync, disk reserve and so on. Log.Now is the
	// wall clock of the engine as well.
	Log wal.Options

	// Sender makes the attempts at webhooks: an egress.Client, or a test's.
	Sender Sender

	// Bus makes those at event buses: a bridge.Client, or a test's.
	Bus Bus

	// Box seals and opens signing secrets. A store remembers a check value of
	// its key and refuses another.
	Box *secret.Box

	// CheckURL says whether an endpoint may have a URL, and gives the form in
	// which attempts are sent to it; the error is for the client. It may resolve
	// the host, until ctx ends. Default: only https to public addresses, without
	// resolving; an egress.Client has a better one.
	CheckURL func(ctx context.Context, url string) (canonical string, err error)

	// Defaults is what an endpoint has that does not say otherwise.
	Defaults Defaults

	// Breaker holds back endpoints that do not work. Failures 0 turns it off.
	// The zero value has the default of package retry.
	Breaker retry.BreakerConfig

	// Shards is how many loops share the endpoints. Default GOMAXPROCS, range 1–256.
	Shards int

	// MaxInFlight bounds the attempts under way in the process. It protects
	// memory and descriptors; endpoints have bounds of their own. Default
	// 16384, range 1–1,048,576.
	MaxInFlight int

	// LiveMemory bounds the payloads that wait in memory to be delivered, in
	// bytes; what is beyond is read back from the log. Default 64 MiB, range
	// 1 MiB–16 GiB.
	LiveMemory int64

	// Retention is how long events and their history are kept, at least as long
	// as the longest retry schedule takes. Default 30 days; 0 = the default,
	// negative = for ever.
	Retention time.Duration

	// AuditRetention is how long the audit remembers who changed what. Default
	// 400 days; 0 = the default, negative = for ever.
	AuditRetention time.Duration

	// RetentionBytes bounds the events that are kept, whatever the clock says. Default 0 = no bound.
	RetentionBytes uint64

	// Version is sent in User-Agent. Default "dev".
	Version string

	// Logger; nil = slog.Default().
	Logger *slog.Logger
}

// DefaultAttemptTimeout is how long an attempt may take if nobody says.
const DefaultAttemptTimeout = 15 * time.Second

// Defaults is what an endpoint has that does not say otherwise.
type Defaults struct {
	// Retry is the schedule. The zero value has the default of package retry.
	Retry retry.Policy

	// AttemptTimeout bounds an attempt as a whole, from resolving the name to
	// the last byte. Default 15 s, range 100 ms–60 s.
	AttemptTimeout time.Duration

	// MaxInFlight bounds the attempts under way to one endpoint. Default 64,
	// range 1–1024.
	MaxInFlight int

	// DisableAfter disables an endpoint that has failed for so long without a
	// success, not counting the time in which the process did not run. Default
	// 120 h; negative = never.
	DisableAfter time.Duration

	// HeaderPrefix begins the names of the headers of the scheme "timestamped".
	// Default "X-Webhook".
	HeaderPrefix string

	// EventBus is the name of the bus that a new endpoint of kind eventbridge
	// is, in the account that it names. Default DefaultEventBus.
	EventBus string

	// SourcePrefix and the id of the endpoint, with a slash between them, are
	// the source of the events on that bus. Default DefaultSourcePrefix.
	SourcePrefix string
}

// Where endpoints of kind eventbridge are, unless Defaults say otherwise.
const (
	DefaultEventBus     = "default" // every account has one
	DefaultSourcePrefix = "hookwheel"
)

// Sender makes one attempt and fills in the response, at the latest at the
// request's deadline. It is called by many goroutines at once.
type Sender interface {
	Send(*egress.Request, *egress.Response)
}

// Bus is like Sender for events that go to an event bus.
type Bus interface {
	Put(*bridge.Entry, *egress.Response)
}

func (o Options) withDefaults() Options {
	set := func(to *int, value int) {
		if *to == 0 {
			*to = value
		}
	}
	set(&o.Shards, runtime.GOMAXPROCS(0))
	set(&o.MaxInFlight, 16384)
	set(&o.Defaults.MaxInFlight, 64)
	if o.LiveMemory == 0 {
		o.LiveMemory = 64 << 20
	}
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if o.AuditRetention == 0 {
		o.AuditRetention = 400 * 24 * time.Hour
	}
	if o.Breaker == (retry.BreakerConfig{}) {
		o.Breaker = retry.DefaultBreaker()
	}
	if len(o.Defaults.Retry.Delays) == 0 {
		o.Defaults.Retry = retry.Default()
	}
	if o.Defaults.AttemptTimeout == 0 {
		o.Defaults.AttemptTimeout = DefaultAttemptTimeout
	}
	if o.Defaults.DisableAfter == 0 {
		o.Defaults.DisableAfter = 120 * time.Hour
	}
	if o.Defaults.HeaderPrefix == "" {
		o.Defaults.HeaderPrefix = sign.DefaultPrefix
	}
	o.Defaults.EventBus = cmp.Or(o.Defaults.EventBus, DefaultEventBus)
	o.Defaults.SourcePrefix = cmp.Or(o.Defaults.SourcePrefix, DefaultSourcePrefix)
	if o.CheckURL == nil {
		o.CheckURL = func(_ context.Context, url string) (string, error) { return new(egress.Policy).CheckURL(url) }
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Log.AppendTimeout == 0 {
		o.Log.AppendTimeout = 5 * time.Second
	}
	if o.Log.Now == nil {
		o.Log.Now = time.Now
	}
	if o.Log.Logger == nil {
		o.Log.Logger = o.Logger
	}
	return o
}

// validate reports everything that is out of range. Log validates itself.
func (o Options) validate() error {
	var faults []error
	within := func(what string, v, low, high int64) {
		if v < low || v > high {
			faults = append(faults, fmt.Errorf("%s is %d, want %d to %d", what, v, low, high))
		}
	}
	if o.Sender == nil || o.Bus == nil || o.Box == nil {
		faults = append(faults, errors.New("sender, bus and box must be given"))
	}
	within("shards", int64(o.Shards), 1, 256)
	within("attempts in flight", int64(o.MaxInFlight), 1, 1<<20)
	within("attempts in flight per endpoint", int64(o.Defaults.MaxInFlight), 1, 1024)
	within("live memory", o.LiveMemory, 1<<20, 16<<30)
	within("attempt timeout in ms", o.Defaults.AttemptTimeout.Milliseconds(), 100, 60_000)
	if span := o.Defaults.Retry.Span(); o.Retention > 0 && o.Retention < span {
		faults = append(faults, fmt.Errorf("retention is %v, but the retry schedule can take %v: keep events longer, or retry for a shorter time", o.Retention, span))
	}
	faults = append(faults, o.Defaults.Retry.Validate(), o.Breaker.Validate(), sign.ValidatePrefix(o.Defaults.HeaderPrefix),
		endpoint.ValidateBus(o.Defaults.EventBus), endpoint.ValidateSourcePrefix(o.Defaults.SourcePrefix))
	return errors.Join(faults...)
}
