package command

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/sign"
	"github.com/hookwheel/hookwheel/wal"
)

// serving holds every setting of serve, in the groups of its help.
type serving struct {
	version string

	listen, dataDir string
	tlsCert, tlsKey string
	dev             bool

	maxEventSize, maxBodySize int64
	maxConnections            int
	readTimeout, idleTimeout  time.Duration
	rateLimit, rateBurst      int
	trustedProxies            []netip.Prefix
	adminKey, headerPrefix    string
	eventBus, sourcePrefix    string

	maxInFlight, endpointMaxInFlight int
	attemptTimeout                   time.Duration
	schedule                         []time.Duration
	jitter                           float64
	retryAfterMax                    time.Duration
	breakerFailures                  int
	breakerAfter, probe, probeMax    time.Duration
	disableAfter                     time.Duration
	shards                           int
	liveMemory                       int64

	allowHTTP, allowPrivate bool
	allowCIDRs              []netip.Prefix
	allowPorts              []int // anyPort among them = every port
	egressProxy             string

	sync                    wal.Sync
	partitions              int
	appendTimeout           time.Duration
	pendingBytes, reserve   int64
	cacheSize, memtableSize int64
	retention               time.Duration
	retentionBytes          int64
	auditRetention          time.Duration
	masterKeyFile           string
	acceptDataLoss          bool

	shutdownTimeout     time.Duration
	backupDir           string
	adminListen         string
	pprof               bool
	logFormat, logLevel string
}

const anyPort = 0

func (o *serving) allFlags(f *flagSet) {
	o.generalFlags(f)
	o.acceptFlags(f)
	o.deliveryFlags(f)
	o.targetFlags(f)
	o.storeFlags(f)
	o.operationFlags(f)
}

func (o *serving) generalFlags(f *flagSet) {
	f.in("General")
	f.text(&o.listen, "listen", "`ADDRESS` of the API; port 0 takes any that is free", "127.0.0.1:8420", checkAddress)
	f.text(&o.tlsCert, "tls-cert", "speak TLS, 1.2 or newer, with the certificate in `FILE`, PEM, those of intermediate authorities behind it; looked at every 5 s and replaced without a restart; none = plain HTTP", "", nil)
	f.text(&o.tlsKey, "tls-key", "`FILE` with the private key of --tls-cert, PEM", "", nil)
	f.text(&o.dataDir, "data-dir", dataDirUsage, defaultDataDir, notEmpty)
	f.toggle(&o.dev, "dev", "for trying things out: --allow-http, --allow-private-networks, --allow-port any, and --log-format human")
}

func (o *serving) acceptFlags(f *flagSet) {
	f.in("Accepting events")
	f.size(&o.maxEventSize, "max-event-size", "accept events of up to `SIZE`", 256<<10, 1<<10, maxEventBytes, "")
	f.size(&o.maxBodySize, "max-body-size", "accept requests of up to `SIZE`, at least --max-event-size, at most --pending-bytes and half of --memtable-size", 16<<20, 1<<10, 512<<20, "")
	f.integer(&o.maxConnections, "max-connections", "serve up to `N` connections at once", 10_000, 1, 1_000_000, "")
	f.duration(&o.readTimeout, "read-timeout", "`TIME` for a client to send a request", 15*time.Second, 100*time.Millisecond, 10*time.Minute, "")
	f.duration(&o.idleTimeout, "idle-timeout", "`TIME` between two requests of a connection", 75*time.Second, 100*time.Millisecond, time.Hour, "")
	f.integer(&o.rateLimit, "api-rate-limit", "answer 429 when a caller makes more than `N` requests per second: an API key, or for requests without one an address", 0, 1, 1_000_000, "no limit")
	f.integer(&o.rateBurst, "api-rate-burst", "with --api-rate-limit, allow `N` requests at once after a pause", 0, 1, 1_000_000, "as many as in a second")
	list(f, &o.trustedProxies, "trusted-proxy", "`NETWORKS` whose X-Forwarded-For and X-Forwarded-Proto are believed, addresses or prefixes; none = nobody's", ",", nil, parsePrefix, netip.Prefix.String)
	f.text(&o.adminKey, "admin-key", "`KEY` to be the admin key from now on, 16 to 256 random characters; better given by the variable, which ps does not show; none = the one that the first start makes", "", nil)
}

