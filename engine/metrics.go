package engine

import (
	"errors"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// engineMetrics are made once and held by pointer: nothing on the hot path
// looks a metric up or formats a label. None has a label for an endpoint or an
// organization; see Engine.WriteMetrics for the few worst lanes.
type engineMetrics struct {
	set  *metrics.Set
	help map[string]string

	accepted, acceptedBytes, duplicates *metrics.Counter
	rejected                            map[error]*metrics.Counter
	rejectedOther                       *metrics.Counter

	records, groups, syncs, written *metrics.Counter
	append, commit                  *metrics.PrometheusHistogram

	attempts                               []*metrics.Counter // by egress.Class
	duration, firstAttempt, success        *metrics.PrometheusHistogram
	ended                                  [delivery.States]*metrics.Counter
	breakerOpened, breakerClosed, disabled *metrics.Counter
	storageErrors, replayed, erased        *metrics.Counter
	unwritten, due, replays, erasing       *metrics.Gauge
}

// Bounds of histograms, in seconds: of what takes microseconds on a good disk,
// and of what takes from a millisecond to as long as retries go on.
var (
	diskBounds    = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	attemptBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	latencyBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600, 21600, 86400, 604800}
)

// What Post can be refused for, as a label.
var rejections = map[error]string{
	wal.ErrOverloaded: "overloaded", wal.ErrDiskFull: "disk_full", wal.ErrTimeout: "timeout",
	wal.ErrTooLarge: "too_large", wal.ErrClosed: "closed", ledger.ErrStopped: "storage_failed",
}

func newEngineMetrics() *engineMetrics {
	m := &engineMetrics{set: metrics.NewSet(), help: map[string]string{}, rejected: map[error]*metrics.Counter{}}
	m.accepted = m.counter("hookwheel_events_accepted_total", "", "Events that were made durable, duplicates not counted.")
	m.acceptedBytes = m.counter("hookwheel_events_accepted_bytes_total", "", "Payload bytes of accepted events.")
	m.duplicates = m.counter("hookwheel_events_duplicate_total", "", "Events dropped because their idempotency key was taken.")
	const rejected, rejectedHelp = "hookwheel_events_rejected_total", "Events that were valid but not accepted, by reason."
	for err, reason := range rejections {
		m.rejected[err] = m.counter(rejected, `{reason="`+reason+`"}`, rejectedHelp)
	}
	m.rejectedOther = m.counter(rejected, `{reason="other"}`, rejectedHelp)

	m.records = m.counter("hookwheel_log_records_total", "", "Records written to the log: events, outcomes, changes and commands.")
	m.groups = m.counter("hookwheel_log_groups_total", "", "Group commits of the log.")
	m.syncs = m.counter("hookwheel_log_syncs_total", "", "Group commits that waited for an fsync.")
	m.written = m.counter("hookwheel_log_written_bytes_total", "", "Bytes handed to the store for the log.")
	m.append = m.histogram("hookwheel_log_append_seconds", "Time from submitting records to their being durable.", diskBounds)
	m.commit = m.histogram("hookwheel_log_sync_seconds", "Time that a synced group commit took, its fsync included.", diskBounds)

	const attempts = "hookwheel_attempts_total"
	m.attempts = make([]*metrics.Counter, 256)
	for _, class := range egress.Classes() {
		m.attempts[class] = m.counter(attempts, `{outcome="`+class.String()+`"}`, "Delivery attempts by outcome.")
	}
	m.duration = m.histogram("hookwheel_attempt_seconds", "Duration of delivery attempts.", attemptBounds)
	m.firstAttempt = m.histogram("hookwheel_first_attempt_seconds", "Time from accepting an event to the start of its first attempt at an endpoint.", latencyBounds)
	m.success = m.histogram("hookwheel_delivery_seconds", "Time from accepting an event to its successful delivery to an endpoint.", latencyBounds)
	for s := delivery.Succeeded; s < delivery.States; s++ {
		if s != delivery.Canceled { // not the end of an attempt: see hookwheel_deliveries
			m.ended[s] = m.counter("hookwheel_deliveries_ended_total", `{state="`+s.String()+`"}`, "Deliveries that an attempt ended, by the state they ended in.")
		}
	}
	const breaker, breakerHelp = "hookwheel_breaker_changes_total", "Circuit breakers that opened or closed."
	m.breakerOpened = m.counter(breaker, `{to="open"}`, breakerHelp)
	m.breakerClosed = m.counter(breaker, `{to="closed"}`, breakerHelp)
	m.disabled = m.counter("hookwheel_endpoints_auto_disabled_total", "", "Endpoints disabled by the engine: gone, or failing for too long.")
	m.storageErrors = m.counter("hookwheel_storage_read_errors_total", "", "Reads of the store that failed, damaged data included.")
	m.unwritten = m.set.NewGauge("hookwheel_outcomes_unwritten", nil)
	m.help["hookwheel_outcomes_unwritten"] = "Outcomes of attempts that the log has not taken yet."
	m.due = m.set.NewGauge("hookwheel_retries_due", nil)
	m.help["hookwheel_retries_due"] = "Deliveries whose next attempt is due and waits for its endpoint's turn; what was read ahead of many."
	m.replayed = m.counter("hookwheel_deliveries_replayed_total", "", "Deliveries that a replay made.")
	m.erased = m.counter("hookwheel_organizations_erased_total", "", "Deleted organizations of which no file of the store has anything any more.")
	m.erasing = m.set.NewGauge("hookwheel_organizations_erasing", nil)
	m.help["hookwheel_organizations_erasing"] = "Deleted organizations whose bytes have yet to leave the files of the store."
	m.replays = m.set.NewGauge("hookwheel_replays_running", nil)
	m.help["hookwheel_replays_running"] = "Replay jobs that are not at their end."
	for _, f := range gauges {
		m.help[f.name] = f.help
	}
	m.help[lanesFamily] = "Endpoints by what their lane does; in the order of the states, the first that is true counts."
	m.help[worstFamily] = "Backlog of the endpoints that have the largest, ten at most."
	return m
}

