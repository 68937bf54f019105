package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/hookwheel/hookwheel/bench/payload"
)

// seen is a request as a server got it.
type seen struct {
	header map[string]string
	body   []byte
}

// serve answers with handle and keeps what it got.
func serve(t *testing.T, handle fasthttp.RequestHandler) (url string, requests func() []seen) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all []seen
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		request := seen{header: make(map[string]string), body: bytes.Clone(ctx.PostBody())}
		for name, value := range ctx.Request.Header.All() {
			request.header[string(name)] = string(value)
		}
		mu.Lock()
		all = append(all, request)
		mu.Unlock()
		handle(ctx)
	}}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.ShutdownWithContext(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		<-done
	})
	return "http://" + listener.Addr().String() + "/v1/events", func() []seen {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// engine answers like the native API, with ids that count up.
func engine() fasthttp.RequestHandler {
	var n atomic.Int64
	return func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(fasthttp.StatusAccepted)
		var batch []json.RawMessage
		if json.Unmarshal(ctx.PostBody(), &batch) != nil {
			fmt.Fprintf(ctx, `{"id":"evt_%026d","type":"bench.event"}`, n.Add(1))
			return
		}
		fmt.Fprintf(ctx, `{"accepted":%d,"results":[`, len(batch))
		for i := range batch {
			fmt.Fprintf(ctx, `{"index":%d,"id":"evt_%026d"},`, i, n.Add(1))
		}
		fmt.Fprint(ctx, `]}`)
	}
}

func TestPostsEvents(t *testing.T) {
	for _, batch := range []int{0, 1, 7} {
		t.Run(fmt.Sprint("batch ", batch), func(t *testing.T) {
			url, requests := serve(t, engine())
			report, err := Run(t.Context(), Config{
				URL: url, Key: "k", EventType: "bench.event", Organizations: []string{"a", "b"},
				Connections: 3, Batch: batch, Events: 70, Size: 200,
			})
			if err != nil {
				t.Fatal(err)
			}
			if report.Events != 70 || report.IDs != 70 || len(report.Failures) != 0 || len(report.Sample) == 0 {
				t.Errorf("got %+v, want 70 events, 70 ids, a sample, no failures", report)
			}
			all := requests()
			if got, want := len(all), 70/max(batch, 1); got != want || report.Posts != int64(want) || report.Latency.Count != uint64(want) {
				t.Errorf("got %d requests, %d posts, %d latencies, want %d of each", got, report.Posts, report.Latency.Count, want)
			}
			organizations := make(map[string]int)
			for _, request := range all {
				organizations[request.header["Hookwheel-Organization"]]++
				checkEvents(t, request, batch)
			}
			if a, b := organizations["a"], organizations["b"]; a != b {
				t.Errorf("organization a got %d posts, b got %d, want the same", a, b)
			}
		})
	}
}

// Events are of each type by turns, across posts and within them.
func TestTypesByTurns(t *testing.T) {
	url, requests := serve(t, engine())
	if _, err := Run(t.Context(), Config{URL: url, EventType: "t", Types: 5, Connections: 3, Batch: 4, Events: 40}); err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for _, request := range requests() {
		var events []struct{ Type string }
		if err := json.Unmarshal(request.body, &events); err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			count[event.Type]++
		}
	}
	if want := map[string]int{"t.0": 8, "t.1": 8, "t.2": 8, "t.3": 8, "t.4": 8}; !maps.Equal(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
}

