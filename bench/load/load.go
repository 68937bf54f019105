// Package load posts events at a rate or as fast as they are taken, and
// measures how long each post took.
//
// In a closed loop every connection posts again as soon as it has its answer;
// that finds the highest rate. In an open loop (Config.Rate) posts are due at
// fixed times whatever the answers do. A post whose time has come while all
// connections were busy is late, and its latency counts from when it was due:
// what a slow server delays is not left out (no coordinated omission). A
// connection that was waiting for its time counts from when it woke, so that
// the generator's own timers are not held against the server.
//
// Bare mode posts the deliveries themselves, straight at a sink. It is the
// reference for all figures: what this machine does without an engine.
//
// The generator runs as a process of its own (see Child).
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/bench/payload"
)

// requestTimeout ends a post that is never answered, and with it the run.
const requestTimeout = 30 * time.Second

// Config says what to post and for how long. At least one of Events and
// Duration must be given; the first bound that is reached ends the run.
type Config struct {
	URL           string        `json:"url"`           // of POST /v1/events; in bare mode of the sink's endpoint
	Bare          bool          `json:"bare"`          // post deliveries, not events
	Key           string        `json:"key"`           // API key, sent as a bearer token
	Organizations []string      `json:"organizations"` // post i is for organization i mod len; empty = the key's own
	EventType     string        `json:"event_type"`
	Types         int           `json:"types"`       // event i is of the type EventType.<i mod Types>; 0 = of EventType
	Connections   int           `json:"connections"` // 0 = 64
	Batch         int           `json:"batch"`       // events per post, as a JSON array; 0 = single events
	Size          int           `json:"size"`        // bytes of an event's data; 0 = 1024
	Rate          float64       `json:"rate"`        // events per second; 0 = closed loop
	Events        int           `json:"events"`      // 0 = no bound; rounded up to whole posts
	Duration      time.Duration `json:"duration_ns"` // 0 = no bound
	Seed          uint64        `json:"seed"`        // of the random texts
}

func (c Config) withDefaults() Config {
	if c.Connections == 0 {
		c.Connections = 64
	}
	if c.Size == 0 {
		c.Size = 1024
	}
	return c
}

func (c Config) validate() error {
	var faults []error
	address, err := url.Parse(c.URL)
	if err != nil || address.Scheme != "http" || address.Host == "" {
		faults = append(faults, fmt.Errorf("url is %q, want http://host:port/path", c.URL))
	}
	if c.Events <= 0 && c.Duration <= 0 {
		faults = append(faults, errors.New("neither events nor duration bounds the run"))
	}
	if c.Size < payload.MinSize || c.Size > payload.MaxSize {
		faults = append(faults, fmt.Errorf("size is %d, want %d to %d", c.Size, payload.MinSize, payload.MaxSize))
	}
	if c.Connections < 0 || c.Types < 0 || c.Batch < 0 || c.Rate < 0 || c.Events < 0 || c.Duration < 0 {
		faults = append(faults, errors.New("a number is negative"))
	}
	if c.Bare && c.Batch > 0 {
		faults = append(faults, errors.New("bare mode posts deliveries, which come one at a time"))
	}
	return errors.Join(faults...)
}

// Report is what came of a run.
type Report struct {
	Posts    int64           `json:"posts"`    // answered, with whatever status
	Events   int64           `json:"events"`   // in the posts that were answered with 2xx
	IDs      int64           `json:"ids"`      // distinct event ids in the answers; in bare mode 0
	Failures map[int]int64   `json:"failures"` // posts answered with another status, by status
	Start    int64           `json:"start_ns"` // Unix nanoseconds
	End      int64           `json:"end_ns"`
	Latency  measure.Latency `json:"latency"` // of posts, of every status
	Sample   []string        `json:"sample"`  // the last event id that each connection got
	Usage    measure.Usage   `json:"usage"`   // of this process, from Start to End
}

