package engine

import (
	"fmt"
	"io"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// measured is what the metrics that nobody counts along the way are taken from,
// once per scrape.
type measured struct {
	engine *Engine
	log    wal.Stats
	store  kv.Metrics
	oldest int64 // Unix ms of the oldest event kept, 0 = none
	totals ledger.Totals
	states [laneStates]int
	worst  []ledger.Overview // by backlog
	since  []int64           // of each of worst: Unix ms of the first event of its backlog
}

// The states of lanes, as the metrics tell them apart: the first that is true.
const (
	laneDisabled = iota
	lanePaused
	laneBreakerOpen
	laneHeld
	laneBusy
	laneRetrying
	laneIdle
	laneStates
)

var laneStateNames = [laneStates]string{"disabled", "paused", "breaker_open", "held", "busy", "retrying", "idle"}

func laneState(e *endpoint.Endpoint, n *ledger.Lane, now int64) int {
	switch {
	case !e.Enabled():
		return laneDisabled
	case e.Paused:
		return lanePaused
	case n.ProbeAt != 0:
		return laneBreakerOpen
	case n.HoldUntil > now:
		return laneHeld
	case n.Backlog() > 0:
		return laneBusy
	case n.Waiting() > 0:
		return laneRetrying
	}
	return laneIdle
}

// worstLanes is how many endpoints the metrics name.
const worstLanes = 10

// measure takes one look at everything: some 20 ms for 100,000 endpoints.
func (e *Engine) measure() *measured {
	m := &measured{engine: e, log: e.store.Stats(), store: e.store.DB().Metrics()}
	if _, at, found, err := e.store.OldestEvent(); err == nil && found {
		m.oldest = at
	}
	now := e.now()
	for p := range e.ledger.Partitions() {
		m.totals.Add(e.ledger.Totals(p))
		e.ledger.Lanes(p, func(ep *endpoint.Endpoint, n *ledger.Lane) { m.states[laneState(ep, n, now)]++ })
	}
	m.worst = e.ledger.Worst(worstLanes, (*ledger.Lane).Backlog)
	for i := range m.worst {
		since, err := e.ledger.OwedSince(m.worst[i].Organization, m.worst[i].Key)
		if err != nil {
			e.storageFailed(err)
		}
		m.since = append(m.since, since)
	}
	return m
}

// oldestOwed is how long ago the first event came in that is still owed to one
// of the worst lanes, in seconds.
func (m *measured) oldestOwed() float64 {
	var age int64
	for _, since := range m.since {
		if since != 0 {
			age = max(age, m.engine.now()-since)
		}
	}
	return float64(age) / 1000
}

// gauge is one family of metrics whose value is worked out at a scrape.
type gauge struct {
	name, kind, help string
	value            func(*measured) float64
}

const (
	isGauge   = "gauge"
	isCounter = "counter"
)

var gauges = []gauge{
	{"hookwheel_endpoints", isGauge, "Endpoints, deleted ones not counted.",
		func(m *measured) float64 { return float64(m.totals.Endpoints) }},
	{"hookwheel_backlog_deliveries", isGauge, "Deliveries that are owed and were never tried.",
		func(m *measured) float64 { return float64(m.totals.Backlog) }},
	{"hookwheel_backlog_oldest_seconds", isGauge, "Age of the oldest event owed to one of the endpoints with the largest backlogs.",
		(*measured).oldestOwed},
	{"hookwheel_retries_waiting", isGauge, "Deliveries that wait for another attempt.",
		func(m *measured) float64 { return float64(m.totals.Counts.Retrying) }},
	{"hookwheel_retention_expired_total", isCounter, "Deliveries that were still owed when retention took their events.",
		func(m *measured) float64 { return float64(m.totals.Counts.Expired) }},
	{"hookwheel_attempts_in_flight", isGauge, "Delivery attempts under way.",
		func(m *measured) float64 { return float64(m.engine.slots.used.Load()) }},
	{"hookwheel_attempts_in_flight_limit", isGauge, "Bound of the attempts under way.",
		func(m *measured) float64 { return float64(m.engine.slots.limit) }},
	{"hookwheel_live_payload_bytes", isGauge, "Payloads that wait in memory to be delivered.",
		func(m *measured) float64 { return float64(m.engine.memory.used.Load()) }},
	{"hookwheel_live_payload_bytes_limit", isGauge, "Bound of the payloads in memory; what is beyond is read from the log again.",
		func(m *measured) float64 { return float64(m.engine.memory.limit) }},
	{"hookwheel_outcomes_unwritten_limit", isGauge, "Bound of the outcomes that the log has not taken yet, for each partition in each shard: above it, no attempt starts there.",
		func(*measured) float64 { return outboxLimit }},
	{"hookwheel_log_pending_bytes", isGauge, "Records that were submitted and are not yet written and applied.",
		func(m *measured) float64 { return float64(m.log.PendingBytes) }},
	{"hookwheel_log_pending_bytes_limit", isGauge, "Bound of the records that wait; above it, events are refused.",
		func(m *measured) float64 { return float64(m.log.PendingLimit) }},
	{"hookwheel_log_degraded", isGauge, "1 while the log cannot be fully relied on; readiness says why.",
		func(m *measured) float64 { return flag(m.log.Degraded != "") }},
	{"hookwheel_disk_free_bytes", isGauge, "Free space on the disk of the data directory, -1 if it is not known.",
		func(m *measured) float64 { return float64(m.log.DiskFree) }},
	{"hookwheel_disk_reserve_bytes", isGauge, "Free space below which events are refused.",
		func(m *measured) float64 { return float64(m.log.DiskReserve) }},
	{"hookwheel_oldest_event_timestamp_seconds", isGauge, "When the oldest event that is kept arrived, 0 if there is none.",
		func(m *measured) float64 { return float64(m.oldest) / 1000 }},
	{"hookwheel_store_disk_bytes", isGauge, "Size of all files of the store.",
		func(m *measured) float64 { return float64(m.store.DiskBytes) }},
	{"hookwheel_store_read_amplification", isGauge, "How many tables a read may have to look into.",
		func(m *measured) float64 { return float64(m.store.ReadAmp) }},
	{"hookwheel_store_l0_sublevels", isGauge, "Overlapping tables that wait for a compaction.",
		func(m *measured) float64 { return float64(m.store.L0Sublevels) }},
	{"hookwheel_store_compaction_debt_bytes", isGauge, "Estimate of what compactions still have to rewrite.",
		func(m *measured) float64 { return float64(m.store.CompactionDebt) }},
	{"hookwheel_store_compactions_running", isGauge, "Compactions under way.",
		func(m *measured) float64 { return float64(m.store.Compacting) }},
	{"hookwheel_store_memtable_bytes", isGauge, "Memory that holds what is not in tables yet.",
		func(m *measured) float64 { return float64(m.store.MemTableBytes) }},
	{"hookwheel_store_cache_bytes", isGauge, "Size of the block cache.",
		func(m *measured) float64 { return float64(m.store.CacheBytes) }},
	{"hookwheel_store_tombstones", isGauge, "Deletes that compactions have yet to carry out.",
		func(m *measured) float64 { return float64(m.store.Tombstones) }},
	{"hookwheel_store_cache_hits_total", isCounter, "Blocks found in the cache.",
		func(m *measured) float64 { return float64(m.store.CacheHits) }},
	{"hookwheel_store_cache_misses_total", isCounter, "Blocks read from the disk.",
		func(m *measured) float64 { return float64(m.store.CacheMisses) }},
	{"hookwheel_store_committed_bytes_total", isCounter, "Bytes committed to the store; what the written ones are to be compared with.",
		func(m *measured) float64 { return float64(m.store.BytesIn) }},
	{"hookwheel_store_written_bytes_total", isCounter, "Bytes that the store wrote: its log, flushes and compactions.",
		func(m *measured) float64 {
			return float64(m.store.WALBytes + m.store.FlushedBytes + m.store.CompactedBytes)
		}},
	{"hookwheel_store_flushes_total", isCounter, "Flushes of memory into tables.",
		func(m *measured) float64 { return float64(m.store.Flushes) }},
	{"hookwheel_store_compactions_total", isCounter, "Compactions.",
		func(m *measured) float64 { return float64(m.store.Compactions) }},
	{"hookwheel_store_background_errors_total", isCounter, "Flushes and compactions that failed and are tried again.",
		func(m *measured) float64 { return float64(m.store.BackgroundErrors) }},
	{"hookwheel_store_write_stalls_total", isCounter, "Times that writes had to wait for flushes or compactions.",
		func(m *measured) float64 { return float64(m.store.WriteStalls) }},
	{"hookwheel_store_slow_disk_total", isCounter, "Disk operations that took over five seconds.",
		func(m *measured) float64 { return float64(m.store.SlowDisk) }},
	{"hookwheel_store_corruptions_total", isCounter, "Reads that found damaged data.",
		func(m *measured) float64 { return float64(m.store.Corruptions) }},
}

func flag(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// MetricsHelp has a sentence for every family that WriteMetrics writes.
func (e *Engine) MetricsHelp() map[string]string { return e.metrics.help }

// WriteMetrics writes the engine's metrics in the Prometheus text format. How
// many there are does not depend on the number of endpoints or organizations.
func (e *Engine) WriteMetrics(w io.Writer) {
	e.metrics.set.WritePrometheus(w)
	m := e.measure()
	for _, g := range gauges {
		family(w, g.name, g.kind)
		fmt.Fprintf(w, "%s %v\n", g.name, g.value(m))
	}
	family(w, lanesFamily, isGauge)
	for state, n := range m.states {
		fmt.Fprintf(w, "%s{state=%q} %d\n", lanesFamily, laneStateNames[state], n)
	}
	family(w, worstFamily, isGauge)
	for _, o := range m.worst {
		fmt.Fprintf(w, "%s{endpoint=%q,organization=%q} %d\n", worstFamily, o.ID, o.Organization, o.Lane.Backlog())
	}
}

const (
	lanesFamily = "hookwheel_lanes"
	worstFamily = "hookwheel_worst_backlog_deliveries"
)

// family begins a family; the help text is filled in by who serves the metrics.
// Ids in labels are letters, digits, hyphens and underscores, so %q does here.
func family(w io.Writer, name, kind string) {
	fmt.Fprintf(w, "# HELP %s\n# TYPE %s %s\n", name, name, kind)
}
