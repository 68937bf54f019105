package command

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/server"
	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/ops"
	"github.com/hookwheel/hookwheel/wal"
)

// options are the settings in the words of the parts they are for.
func (o *serving) options(c *cli.Context) (server.Options, error) {
	if o.dev {
		o.allowHTTP, o.allowPrivate, o.allowPorts = true, true, []int{anyPort}
		if !c.IsSet("log-format") {
			o.logFormat = formatHuman
		}
	}
	if err := o.check(); err != nil {
		return server.Options{}, err
	}
	return server.Options{
		Listen:        o.listen,
		TLSCert:       o.tlsCert,
		TLSKey:        o.tlsKey,
		MaxEventSize:  int(o.maxEventSize),
		MasterKeyFile: o.masterKeyFile,
		AdminKey:      secret.New(o.adminKey),
		BackupDir:     o.backupDir,
		AdminListen:   o.adminListen,
		Pprof:         o.pprof,
		Build:         ops.Build{Version: o.version, Revision: buildRevision(), Go: runtime.Version()},
		Logger:        newLogger(c.App.ErrWriter, o.logFormat, o.logLevel),
		Engine:        o.engine(),
		Egress:        egress.Options{Proxy: o.egressProxy, Policy: o.policy()},
		HTTP: httpapi.Options{
			MaxConnections:    o.maxConnections,
			ReadTimeout:       o.readTimeout,
			IdleTimeout:       o.idleTimeout,
			MaxBodySize:       int(o.maxBodySize),
			AnonymousBodySize: int(min(o.maxBodySize, 256<<10)),
			RateLimit:         httpapi.RateLimit{PerSecond: o.rateLimit, Burst: o.rateBurst},
			TrustedProxies:    o.trustedProxies,
		},
	}, nil
}

func (o *serving) engine() engine.Options {
	return engine.Options{
		Log: wal.Options{
			Dir:            filepath.Clean(o.dataDir),
			Partitions:     o.partitions,
			Sync:           o.sync,
			PendingBytes:   o.pendingBytes,
			AppendTimeout:  o.appendTimeout,
			DiskReserve:    o.reserve,
			AcceptDataLoss: o.acceptDataLoss,
			CacheSize:      o.cacheSize,
			MemTableSize:   o.memtableSize,
		},
		Defaults: engine.Defaults{
			Retry:          o.retry(),
			AttemptTimeout: o.attemptTimeout,
			MaxInFlight:    o.endpointMaxInFlight,
			DisableAfter:   cmp.Or(o.disableAfter, -1),
			HeaderPrefix:   o.headerPrefix,
			EventBus:       o.eventBus,
			SourcePrefix:   o.sourcePrefix,
		},
		Breaker:        o.breaker(),
		Shards:         o.shards,
		MaxInFlight:    o.maxInFlight,
		LiveMemory:     o.liveMemory,
		Retention:      cmp.Or(o.retention, -1),
		RetentionBytes: uint64(o.retentionBytes),
		AuditRetention: cmp.Or(o.auditRetention, -1),
	}
}

func (o *serving) retry() retry.Policy {
	return retry.Policy{Delays: o.schedule, Jitter: o.jitter, RetryAfterMax: o.retryAfterMax}
}

func (o *serving) breaker() retry.BreakerConfig {
	return retry.BreakerConfig{
		Failures: o.breakerFailures, After: o.breakerAfter,
		Probe: o.probe, ProbeMax: o.probeMax, Jitter: retry.DefaultBreaker().Jitter,
	}
}

func (o *serving) policy() egress.Policy {
	p := egress.Policy{AllowHTTP: o.allowHTTP, AllowPrivate: o.allowPrivate, AllowCIDRs: o.allowCIDRs}
	for _, port := range o.allowPorts {
		if port == anyPort {
			p.AnyPort = true
		} else {
			p.AllowPorts = append(p.AllowPorts, uint16(port))
		}
	}
	return p
}

// check holds the settings against each other; each by itself is in its range.
// Those that may be secret are looked at here too: what a flag refuses, its
// error repeats.
func (o *serving) check() error {
	if err := o.retry().Validate(); err != nil {
		return usageError("--retry-schedule: %w", err)
	}
	if key := secret.New(o.adminKey); !key.IsZero() {
		if err := engine.ValidateAdminKey(key); err != nil {
			return usageError("--admin-key: %w", err)
		}
	}
	if o.egressProxy != "" {
		if err := egress.ValidateProxy(o.egressProxy); err != nil {
			return usageError("--egress-proxy: %w", err)
		}
	}
	span := o.retry().Span().Round(time.Second)
	for _, fault := range []struct {
		is   bool
		text string
	}{
		{(o.tlsCert == "") != (o.tlsKey == ""), "--tls-cert and --tls-key belong together: give both, or none"},
		{o.pprof && o.adminListen == "", "--pprof needs --admin-listen: profiles are not for whoever reaches the API"},
		{o.maxEventSize > o.maxBodySize, "--max-event-size is larger than --max-body-size"},
		{o.maxBodySize > min(o.pendingBytes, o.memtableSize/2), "--max-body-size is larger than --pending-bytes or half of --memtable-size: a request is written at once"},
		{o.rateBurst > 0 && o.rateLimit == 0, "--api-rate-burst needs --api-rate-limit: without a limit there is no burst"},
		{o.probe > o.probeMax, "--breaker-probe is longer than --breaker-probe-max"},
		{o.retention > 0 && o.retention < span, fmt.Sprintf("--retention is shorter than the %s that the retry schedule can take: keep events longer, or retry for a shorter time", formatDuration(span))},
	} {
		if fault.is {
			return usageError("%s", fault.text)
		}
	}
	return nil
}
