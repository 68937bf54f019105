// Package demo shows what Hookwheel is for, on one machine and in seconds: it
// starts a server in a temporary directory, receivers of every temper on
// loopback, posts events, restarts the server in the middle, and counts at the
// receivers what arrived.
//
//	producer ──POST, again until accepted──▶ server ──signed──▶ receivers: healthy, flaky, down for a while, hanging
//
// Everything goes over HTTP as it would anywhere. The receivers believe nobody:
// they verify each signature and keep count of every event by its number.
package demo

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hookwheel/hookwheel/cmd/internal/server"
	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/ops"
)

// Options say how large a show it is.
type Options struct {
	Events int // to be posted, at least 1
	Build  ops.Build
	Logger *slog.Logger

	// Tell is told in a sentence what happens. Progress is told several times a
	// second how many deliveries have arrived of all that must. Both may be nil.
	Tell     func(sentence string)
	Progress func(arrived, all int)
}

const (
	producers = 32 // that post at once

	// How long the demo waits although nothing arrives any more.
	patience = 30 * time.Second

	closeTimeout = 10 * time.Second
)

// The settings of the server that differ from its defaults: everything that
// waits for a failing receiver takes seconds here, not hours.
var (
	schedule = []time.Duration{
		150 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond,
		1200 * time.Millisecond, 2400 * time.Millisecond, 5 * time.Second, 5 * time.Second, 5 * time.Second,
	}
	breaker        = retry.BreakerConfig{Failures: 10, After: 500 * time.Millisecond, Probe: 200 * time.Millisecond, ProbeMax: time.Second, Jitter: 0.2}
	attemptTimeout = 2 * time.Second
)

const diskReserve = 256 << 20 // bytes; a demo need not leave more

// demo is one show under way.
type demo struct {
	Options
	dir       string
	address   string
	server    *server.Server // the running one
	producer  *producer
	receivers []*receiver
	report    Report
}

// Run gives the show and reports on it. The error is for what kept it from its
// end; what went wrong in it stands in the report.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	d := &demo{Options: o}
	defer func() {
		if closed := d.close(); err == nil {
			err = closed
		}
	}()
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	if err := d.play(ctx); err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return &d.report, nil
}

// begin starts the server and the receivers, and creates an endpoint for each.
func (d *demo) begin(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "hookwheel-demo-*"); err != nil {
		return err
	}
	if d.address, err = freeAddress(); err != nil {
		return err
	}
	if d.server, err = server.Open(ctx, d.settings()); err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	d.producer = newProducer(d.server.URL(), d.server.NewAdminKey(), d.Events)
	if d.receivers, err = startReceivers(d.Events, d.producer.posted); err != nil {
		return err
	}
	for _, r := range d.receivers {
		spec := &endpoint.Endpoint{Livemode: true, Name: r.name, URL: r.url, Spans: []endpoint.Span{{}}}
		made, key, err := d.server.Engine().CreateEndpoint(ctx, engine.DefaultOrganization, spec, secret.Secret{}, ledger.Audit{Actor: "demo"})
		if err != nil {
			return fmt.Errorf("create endpoint: %w", err)
		}
		r.serve(made.Key, key)
	}
	d.Tell(fmt.Sprintf("server at %s, data in %s, receivers: %d", d.server.URL(), d.dir, len(d.receivers)))
	return nil
}

func (d *demo) settings() server.Options {
	o := server.Options{Listen: d.address, Build: d.Build, Logger: d.Logger}
	o.Engine.Log.Dir = filepath.Join(d.dir, "data")
	o.Engine.Log.DiskReserve = diskReserve
	o.Engine.Defaults.Retry = retry.Policy{Delays: schedule, Jitter: 0.2, RetryAfterMax: time.Second}
	o.Engine.Defaults.AttemptTimeout = attemptTimeout
	o.Engine.Breaker = breaker
	o.Egress.Policy = egress.Policy{AllowHTTP: true, AllowPrivate: true, AnyPort: true}
	return o
}