// Elapsed is how long the run took.
func (r *Report) Elapsed() time.Duration { return time.Duration(r.End - r.Start) }

// Run posts until a bound of the configuration is reached and returns what
// came of it. A status other than 2xx is counted; a connection that breaks or
// a post without an answer ends the run with an error, since what became of
// its events is then unknown.
func Run(ctx context.Context, config Config) (Report, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return Report{}, fmt.Errorf("start load: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run := &run{Config: config, client: newClient(config), failures: make(map[int]int64)}
	defer run.client.CloseIdleConnections()
	pool := payload.NewPool(config.Seed)
	before, err := measure.ProcessUsage(os.Getpid())
	if err != nil {
		return Report{}, fmt.Errorf("start load: %w", err)
	}
	start := time.Now()
	run.pace = newPace(config, start)
	var workers sync.WaitGroup
	for n := range config.Connections {
		workers.Go(func() {
			if err := run.post(ctx, newComposer(config, pool, uint64(n))); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return Report{}, fmt.Errorf("post events: %w", err)
	}
	end := time.Now()
	after, err := measure.ProcessUsage(os.Getpid())
	if err != nil {
		return Report{}, fmt.Errorf("end load: %w", err)
	}
	return run.report(start, end, after.Since(before)), nil
}

// run is one run under way, shared by its connections.
type run struct {
	Config
	client  *fasthttp.HostClient
	pace    *pace
	latency measure.Histogram

	mu       sync.Mutex // guards what is below, which each connection adds to once, at its end
	posts    int64
	events   int64
	failures map[int]int64
	ids      [][]byte // per connection the event ids it was answered with, a line each
}

func newClient(config Config) *fasthttp.HostClient {
	address, _ := url.Parse(config.URL) // validate has seen it
	return &fasthttp.HostClient{
		Addr:                      address.Host,
		MaxConns:                  config.Connections,
		MaxIdleConnDuration:       time.Minute,
		MaxIdemponentCallAttempts: 1,
		ReadBufferSize:            16 << 10,
		NoDefaultUserAgentHeader:  true,
		DisablePathNormalizing:    true,
	}
}

// post is one connection: it posts when the pace says so, until it says that
// it is over.
func (r *run) post(ctx context.Context, compose *composer) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	compose.prepare(request)
	var posts, events int64
	var ids []byte // told apart after the run, since that costs more than posting does
	failures := make(map[int]int64)
	for {
		n, from, ok := r.pace.next(ctx)
		if !ok {
			break
		}
		compose.fill(request, n, from)
		if err := r.client.DoTimeout(request, response, requestTimeout); err != nil {
			return err
		}
		r.latency.Record(time.Since(from))
		posts++
		if status := response.StatusCode(); status/100 != 2 {
			failures[status]++
			continue
		}
		events += int64(max(r.Batch, 1))
		if !r.Bare {
			for id := range answeredIDs(response.Body()) {
				ids = append(append(ids, id...), '\n')
			}
		}
	}
	r.add(posts, events, failures, ids)
	return nil
}

func (r *run) add(posts, events int64, failures map[int]int64, ids []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts += posts
	r.events += events
	for status, n := range failures {
		r.failures[status] += n
	}
	r.ids = append(r.ids, ids)
}

func (r *run) report(start, end time.Time, usage measure.Usage) Report {
	var distinct measure.IDs
	var sample []string
	for _, ids := range r.ids {
		var last []byte
		for id := range bytes.Lines(ids) {
			last = bytes.TrimSuffix(id, []byte("\n"))
			distinct.Add(0, last)
		}
		if last != nil {
			sample = append(sample, string(last))
		}
	}
	return Report{
		Posts:    r.posts,
		Events:   r.events,
		IDs:      int64(distinct.Len()),
		Failures: r.failures,
		Start:    start.UnixNano(),
		End:      end.UnixNano(),
		Latency:  r.latency.Latency(),
		Sample:   sample,
		Usage:    usage,
	}
}
