package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/bench/load"
	"github.com/hookwheel/hookwheel/bench/sink"
)

// The test binary is also the binary under test: started with these arguments
// it is a sink, a producer, or an engine that forwards each event before it
// answers and keeps nothing.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	var err error
	switch {
	case slices.Equal(args, sinkCommand):
		err = sink.Child(context.Background(), os.Stdin, os.Stdout)
	case slices.Equal(args, loadCommand):
		err = load.Child(context.Background(), os.Stdin, os.Stdout)
	case len(args) > 0 && args[0] == "serve":
		err = forward(args)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Faults that the forwarding engine can be given as a flag.
const (
	losesOne   = "--loses-one"
	sendsTwice = "--sends-one-twice"
	refuses    = "--refuses"
	sameID     = "--same-id"
	failsToEnd = "--fails-to-end"
	failsStart = "--fails-to-start"
)

// forwarder is an engine without a log. Its flags are those of serve that the
// runner gives, in the order it gives them, and a fault.
type forwarder struct {
	fault     string
	mu        sync.Mutex
	endpoints map[string][]string // URLs, by organization
	client    fasthttp.Client
	count     atomic.Int64
}

func forward(args []string) error {
	address, data := args[3], args[5]
	f := &forwarder{fault: strings.Join(args[8:], ""), endpoints: map[string][]string{}}
	if f.fault == failsStart {
		return errors.New("no such flag")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(data, "admin.key"), []byte("hw_admin_x\n"), 0o600); err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	stopped, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &fasthttp.Server{Handler: f.handle, MaxRequestBodySize: 64 << 20}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-stopped.Done():
	}
	if f.fault == failsToEnd {
		return errors.New("could not write the last of it")
	}
	return nil
}

func (f *forwarder) handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	switch {
	case path == "/readyz":
	case path == "/metrics":
		fmt.Fprintf(ctx, "# TYPE go_memstats_mallocs_total counter\ngo_memstats_mallocs_total %d\nother{le=\"1\"} 2\n", 1000+7*f.count.Load())
	case string(ctx.Request.Header.Peek("Authorization")) != "Bearer hw_admin_x":
		ctx.SetStatusCode(401)
	case path == "/v1/organizations":
		ctx.SetStatusCode(201)
	case path == "/v1/endpoints":
		var endpoint struct {
			URL        string
			EventTypes []string `json:"event_types"`
		}
		if json.Unmarshal(ctx.PostBody(), &endpoint) != nil {
			ctx.SetStatusCode(400)
			return
		}
		if slices.Contains(endpoint.EventTypes, eventType) {
			org := string(ctx.Request.Header.Peek("Hookwheel-Organization"))
			f.mu.Lock()
			f.endpoints[org] = append(f.endpoints[org], endpoint.URL)
			f.mu.Unlock()
		}
		ctx.SetStatusCode(201)
		ctx.WriteString(`{"id":"ed_1"}`)
	case path == "/v1/events":
		f.accept(ctx)
	default: // one event
		fmt.Fprintf(ctx, `{"id":%q}`, strings.TrimPrefix(path, "/v1/events/"))
	}
}

func (f *forwarder) accept(ctx *fasthttp.RequestCtx) {
	if f.fault == refuses {
		ctx.SetStatusCode(503)
		return
	}
	events := []json.RawMessage{ctx.PostBody()}
	if ctx.PostBody()[0] == '[' && json.Unmarshal(ctx.PostBody(), &events) != nil {
		ctx.SetStatusCode(400)
		return
	}
	ctx.SetStatusCode(202)
	for _, event := range events {
		n := f.count.Add(1)
		id := fmt.Sprintf("evt_%026d", n)
		if f.fault == sameID {
			id = "evt_1"
		}
		fmt.Fprintf(ctx, `{"id":%q}`, id)
		times := 1
		if n == 10 && f.fault == losesOne {
			times = 0
		}
		if n == 10 && f.fault == sendsTwice {
			times = 2
		}
		for range times {
			f.deliver(string(ctx.Request.Header.Peek("Hookwheel-Organization")), id, event)
		}
	}
}

func (f *forwarder) deliver(org, id string, event []byte) {
	f.mu.Lock()
	endpoints := slices.Clone(f.endpoints[org])
	f.mu.Unlock()
	for _, url := range endpoints {
		request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		request.SetRequestURI(url)
		request.Header.SetMethod("POST")
		request.Header.Set("webhook-id", id)
		request.SetBody(event)
		if err := f.client.Do(request, response); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		fasthttp.ReleaseRequest(request)
		fasthttp.ReleaseResponse(response)
	}
}