func (o *serving) deliveryFlags(f *flagSet) {
	policy, breaker := retry.Default(), retry.DefaultBreaker()
	f.in("Delivering, unless an endpoint has its own")
	f.integer(&o.endpointMaxInFlight, "endpoint-max-in-flight", "up to `N` attempts to one endpoint at once", 64, 1, 1024, "")
	f.duration(&o.attemptTimeout, "attempt-timeout", "`TIME` for a whole attempt, from resolving the name to the last byte of the answer", 15*time.Second, 100*time.Millisecond, time.Minute, "")
	list(f, &o.schedule, "retry-schedule", "`DELAYS` before the second attempt, the third and so on, each 1ms to 30d, at most 64", ",", policy.Delays, parseDelay, formatDuration)
	f.duration(&o.disableAfter, "disable-after", "disable an endpoint after `TIME` without a success, while the server ran", 120*time.Hour, time.Second, 365*day, "never")
	f.in("Delivering")
	f.integer(&o.maxInFlight, "max-in-flight", "up to `N` attempts at once; lowered to what descriptors and memory allow", 16_384, 1, 1<<20, "")
	f.integer(&o.breakerFailures, "breaker-failures", "stop sending to an endpoint that failed `N` times in a row; from the fourth on it is sent one at a time, up to one a second", breaker.Failures, 1, 1_000_000, "never")
	f.duration(&o.breakerAfter, "breaker-after", "and that for `TIME` at least", breaker.After, 0, day, "")
	f.duration(&o.probe, "breaker-probe", "then try one delivery after `TIME`, and after twice as long each time", breaker.Probe, time.Millisecond, day, "")
	f.duration(&o.probeMax, "breaker-probe-max", "up to `TIME`", breaker.ProbeMax, time.Millisecond, day, "")
	f.number(&o.jitter, "retry-jitter", "spread each delay by ± `FRACTION` of it", policy.Jitter, 0, retry.MaxJitter, "")
	f.duration(&o.retryAfterMax, "retry-after-max", "heed a Retry-After of up to `TIME`", policy.RetryAfterMax, time.Second, retry.MaxRetryAfterMax, "not at all")
	f.text(&o.headerPrefix, "header-prefix", "`PREFIX` of the headers of the scheme timestamped", sign.DefaultPrefix, sign.ValidatePrefix)
	f.text(&o.eventBus, "eventbridge-bus", "`NAME` of the event bus that a new endpoint of kind eventbridge is, in its account", engine.DefaultEventBus, endpoint.ValidateBus)
	f.text(&o.sourcePrefix, "eventbridge-source-prefix", "`PREFIX` of the source of the events on it; a slash and the id of the endpoint follow", engine.DefaultSourcePrefix, endpoint.ValidateSourcePrefix)
	f.size(&o.liveMemory, "live-memory", "keep `SIZE` of waiting events in memory; what is beyond is read from disk again", 64<<20, 1<<20, 16<<30, "")
	f.integer(&o.shards, "shards", "share the endpoints among `N` loops", 0, 1, 256, "one for each processor")
}

func (o *serving) targetFlags(f *flagSet) {
	f.in("Where deliveries may go (https to public addresses on port 443, unless opened)")
	f.toggle(&o.allowHTTP, "allow-http", "allow http besides https, on port 80")
	f.toggle(&o.allowPrivate, "allow-private-networks", "allow loopback and private networks, but not link-local and cloud metadata")
	list(f, &o.allowCIDRs, "allow-cidr", "allow these `NETWORKS`, whatever they are", ",", nil, parsePrefix, netip.Prefix.String)
	list(f, &o.allowPorts, "allow-port", "allow these `PORTS` besides the scheme's own, or any", ",", nil, parsePort, formatPort)
	f.text(&o.egressProxy, "egress-proxy", "make all attempts through the proxy at `URL`, http://[user:password@]host:port, which then has to refuse forbidden addresses; none = directly", "", nil)
}