func (m *engineMetrics) counter(family, labels, help string) *metrics.Counter {
	m.help[family] = help
	return m.set.NewCounter(family + labels)
}

func (m *engineMetrics) histogram(family, help string, bounds []float64) *metrics.PrometheusHistogram {
	m.help[family] = help
	return m.set.NewPrometheusHistogramExt(family, bounds)
}

// observer is what the log reports to.
func (m *engineMetrics) observer() wal.Observer {
	return wal.Observer{
		Append: func(d time.Duration) { m.append.Update(d.Seconds()) },
		Group: func(g wal.Group) {
			m.groups.Inc()
			m.records.Add(g.Records)
			m.written.Add(g.Bytes)
			if g.Synced {
				m.syncs.Inc()
				m.commit.Update(g.Commit.Seconds())
			}
		},
	}
}

// attempt counts a finished attempt and what it led to.
func (m *engineMetrics) attempt(a *attempt, o *delivery.Outcome, now int64) {
	m.attempts[a.class].Inc()
	m.duration.Update(a.duration.Seconds())
	if o.Attempt.N == 1 && a.Replay == 0 {
		m.firstAttempt.Update(seconds(a.start.UnixMilli() - a.event.ReceivedAt))
	}
	if o.State == delivery.Succeeded {
		m.success.Update(seconds(now - a.event.ReceivedAt))
	}
	if o.State.Terminal() {
		m.ended[o.State].Inc()
	}
}

// seconds of a difference of two clocks' milliseconds, which may have drifted
// apart a little.
func seconds(ms int64) float64 { return float64(max(0, ms)) / 1000 }

// refused counts events that Post did not accept.
func (m *engineMetrics) refused(err error, n int) {
	for known, counter := range m.rejected {
		if errors.Is(err, known) {
			counter.Add(n)
			return
		}
	}
	m.rejectedOther.Add(n)
}
