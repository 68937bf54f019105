package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/hookwheel/hookwheel/bench/load"
	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/bench/process"
	"github.com/hookwheel/hookwheel/bench/sink"
)

// The hidden commands of the hookwheel binary that the processes of a lab are;
// they call sink.Child and load.Child.
var (
	sinkCommand = []string{"bench", "sink"}
	loadCommand = []string{"bench", "load"}
)

const (
	eventType   = "bench.event"
	connections = 64 // of the bare client, and so of the producer
)

// lab is what scenarios work with: a sink and a directory that live as long as
// the lab, and the means to start producers and engines.
type lab struct {
	Options
	dir      string
	receiver *process.Process
	sink     *sink.Client
}

func newLab(ctx context.Context, options Options) (*lab, error) {
	dir, err := os.MkdirTemp(options.Dir, "hookwheel-bench-*")
	if err != nil {
		return nil, err
	}
	l := &lab{Options: options, dir: dir}
	if err := l.startSink(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return l, nil
}

func (l *lab) startSink(ctx context.Context) error {
	out, pipe := io.Pipe()
	receiver, err := process.Start(ctx, process.Command{Name: "sink", Path: l.Executable, Args: sinkCommand, Out: pipe})
	if err != nil {
		return err
	}
	var ready sink.Ready
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		receiver.Kill()
		return errors.Join(fmt.Errorf("read address of sink: %w", err), receiver.Wait())
	}
	l.receiver, l.sink = receiver, sink.NewClient(ready.URL)
	return nil
}

// close ends the sink and removes everything that was written to disk.
func (l *lab) close() error {
	l.receiver.Kill()
	return os.RemoveAll(l.dir)
}

// load runs a producer in a process of its own.
func (l *lab) load(ctx context.Context, config load.Config) (load.Report, error) {
	var report load.Report
	var out bytes.Buffer
	producer, err := process.Start(ctx, process.Command{Name: "load", Path: l.Executable, Args: loadCommand, Out: &out})
	if err != nil {
		return report, err
	}
	defer producer.Kill()
	if err := json.NewEncoder(producer.In).Encode(config); err != nil {
		return report, errors.Join(fmt.Errorf("start load: %w", err), producer.Wait())
	}
	if err := producer.Wait(); err != nil {
		return report, err
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return report, fmt.Errorf("read report of load: %w", err)
	}
	if len(report.Failures) > 0 {
		return report, fmt.Errorf("posts were refused, by status: %v", report.Failures)
	}
	return report, nil
}

// reference is what the bare client reached.
type reference struct {
	rate float64       // posts per second
	cpu  time.Duration // of the client, per post
}

// bare posts deliveries straight at the sink and checks that it got them all.
func (l *lab) bare(ctx context.Context) (reference, error) {
	var r reference
	if err := l.sink.Reset(ctx); err != nil {
		return r, err
	}
	report, err := l.load(ctx, load.Config{
		URL: l.sink.Endpoint(0), Bare: true, EventType: eventType, Connections: connections, Duration: l.Duration,
	})
	if err != nil {
		return r, fmt.Errorf("bare: %w", err)
	}
	got, err := l.sink.Stats(ctx, sink.Rest)
	if err != nil {
		return r, err
	}
	if got.Receipts != report.Events || got.Duplicates != 0 {
		return r, fmt.Errorf("bare: %d posts, but %d receipts and %d duplicates", report.Events, got.Receipts, got.Duplicates)
	}
	r.rate = float64(report.Events) / report.Elapsed().Seconds()
	r.cpu = report.Usage.CPU / time.Duration(report.Posts)
	return r, nil
}

// measureFsync returns how long appending 1 KB to a new file in dir with an
// fsync takes, the median of 200. It shows what disk the figures are from; where it is near
// zero, dir lies in memory and figures of durable accepts mean nothing.
func measureFsync(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer file.Close()
	var h measure.Histogram
	block := slices.Repeat([]byte{'x'}, 1024)
	for range 200 {
		began := time.Now()
		if _, err := file.Write(block); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		h.Record(time.Since(began))
	}
	return h.Quantile(0.5), nil
}