// play posts all events, restarts the server when half of them are accepted,
// lets the receiver that is down come back when three quarters are, and waits
// until everything has arrived.
func (d *demo) play(ctx context.Context) error {
	started := time.Now()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	helpers.Go(func() { d.producer.run(ctx, cancel) })
	helpers.Go(func() { d.watch(ctx) })

	if err := await(ctx, d.producer.half); err != nil {
		return err
	}
	if err := d.restart(ctx); err != nil {
		return err
	}
	if err := await(ctx, d.producer.threeQuarters); err != nil {
		return err
	}
	for _, r := range d.receivers {
		r.comeBack()
	}
	d.Tell("the receiver that was down is back")
	if err := await(ctx, d.producer.done); err != nil {
		return err
	}
	d.report.Posting = time.Since(started)
	err := d.arrival(ctx)
	d.report.Took = time.Since(started)
	return err
}

// await waits for something to happen, or to be given up.
func await(ctx context.Context, happened <-chan struct{}) error {
	select {
	case <-happened:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// restart ends the server in good order and starts it again, while events go on
// being posted.
func (d *demo) restart(ctx context.Context) (err error) {
	before := time.Now()
	if err := d.stop(); err != nil {
		return fmt.Errorf("end server: %w", err)
	}
	d.report.Stopping = time.Since(before)
	before = time.Now()
	if d.server, err = server.Open(ctx, d.settings()); err != nil {
		return fmt.Errorf("start server again: %w", err)
	}
	d.report.Starting = time.Since(before)
	d.Tell(fmt.Sprintf("server restarted after %d events: %v to end in good order, %v to be back", d.producer.accepted.Load(),
		d.report.Stopping.Round(time.Millisecond), d.report.Starting.Round(time.Millisecond)))
	return nil
}

// stop ends the running server, if there is one.
func (d *demo) stop() error {
	if d.server == nil {
		return nil
	}
	ending := d.server
	d.server = nil
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return ending.Close(ctx)
}

// arrival waits until every receiver that must has every event, or until
// nothing has arrived for so long that the rest is missing.
func (d *demo) arrival(ctx context.Context) error {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	last, since := -1, time.Now()
	for {
		arrived, all := d.arrived()
		if arrived == all {
			return nil
		}
		if arrived != last {
			last, since = arrived, time.Now()
		}
		if time.Since(since) > patience {
			d.Tell(fmt.Sprintf("nothing has arrived for %v, giving up", patience))
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// arrived counts the deliveries that must arrive, and those that have.
func (d *demo) arrived() (arrived, all int) {
	for _, r := range d.receivers {
		if r.counts {
			arrived += int(r.distinct.Load())
			all += d.Events
		}
	}
	return arrived, all
}

// watch tells about the progress until ctx ends.
func (d *demo) watch(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.Progress(d.arrived())
		case <-ctx.Done():
			return
		}
	}
}

// end closes the server, so that nothing is under way, and holds what its
// ledger says against what the receivers counted.
func (d *demo) end() error {
	l := d.server.Engine().Ledger()
	if err := d.stop(); err != nil {
		return fmt.Errorf("end server: %w", err)
	}
	d.report.fill(d, l)
	return nil
}

// close ends what is still running and removes what is on disk.
func (d *demo) close() error {
	err := d.stop()
	for _, r := range d.receivers {
		r.close()
	}
	if d.dir != "" {
		if removed := os.RemoveAll(d.dir); err == nil {
			err = removed
		}
	}
	return err
}

// freeAddress finds an address for the server that stays free while it
// restarts: ports of outgoing connections begin far above.
func freeAddress() (string, error) {
	const first, last = 8421, 9420
	for port := first; port <= last; port++ {
		address := "127.0.0.1:" + strconv.Itoa(port)
		if listener, err := net.Listen("tcp", address); err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("no port from %d to %d is free", first, last)
}

// typeOf is the type of an event, by its number.
func typeOf(n int) string {
	return []string{"order.created", "order.paid", "order.shipped", "customer.updated"}[n%4]
}
