package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// exhausted posts n events that an endpoint does not take.
func (o *office) exhausted(n int, spec endpoint.Endpoint) *endpoint.Endpoint {
	o.t.Helper()
	if spec.RetrySchedule == nil {
		spec.MaxAttempts = 1
	}
	e, _ := o.create(spec)
	o.outside.answers(500)
	o.postMany(n)
	settle(time.Minute)
	o.outside.answers(200)
	return e
}

func (o *office) postMany(n int) {
	o.t.Helper()
	events := make([]*event.Event, n)
	for i := range events {
		events[i] = &event.Event{ID: ledger.NewID(), Livemode: true, Organization: acme, Type: "a.b", Source: event.API, Data: fmt.Appendf(nil, `{"n":%d}`, i)}
	}
	if _, err := o.Post(o.t.Context(), events, false, nil); err != nil {
		o.t.Fatalf("post: %v", err)
	}
}

func (o *office) startReplay(spec *ledger.ReplayJob) *ledger.ReplayJob {
	o.t.Helper()
	job, err := o.StartReplay(o.t.Context(), acme, spec, someone)
	if err != nil {
		o.t.Fatalf("start replay: %v", err)
	}
	return job
}

// progress is how far a job is, in words.
func (o *office) progress(job *ledger.ReplayJob) string {
	o.t.Helper()
	now, err := o.replayJob(acme, job.ID)
	if err != nil {
		o.t.Fatalf("replay job: %v", err)
	}
	return fmt.Sprintf("%s %d/%d skipped %d", now.State, now.Replayed, now.Matched, now.Skipped)
}

func (o *office) check(what, got, want string) {
	o.t.Helper()
	if got != want {
		o.t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

// A replay outlives restarts at any moment of it, sends every event that it
// chose once more, with the id and the bytes of the first time, and nothing
// twice (G2, G3, G7).
func TestReplayOverRestarts(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o *office) {
		const n = 3*bulkChunk + 7
		e := o.exhausted(n, endpoint.Endpoint{RateLimit: &endpoint.RateLimit{PerSecond: 500, Burst: 10}})
		before := o.outside.sendings()
		job := o.startReplay(&ledger.ReplayJob{})
		if job.Matched != n || job.MatchedMore {
			t.Errorf("matched: got %d, more %v, want %d", job.Matched, job.MatchedMore, n)
		}
		for range 6 {
			settle(1100 * time.Millisecond)
			if _, lane, _ := o.ledger.Lookup(o.ledger.PartitionOf(acme), e.Key); lane.Rows[delivery.Pending] > bulkChunk {
				t.Errorf("in line: got %d deliveries at once, want at most %d", lane.Rows[delivery.Pending], bulkChunk)
			}
			o.stop()
			o.open()
		}
		settle(time.Minute)
		o.check("in the end", o.progress(job), fmt.Sprintf("done %d/%d skipped 0", n, n))
		bodies := map[string]int{}
		for _, s := range before {
			bodies[s.headers["Webhook-Id"]+s.body]++
		}
		again := o.outside.sendings()[len(before):]
		for _, s := range again {
			bodies[s.headers["Webhook-Id"]+s.body]++
		}
		if len(again) != n || len(bodies) != n {
			t.Errorf("sent again: got %d times, %d different ids and bodies in all, want %d and %d", len(again), len(bodies), n, n)
		}
		second := o.startReplay(&ledger.ReplayJob{})
		settle(time.Minute)
		o.check("a second one finds nothing left", o.progress(second), "done 0/0 skipped 0")
	})
}

