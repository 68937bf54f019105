package engine

import (
	"fmt"
	"io"

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
	{"hookwheel_attempts_in_flight", isGauge, "Delivery attempts under way.",
		func(m *measured) float64 { return float64(m.engine.slots.used.Load()) }},
	{"hookwheel_attempts_in_flight_limit", isGauge, "Bound of the attempts under way.",
		func(m *measured) float64 { return float64(m.engine.slots.limit) }},
	{"hookwheel_live_payload_bytes", isGauge, "Payloads that wait in memory to be delivered.",
		func(m *measured) float64 { return float64(m.engine.memory.used.Load()) }},
	{"hookwheel_log_pending_bytes", isGauge, "Records that were submitted and are not yet written and applied.",
		func(m *measured) float64 { return float64(m.log.PendingBytes) }},
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

// WriteMetrics writes the engine's metrics in the Prometheus text format. Their
// number does not depend on how many endpoints or organizations there are. It
// takes well below a millisecond.
func (e *Engine) WriteMetrics(w io.Writer) {
	e.metrics.set.WritePrometheus(w)
	m := measured{engine: e, log: e.store.Stats(), store: e.store.DB().Metrics()}
	if _, at, found, err := e.store.OldestEvent(); err == nil && found {
		m.oldest = at
	}
	for _, g := range gauges {
		fmt.Fprintf(w, "# HELP %s\n# TYPE %s %s\n%s %v\n", g.name, g.name, g.kind, g.name, g.value(&m))
	}
}