func checkEvents(t *testing.T, request seen, batch int) {
	t.Helper()
	if got := request.header["Authorization"]; got != "Bearer k" {
		t.Errorf("got authorization %q, want the key", got)
	}
	var events []struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	body := request.body
	if batch == 0 {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	if err := json.Unmarshal(body, &events); err != nil {
		t.Fatalf("body %s: %v", body, err)
	}
	if got, want := len(events), max(batch, 1); got != want {
		t.Errorf("got %d events in a post, want %d", got, want)
	}
	for _, event := range events {
		if event.Type != "bench.event" || len(event.Data) != 200 {
			t.Errorf("got type %q and %d bytes of data, want bench.event and 200", event.Type, len(event.Data))
		}
		if at, ok := payload.SentAt(event.Data); !ok || time.Since(time.Unix(0, at)) > time.Minute {
			t.Errorf("got sent_at %d, %v, want about now", at, ok)
		}
	}
}

func TestBarePostsDeliveries(t *testing.T) {
	url, requests := serve(t, func(*fasthttp.RequestCtx) {})
	report, err := Run(t.Context(), Config{URL: url, Bare: true, EventType: "bench.event", Events: 50, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	if report.Events != 50 || report.IDs != 0 {
		t.Errorf("got %+v, want 50 events and no ids", report)
	}
	ids := make(map[string]bool)
	for _, request := range requests() {
		var body struct{ ID, Type string }
		if err := json.Unmarshal(request.body, &body); err != nil {
			t.Fatal(err)
		}
		if id := request.header["Webhook-Id"]; id != body.ID || ids[id] {
			t.Errorf("webhook-id %q, id in the body %q: want them equal and new", id, body.ID)
		}
		ids[body.ID] = true
		if request.header["Webhook-Timestamp"] == "" || request.header["Webhook-Signature"] == "" {
			t.Errorf("delivery is not signed: %v", request.header)
		}
	}
}

func TestCountsFailures(t *testing.T) {
	var n atomic.Int64
	url, _ := serve(t, func(ctx *fasthttp.RequestCtx) {
		if n.Add(1)%2 == 0 {
			ctx.SetStatusCode(503)
		}
	})
	report, err := Run(t.Context(), Config{URL: url, Events: 20, Batch: 2, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	if report.Posts != 10 || report.Events != 10 || report.Failures[503] != 5 {
		t.Errorf("got %+v, want 10 posts, 10 events, 5 failures with 503", report)
	}
}

func TestBrokenConnectionEndsTheRun(t *testing.T) {
	url, _ := serve(t, func(ctx *fasthttp.RequestCtx) {
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(net.Conn) {})
	})
	if report, err := Run(t.Context(), Config{URL: url, Duration: time.Hour}); err == nil {
		t.Errorf("got %+v, want an error", report)
	}
}

func TestChild(t *testing.T) {
	url, _ := serve(t, engine())
	in, stdin := io.Pipe()
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- Child(t.Context(), in, &out) }()
	if err := json.NewEncoder(stdin).Encode(Config{URL: url, Events: 5}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	var report Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if report.Events != 5 || report.Usage.RSS == 0 || report.Elapsed() <= 0 {
		t.Errorf("got %+v, want 5 events, memory used, time elapsed", report)
	}
}

// A load process whose parent is gone does not go on posting.
func TestChildEndsWithItsParent(t *testing.T) {
	url, _ := serve(t, engine())
	in, stdin := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Child(t.Context(), in, io.Discard) }()
	if err := json.NewEncoder(stdin).Encode(Config{URL: url, Duration: time.Hour}); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	if err := <-done; err == nil {
		t.Error("got no error from a run that was cut short")
	}
}

func TestConfigFaults(t *testing.T) {
	for name, config := range map[string]Config{
		"no bound":   {URL: "http://h/"},
		"no url":     {Events: 1},
		"https":      {URL: "https://h/", Events: 1},
		"tiny":       {URL: "http://h/", Events: 1, Size: 1},
		"negative":   {URL: "http://h/", Events: 1, Batch: -1},
		"bare batch": {URL: "http://h/", Events: 1, Bare: true, Batch: 2},
	} {
		if _, err := Run(t.Context(), config); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// An open loop posts at its rate: 50 a second for two seconds, the first at
// once, each when it is due.
func TestOpenLoopKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := newPace(Config{Rate: 50, Duration: 2 * time.Second}, start)
		var posts int
		for {
			n, from, ok := p.next(t.Context())
			if !ok {
				break
			}
			if want := start.Add(time.Duration(n) * 20 * time.Millisecond); !from.Equal(want) {
				t.Errorf("post %d counts from %v, want %v", n, from.Sub(start), want.Sub(start))
			}
			posts++
		}
		if want := 101; posts != want { // both ends of the interval
			t.Errorf("got %d posts, want %d", posts, want)
		}
	})
}

// One post stalls the only connection for a second. The posts that were due
// meanwhile count their wait in an open loop; leaving it out would be
// coordinated omission.
func TestOpenLoopCountsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := fasthttputil.NewInmemoryListener()
		var first atomic.Bool
		server := &fasthttp.Server{NoDefaultDate: true, Handler: func(*fasthttp.RequestCtx) {
			if first.CompareAndSwap(false, true) {
				time.Sleep(time.Second) // the stall itself, in virtual time
			}
		}}
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		config := Config{URL: "http://x/", Rate: 100, Events: 200, Connections: 1}.withDefaults()
		run := &run{Config: config, client: newClient(config), failures: make(map[int]int64)}
		run.client.Dial = func(string) (net.Conn, error) { return listener.Dial() }
		run.pace = newPace(config, time.Now())
		if err := run.post(t.Context(), newComposer(config, payload.NewPool(0), 0)); err != nil {
			t.Fatal(err)
		}
		// A hundred posts were due during the stall; they waited 505 ms on average.
		got := run.latency.Latency()
		if want := 250 * time.Millisecond; got.Mean < want || got.Mean > want+20*time.Millisecond {
			t.Errorf("got a mean latency of %v, want %v", got.Mean, want)
		}
		if got.P50 > 10*time.Millisecond || got.P90 < 700*time.Millisecond || got.Max < time.Second {
			t.Errorf("got %+v, want half at once, 10 %% over 700 ms, one of a second", got)
		}
		run.client.CloseIdleConnections()
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		<-done
		time.Sleep(time.Hour) // virtual: lets fasthttp's cleaners end
	})
}

// BenchmarkFill is what the generator itself adds to a post.
func BenchmarkFill(b *testing.B) {
	pool := payload.NewPool(1)
	for name, config := range map[string]Config{"bare": {Bare: true}, "event": {Key: "k"}, "batch of 100": {Key: "k", Batch: 100}} {
		b.Run(name, func(b *testing.B) {
			config.URL, config.EventType = "http://127.0.0.1/", "bench.event"
			compose := newComposer(config.withDefaults(), pool, 1)
			request := fasthttp.AcquireRequest()
			defer fasthttp.ReleaseRequest(request)
			compose.prepare(request)
			at := time.Unix(1700000000, 0)
			b.ReportAllocs()
			for b.Loop() {
				compose.fill(request, 1, at)
			}
		})
	}
}