// What an endpoint cannot take holds up nobody else's part, and is made when it
// can; a canceled job makes nothing any more (G4).
func TestReplayWaitsForEachEndpointAlone(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o *office) {
		const n = 2*bulkChunk + 100
		paused, _ := o.create(endpoint.Endpoint{MaxAttempts: 1})
		deleted, _ := o.create(endpoint.Endpoint{MaxAttempts: 1})
		o.exhausted(n, endpoint.Endpoint{})
		if _, err := o.PauseEndpoint(t.Context(), acme, paused.ID, someone); err != nil {
			t.Fatal(err)
		}
		if _, err := o.DisableEndpoint(t.Context(), acme, deleted.ID, someone); err != nil {
			t.Fatal(err)
		}
		sent := len(o.outside.sendings())
		job := o.startReplay(&ledger.ReplayJob{})
		settle(time.Hour)
		o.check("one is paused, one disabled", o.progress(job), fmt.Sprintf("running %d/%d skipped 0", n+2*bulkChunk, 3*n))
		if got := len(o.outside.sendings()) - sent; got != n {
			t.Errorf("sent: got %d, want the %d of the third", got, n)
		}
		second := o.startReplay(&ledger.ReplayJob{EndpointIDs: []string{paused.ID}})
		settle(time.Minute)
		if got := o.metrics.replays.Get(); got != 2 {
			t.Errorf("running: got %v, want 2", got)
		}
		if _, err := o.CancelReplay(t.Context(), acme, second.ID, someone); err != nil {
			t.Fatal(err)
		}
		settle(maxReplayPause)
		if got := o.metrics.replays.Get(); got != 1 {
			t.Errorf("running after one that could do nothing was canceled: got %v, want 1", got)
		}
		if err := o.DeleteEndpoint(t.Context(), acme, deleted.ID, someone); err != nil {
			t.Fatal(err)
		}
		if _, err := o.ResumeEndpoint(t.Context(), acme, paused.ID, someone); err != nil {
			t.Fatal(err)
		}
		settle(time.Hour)
		o.check("resumed and deleted", o.progress(job), fmt.Sprintf("done %d/%d skipped 0", 2*n+bulkChunk, 2*n+bulkChunk))
	})
}

// The rate of a job is kept; a cancel ends it at once.
func TestReplayRateAndCancel(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		e := o.exhausted(100, endpoint.Endpoint{})
		sent := len(o.outside.sendings())
		job := o.startReplay(&ledger.ReplayJob{EndpointIDs: []string{e.ID}, Rate: 5})
		settle(9900 * time.Millisecond)
		if got := len(o.outside.sendings()) - sent; got != 50 {
			t.Errorf("in ten seconds at 5/s: got %d, want 50", got)
		}
		if _, err := o.CancelReplay(t.Context(), acme, job.ID, someone); err != nil {
			t.Errorf("cancel: %v", err)
		}
		settle(time.Hour)
		o.check("canceled", o.progress(job), "canceled 50/100 skipped 0")
		if got := len(o.outside.sendings()) - sent; got != 50 {
			t.Errorf("after the cancel: got %d, want 50", got)
		}
		if _, err := o.CancelReplay(t.Context(), rival, job.ID, someone); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("cancel by another organization: got %v, want %v", err, ledger.ErrNotFound)
		}
	})
}

// The endpoints of a job that has a rate take turns: the second does not wait
// until the first has everything (G4).
func TestReplayRateIsShared(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		for i := range 3 {
			o.create(endpoint.Endpoint{URL: fmt.Sprint(hookURL, i), MaxAttempts: 1})
		}
		o.outside.answers(500)
		o.postMany(100)
		settle(time.Minute)
		o.outside.answers(200)
		sent := len(o.outside.sendings())
		o.startReplay(&ledger.ReplayJob{Rate: 5})
		settle(11900 * time.Millisecond)
		byURL := map[string]int{}
		for _, s := range o.outside.sendings()[sent:] {
			byURL[s.url]++
		}
		if len(byURL) != 3 {
			t.Fatalf("endpoints: got %v, want 3", byURL)
		}
		for url, got := range byURL {
			if got != 20 {
				t.Errorf("%s: got %d in twelve seconds at 5/s, want 20", url, got)
			}
		}
	})
}

// G5: what is replayed to a fifo endpoint stands in its line where the command
// put it, in log order, behind what came in before and ahead of what comes after.
func TestReplayInLine(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		o.exhausted(4, endpoint.Endpoint{Ordering: endpoint.FIFO, RetrySchedule: []endpoint.Millis{1000, 1000}})
		o.outside.mu.Lock()
		failed := 0
		o.outside.answer = func(s sending) int {
			if strings.Contains(s.body, `"n":2}`) && failed < 2 {
				failed++
				return 500
			}
			return 200
		}
		o.outside.mu.Unlock()
		sent := len(o.outside.sendings())
		o.startReplay(&ledger.ReplayJob{})
		settle(100 * time.Millisecond)
		o.post(acme)
		settle(time.Hour)
		var got []string
		for _, s := range o.outside.sendings()[sent:] {
			got = append(got, s.body[strings.Index(s.body, `"n":`)+4:][:1])
		}
		o.check("in line", strings.Join(got, ""), "0122231")
	})
}