func (o *serving) storeFlags(f *flagSet) {
	f.in("Keeping")
	add(f, "sync", "an event is accepted when it is on disk, synced: `WHEN`. An interval answers before the sync, so that a power cut (not a crash of the process) loses what was accepted in the last interval; with never, the operating system decides",
		value[wal.Sync]{&o.sync, parseSync, formatSync, "always, 1ms to 10s, or never"})
	f.duration(&o.retention, "retention", "keep events and their history for `TIME`, at least as long as the retry schedule takes", 30*day, 10*time.Second, 3650*day, "for ever")
	f.size(&o.retentionBytes, "retention-bytes", "keep `SIZE` of events at most", 0, 1<<20, 1<<50, "no bound")
	f.duration(&o.auditRetention, "audit-retention", "remember for `TIME` who changed what", 400*day, day, 3650*day, "for ever")
	f.integer(&o.partitions, "partitions", "of a new data directory: spread organizations over `N` partitions, which cannot be changed later", 0, 1, 1024, "16, or what the directory has")
	f.duration(&o.appendTimeout, "append-timeout", "answer 503 when an event is not on disk after `TIME`", 5*time.Second, 10*time.Millisecond, 10*time.Minute, "")
	f.size(&o.pendingBytes, "pending-bytes", "answer 503 while `SIZE` of events wait to be written", 64<<20, 1<<20, 4<<30, "")
	o.reserve = autoReserve
	add(f, "disk-reserve", "answer 507 while less than `SIZE` of the disk is free, and stop attempts, which could not be recorded, at half of it",
		value[int64]{&o.reserve, parseReserve, formatReserve, "1MiB to 1024TiB, auto (1GiB or 5 % of the disk, whichever is more), or off"})
	f.size(&o.cacheSize, "cache-size", "cache `SIZE` of the store", 128<<20, 1<<20, 1<<40, "")
	f.size(&o.memtableSize, "memtable-size", "write `SIZE` at once into the store; up to four times that is in memory", 64<<20, 1<<20, 1<<30, "")
	f.text(&o.masterKeyFile, "master-key-file", "`FILE` with the key that signing secrets are encrypted with, made at the first start; none = master.key in the data directory", "", nil)
	f.toggle(&o.acceptDataLoss, "accept-data-loss", "start although the newest records of the store are missing")
}

func (o *serving) operationFlags(f *flagSet) {
	f.in("Operation")
	f.duration(&o.shutdownTimeout, "shutdown-timeout", "at the end, wait `TIME` for requests and attempts under way", 30*time.Second, time.Second, 10*time.Minute, "")
	f.text(&o.backupDir, "backup-dir", "allow backups through the API, into new directories below `DIR`, on the disk of the data directory; none = no backups", "", nil)
	f.text(&o.adminListen, "admin-listen", "`ADDRESS` for operators, with 64 connections of its own: metrics, profiles and the routes that need an admin key are answered only there, everything else there too; none = on --listen", "", checkAddress)
	f.toggle(&o.pprof, "pprof", "serve Go's profiles on --admin-listen, below /debug/pprof, to anybody who can reach it")
	f.choice(&o.logFormat, "log-format", "`FORMAT` of the log, on standard error", "logfmt", logFormats...)
	f.choice(&o.logLevel, "log-level", "log `LEVEL` and what is worse; debug has a line for every request", "info", "debug", "info", "warn", "error")
}

func notEmpty(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	return nil
}

// parseDelay reads a delay of a retry schedule.
func parseDelay(text string) (time.Duration, error) {
	d, err := parseDuration(text)
	if err == nil && (d < retry.MinDelay || d > retry.MaxDelay) {
		err = fmt.Errorf("out of range: allowed is %s to %s", formatDuration(retry.MinDelay), formatDuration(retry.MaxDelay))
	}
	return d, err
}

// parsePrefix reads a network, or an address as the network of that one.
func parsePrefix(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, errors.New("expected a network such as 10.0.0.0/8, or an address")
	}
	return addr.Prefix(addr.BitLen())
}

func parsePort(text string) (int, error) {
	if text == "any" {
		return anyPort, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("expected a port, 1 to 65535, or any")
	}
	return int(port), nil
}

func formatPort(port int) string {
	if port == anyPort {
		return "any"
	}
	return strconv.Itoa(port)
}

func parseSync(text string) (wal.Sync, error) {
	switch text {
	case "always":
		return wal.Always, nil
	case "never":
		return wal.Never, nil
	}
	every, err := parseDuration(text)
	if err != nil || every < time.Millisecond || every > 10*time.Second {
		return 0, errors.New("expected always, never, or an interval of 1ms to 10s")
	}
	return wal.Sync(every), nil
}

func formatSync(s wal.Sync) string {
	switch s {
	case wal.Always:
		return "always"
	case wal.Never:
		return "never"
	}
	return formatDuration(time.Duration(s))
}

// What a reserve can be besides a size, as package wal has it.
const (
	autoReserve = 0
	noReserve   = -1
)

func parseReserve(text string) (int64, error) {
	switch text {
	case "auto":
		return autoReserve, nil
	case "off":
		return noReserve, nil
	}
	size, err := parseSize(text)
	if err == nil && (size < 1<<20 || size > 1<<50) {
		err = errors.New("out of range: allowed is 1MiB to 1024TiB, auto, or off")
	}
	return size, err
}

func formatReserve(size int64) string {
	switch size {
	case autoReserve:
		return "auto"
	case noReserve:
		return "off"
	}
	return formatSize(size)
}