func options(t *testing.T) Options {
	return Options{
		Dir:      t.TempDir(),
		Runs:     1,
		Duration: 100 * time.Millisecond,
		Scale:    0.0005,
		Sign:     func(string, time.Time, []byte) {},
		Progress: func(line string) { t.Log(line) },
	}
}

func TestRun(t *testing.T) {
	o := options(t)
	for _, s := range all {
		if !s.long && s.name != isolation.name { // a forwarder that waits for each receiver isolates nothing
			o.Only = append(o.Only, s.name)
		}
	}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(report.Results), len(o.Only); got != want {
		t.Fatalf("got %d results, want %d", got, want)
	}
	for _, result := range report.Results {
		if result.Error != "" || len(result.Figures) == 0 {
			t.Errorf("%s: got error %q and figures %v", result.Name, result.Error, result.Figures)
		}
		for _, f := range result.Figures {
			if strings.Contains(f.Unit, "/s") && (f.Value <= 0 || f.Reference <= 0 || f.Verdict == "") {
				t.Errorf("%s: got %+v, want a rate, its reference and a verdict", result.Name, f)
			}
		}
		for _, c := range result.Costs {
			if c.PeakRSS < 1<<20 || c.Events <= 0 {
				t.Errorf("%s: got cost %+v, want memory and events", result.Name, c)
			}
			if got, want := c.Allocations > 0, c.Process == "engine"; got != want {
				t.Errorf("%s: got %v allocations of the %s, want some of the engine", result.Name, c.Allocations, c.Process)
			}
		}
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	left, err := os.ReadDir(o.Dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Rows of a growth table are measured, and the engine is killed after each.
func TestGrowth(t *testing.T) {
	o := options(t)
	o.Scale = 0.003
	o.Only = []string{growFanOut.name, growOrganizations.name}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"1", "3"}, {"1", "3", "30"}} {
		result := report.Results[i]
		if result.Error != "" || len(result.Tables) != 1 || result.Took <= 0 {
			t.Fatalf("%s: got %+v, want a table", result.Name, result)
		}
		var got []string
		for _, row := range result.Tables[0].Rows {
			got = append(got, row.Case)
			for j, name := range []string{"per second", "CPU", "allocs", "lock wait", "RSS", "stored", "start"} {
				if value := row.Values[j]; !(value > 0) && name != "lock wait" {
					t.Errorf("%s %s: got %s %v, want more than none", result.Name, row.Case, name, value)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got rows %q, want %q", result.Name, got, want)
		}
	}
}

// No rate is shown for an engine that does not do its job.
func TestFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until a lost delivery is given up")
	}
	for fault, want := range map[string]string{
		losesOne:   "none for 10s",
		sendsTwice: "and 1 duplicates",
		refuses:    "map[503:",
		sameID:     "distinct ids",
		failsToEnd: "could not write the last of it",
		failsStart: "no such flag",
	} {
		t.Run(fault, func(t *testing.T) {
			o := options(t)
			o.ServeFlags = []string{fault}
			o.Only = []string{endToEndSingle.name}
			if fault == sameID {
				o.Only = []string{acceptSingle.name}
			}
			report, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			result := report.Results[0]
			if !strings.Contains(result.Error, want) || result.Figures != nil {
				t.Errorf("got error %q and figures %v, want %q and none", result.Error, result.Figures, want)
			}
			if len(report.Faults()) != 1 {
				t.Errorf("got faults %q, want one", report.Faults())
			}
			if left, err := os.ReadDir(o.Dir); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestOptionFaults(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"runs":       func(o *Options) { o.Runs = 100 },
		"duration":   func(o *Options) { o.Duration = time.Millisecond },
		"scale":      func(o *Options) { o.Scale = 2 },
		"scenario":   func(o *Options) { o.Only = []string{"nothing"} },
		"sign":       func(o *Options) { o.Sign = nil },
		"executable": func(o *Options) { o.Executable = "/does/not/exist" },
		"directory":  func(o *Options) { o.Dir = "/does/not/exist" },
	} {
		o := options(t)
		change(&o)
		if report, err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: got %+v, want an error", name, report)
		}
	}
}

func TestNamesDiffer(t *testing.T) {
	names := Names()
	slices.Sort(names)
	if got := slices.Compact(slices.Clone(names)); len(got) != len(names) {
		t.Errorf("names are not unique: %q", names)
	}
}
