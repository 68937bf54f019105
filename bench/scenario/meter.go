package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
)

// What an engine is asked for on /metrics.
const (
	allocations = "go_memstats_mallocs_total"
	allocated   = "go_memstats_alloc_bytes_total"
	contended   = "go_mutex_wait_seconds_total"
	waiting     = "hookwheel_backlog_deliveries"
	retrying    = "hookwheel_retries_waiting"
	expired     = "hookwheel_retention_expired_total"
	oldest      = "hookwheel_oldest_event_timestamp_seconds"
)

// gauges is what an engine says of itself: the metrics that have no labels, by
// name.
type gauges map[string]float64

// gauges reads the engine's metrics.
func (e *engine) gauges(ctx context.Context) (gauges, error) {
	text, err := e.ask(ctx, "", http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, err
	}
	read := make(gauges)
	for line := range bytes.Lines(text) {
		name, number, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if !ok || name[0] == '#' || bytes.IndexByte(name, '{') >= 0 {
			continue
		}
		if read[string(name)], err = strconv.ParseFloat(string(number), 64); err != nil {
			return nil, fmt.Errorf("read metric %s: %w", name, err)
		}
	}
	return read, nil
}

// expect checks what the engine says that it holds.
func (e *engine) expect(ctx context.Context, gauge string, want int64) error {
	got, err := e.gauges(ctx)
	if err != nil {
		return err
	}
	if value, ok := got[gauge]; !ok || int64(value) != want {
		return fmt.Errorf("the engine has %s %v, want %d", gauge, value, want)
	}
	return nil
}

// meter is what engine and sink had used up at one moment.
type meter struct {
	engine, sink measure.Usage
	gauges       gauges
}

func (l *lab) meter(ctx context.Context, e *engine) (m meter, err error) {
	var engineErr, sinkErr error
	m.engine, engineErr = e.Usage()
	m.sink, sinkErr = l.receiver.Usage()
	m.gauges, err = e.gauges(ctx)
	return m, errors.Join(err, engineErr, sinkErr)
}

// charge notes what the flow cost between two moments: engine and sink by so
// many events or deliveries, the producer by the events that it posted.
func (f *flow) charge(before, after meter, count int64) {
	used := func(gauge string) float64 { return after.gauges[gauge] - before.gauges[gauge] }
	f.engine = newCost("engine", count, after.engine.Since(before.engine))
	f.engine.Allocations, f.engine.Allocated = used(allocations), used(allocated)
	f.engine.Contended = time.Duration(used(contended) * float64(time.Second))
	f.costs = []Cost{f.engine, newCost("producer", f.posted.Events, f.posted.Usage)}
	if f.receipts.Requests > 0 {
		f.costs = append(f.costs, newCost("sink", count, after.sink.Since(before.sink)))
	}
}