// One event again: to those who were owed it, whatever became of it, but not
// while it is on its way. Names of others are refused, and change nothing (G9).
func TestReplayEvent(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		first, _ := o.create(endpoint.Endpoint{})
		o.create(endpoint.Endpoint{Spans: []endpoint.Span{{EventTypes: []string{"z"}}}})
		ev := o.post(acme)
		later, _ := o.create(endpoint.Endpoint{})
		foreign, _, err := o.CreateEndpoint(ctx, rival, &endpoint.Endpoint{URL: hookURL}, secret.Secret{}, someone)
		if err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		ids := func(list ...delivery.ID) string { return fmt.Sprint(list) }
		for n := range uint32(2) {
			made, waiting, err := o.ReplayEvent(ctx, acme, ev.ID, nil, someone)
			want := delivery.ID{Event: ev.ID, Endpoint: uint64(first.Alias), Replay: n + 1}
			if ids(made...) != ids(want) || len(waiting) != 0 || err != nil {
				t.Errorf("replay %d: got %v, waiting %v, %v, want %v", n, made, waiting, err, want)
			}
			if n == 0 {
				settle(time.Second)
			}
		}
		o.outside.answers(500)
		made, waiting, err := o.ReplayEvent(ctx, acme, ev.ID, []string{first.ID}, someone)
		if want := (delivery.ID{Event: ev.ID, Endpoint: uint64(first.Alias), Replay: 2}); ids(waiting...) != ids(want) || len(made) != 0 || err != nil {
			t.Errorf("on its way: got %v, waiting %v, %v, want %v to wait", made, waiting, err, want)
		}
		for _, test := range []struct {
			what string
			ids  []string
			want []string
		}{
			{"of another organization", []string{first.ID, foreign.ID}, []string{"endpoint_ids/1"}},
			{"created later", []string{later.ID}, []string{"endpoint_ids/0"}},
			{"twice", []string{first.ID, first.ID}, []string{"endpoint_ids/1"}},
			{"too many", make([]string, MaxReplayEndpoints+1), []string{"endpoint_ids"}},
		} {
			if _, _, err := o.ReplayEvent(ctx, acme, ev.ID, test.ids, someone); !slices.Equal(fieldsOf(err), test.want) {
				t.Errorf("%s: got %v, want faults of %v", test.what, err, test.want)
			}
		}
		if _, _, err := o.ReplayEvent(ctx, rival, ev.ID, nil, someone); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("by another organization: got %v, want %v", err, ledger.ErrNotFound)
		}
		settle(time.Second)
		if got := len(o.outside.sendings()); got != 3 {
			t.Errorf("sent: got %d, want 3", got)
		}
	})
}

func TestReplayRefuses(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		e, _ := o.create(endpoint.Endpoint{})
		foreign, _, err := o.CreateEndpoint(t.Context(), rival, &endpoint.Endpoint{URL: hookURL}, secret.Secret{}, someone)
		if err != nil {
			t.Fatal(err)
		}
		for field, spec := range map[string]ledger.ReplayJob{
			"endpoint_ids/1":  {EndpointIDs: []string{e.ID, foreign.ID}},
			"endpoint_ids":    {EndpointIDs: make([]string, MaxReplayEndpoints+1)},
			"states":          {States: delivery.SetOf(delivery.Failed, delivery.Retrying)},
			"types/0":         {Types: []string{"a b"}},
			"types":           {Types: slices.Repeat([]string{"a"}, endpoint.MaxPatterns+1)},
			"to":              {From: 20, To: 20},
			"rate_per_second": {Rate: endpoint.MaxPerSecond + 1},
		} {
			if _, err := o.StartReplay(t.Context(), acme, &spec, someone); !slices.Equal(fieldsOf(err), []string{field}) {
				t.Errorf("%s: got %v, want a fault of it alone", field, err)
			}
		}
		if _, err := o.StartReplay(t.Context(), "org_none", &ledger.ReplayJob{}, someone); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("unknown organization: got %v, want %v", err, ledger.ErrNotFound)
		}
		jobs, err := o.ledger.ReplayJobs(acme, ledger.Page{Limit: 10})
		if err != nil || len(jobs.Items) != 0 {
			t.Errorf("after all refusals: got %v, %v, want no job", jobs, err)
		}
	})
}
