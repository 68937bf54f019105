package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/bridge"
	"github.com/hookwheel/hookwheel/engine/bridge/bridgetest"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// buses are scripted: they note what is put and answer what the script says.
type buses struct {
	mu     sync.Mutex
	got    []put
	answer func(put) egress.Response // nil = every event is taken
}

type put struct {
	bridge.Entry
	detail string
	at     time.Time
}

func (b *buses) Put(e *bridge.Entry, res *egress.Response) {
	p := put{Entry: *e, detail: string(e.Detail), at: time.Now()}
	b.mu.Lock()
	b.got = append(b.got, p)
	answer := b.answer
	b.mu.Unlock()
	*res = egress.Response{Status: 200, Class: egress.Success}
	if answer != nil {
		*res = answer(p)
	}
}

func (b *buses) puts() []put {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]put(nil), b.got...)
}

// answers changes the script.
func (b *buses) answers(answer func(put) egress.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func always(r egress.Response) func(put) egress.Response {
	return func(put) egress.Response { return r }
}

var (
	denied    = egress.Response{Status: 403, Class: egress.ClientError, Err: fmt.Errorf("denied")}
	missing   = egress.Response{Status: 404, Class: egress.NoBus, Err: fmt.Errorf("missing")}
	throttled = egress.Response{Status: 429, Class: egress.ClientError, RetryAfter: "1", Err: fmt.Errorf("throttled")}
	unfit     = egress.Response{Class: egress.Payload, Err: fmt.Errorf("unfit")}
	nobody    = egress.Response{Class: egress.Credentials, Err: fmt.Errorf("nobody to call as")}
	taken     = egress.Response{Status: 200, Class: egress.Success}
)

// busScript runs a test in virtual time with one endpoint of kind eventbridge.
func busScript(t *testing.T, spec endpoint.Endpoint, run func(r *rig, b *buses, e *endpoint.Endpoint)) {
	b := &buses{}
	script(t, func(o *Options) { o.Bus = b }, func(r *rig) {
		if _, err := r.CreateOrganization(r.Context(), &ledger.Organization{ID: org, Livemode: true}, someone); err != nil {
			r.Fatalf("create organization: %v", err)
		}
		run(r, b, r.createBus(spec))
	})
}

func (r *rig) createBus(spec endpoint.Endpoint) *endpoint.Endpoint {
	r.Helper()
	spec.Kind, spec.EventBridge = endpoint.Bridge, &endpoint.EventBridge{AccountID: "123456789012", Region: "eu-central-1"}
	e, made, err := r.CreateEndpoint(r.Context(), org, &spec, secret.Secret{}, someone)
	if err != nil {
		r.Fatalf("create endpoint: %v", err)
	}
	if !made.IsZero() {
		r.Error("an endpoint that is not signed for got a secret")
	}
	return e
}

func (r *rig) overview(e *endpoint.Endpoint) *ledger.Overview {
	r.Helper()
	o, found := r.Ledger().Endpoint(org, e.ID)
	if !found {
		r.Fatalf("endpoint %s is not there", e.ID)
	}
	return &o
}

// G7: the bytes of a retry are those of the first attempt.
func TestBusGetsEventsAsTheyAreRendered(t *testing.T) {
	for _, test := range []struct {
		format event.Format
		detail string
	}{
		{"", `{"id":"$id","type":"a.b","created_at":"2000-01-01T00:00:00.000Z","data":{"n":0}}`},
		{event.Raw, `{"n":0}`},
		{event.Thin, `{"id":"$id","object":"v2.core.event","type":"a.b","livemode":true,"created":"2000-01-01T00:00:00.000Z","context":null,"reason":null,"related_object":null}`},
	} {
		busScript(t, endpoint.Endpoint{PayloadFormat: test.format}, func(r *rig, b *buses, e *endpoint.Endpoint) {
			b.answers(always(denied))
			posted := time.Now()
			id := r.post(1)[0]
			after(time.Minute)
			puts := b.puts()
			if got, want := len(puts), 2; got != want {
				r.Fatalf("%s: puts: got %d, want %d", test.format, got, want)
			}
			for _, p := range puts {
				r.want("region", p.Region, "eu-central-1")
				r.want("bus", p.Bus, "arn:aws:events:eu-central-1:123456789012:event-bus/default")
				r.want("source", p.Source, "hookwheel/"+e.ID)
				r.want("detail type", p.DetailType, "a.b")
				r.want("time", p.Time.UnixMilli(), posted.UnixMilli())
				r.want("deadline", p.Deadline, p.at.Add(15*time.Second))
				r.want("detail", p.detail, strings.Replace(test.detail, "$id", id, 1))
			}
		})
	}
}

func TestBusStatusFollowsOutcomes(t *testing.T) {
	busScript(t, endpoint.Endpoint{}, func(r *rig, b *buses, e *endpoint.Endpoint) {
		status := func(when string, want endpoint.SourceStatus) {
			r.Helper()
			r.want("status "+when, r.overview(e).EventSourceStatus(), want)
		}
		status("before anything", endpoint.SourcePending)
		b.answers(always(denied))
		r.post(1)
		after(time.Second)
		status("after a refusal", endpoint.SourceUnknown)
		b.answers(nil)
		r.settle()
		status("after a success", endpoint.SourceActive)

		b.answers(always(missing))
		r.post(1)
		after(time.Second)
		status("without a bus", endpoint.SourceDeleted)
		o := r.overview(e)
		r.want("enabled without a bus", o.Enabled(), false)
		r.want("reason", o.DisabledReason, endpoint.ReasonNoEventSource)
		r.want("failed", o.Counts.Failed, uint64(1))
		r.restart()
		status("after a restart", endpoint.SourceDeleted)

		b.answers(nil)
		if _, err := r.EnableEndpoint(r.Context(), org, e.ID, someone); err != nil {
			r.Fatalf("enable: %v", err)
		}
		status("before anything shows that there is one again", endpoint.SourceUnknown)
		r.post(1)
		r.settle()
		status("when there is a bus again", endpoint.SourceActive)
		r.want("succeeded", r.overview(e).Counts.Succeeded, uint64(2))
	})
}

func TestThrottledBusIsLeftAlone(t *testing.T) {
	busScript(t, endpoint.Endpoint{MaxInFlight: 1}, func(r *rig, b *buses, e *endpoint.Endpoint) {
		var until time.Time
		b.answers(func(p put) egress.Response {
			if until.IsZero() {
				until = p.at.Add(time.Second)
				return throttled
			}
			return taken
		})
		r.post(20)
		r.settle()
		puts := b.puts()
		if got, want := len(puts), 21; got != want {
			r.Fatalf("puts: got %d, want %d", got, want)
		}
		for _, p := range puts[1:] {
			if p.at.Before(until) {
				r.Errorf("put at %v, want not before %v", p.at, until)
			}
		}
		r.want("succeeded", r.overview(e).Counts.Succeeded, uint64(20))
	})
}

// What a bus can never take is not tried again, and holds up nothing else.
func TestUnfitBodyFailsAtOnce(t *testing.T) {
	busScript(t, endpoint.Endpoint{}, func(r *rig, b *buses, e *endpoint.Endpoint) {
		b.answers(always(unfit))
		for range 40 { // more and for longer than what opens a breaker
			r.post(1)
			after(time.Second)
		}
		o := r.overview(e)
		r.want("failed", o.Counts.Failed, uint64(40))
		r.want("puts", len(b.puts()), 40)
		r.want("breaker", o.Lane.ProbeAt, int64(0))
		r.want("failures in a row", o.Lane.Failures, uint64(0))
		r.want("status", o.EventSourceStatus(), endpoint.SourcePending)

		// Nor does it count when the server has been away.
		r.restart()
		b.answers(always(denied))
		r.post(1)
		after(100 * time.Millisecond)
		o = r.overview(e)
		r.want("failures in a row after a refusal", o.Lane.Failures, uint64(1))
		r.want("breaker after a refusal", o.Lane.ProbeAt, int64(0))
	})
}

// Without credentials, which are the operator's affair, nobody's endpoint is
// disabled, however long that goes on.
func TestMissingCredentialsDisableNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		answer egress.Response
		sends  bool
	}{"no credentials": {nobody, true}, "denied": {denied, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			busScript(t, endpoint.Endpoint{}, func(r *rig, b *buses, e *endpoint.Endpoint) {
				b.answers(always(tt.answer))
				for range 7 {
					r.post(1)
					after(24 * time.Hour)
				}
				r.want("sends after a week", r.lookup(e.ID).Sends(), tt.sends)
			})
		})
	}
}

// The real client at a server that checks signatures, in real time.
func TestBusOverHTTP(t *testing.T) {
	aws := bridgetest.New(t)
	aws.Use(t)
	client, err := bridge.New(bridge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	o := newOffice(t)
	o.stop()
	o.options.Bus = client
	o.options.Defaults.EventBus, o.options.Defaults.SourcePrefix = "hooks", "shop.example"
	o.open()
	defer o.stop()
	arrived := make(chan bridgetest.Entry, 10)
	aws.Judge(func(e bridgetest.Entry) bridgetest.Verdict {
		arrived <- e
		if len(aws.Entries()) == 1 {
			return bridgetest.Verdict{Entry: "InternalFailure"}
		}
		return bridgetest.Verdict{}
	})
	made, _ := o.create(endpoint.Endpoint{
		Kind: endpoint.Bridge, EventBridge: &endpoint.EventBridge{AccountID: "123456789012", Region: "cn-north-1"},
		RetrySchedule: []endpoint.Millis{1},
	})
	o.post(acme)
	first, second := <-arrived, <-arrived
	if first.EventBusName != "arn:aws-cn:events:cn-north-1:123456789012:event-bus/hooks" || first.Source != "shop.example/"+made.ID {
		t.Errorf("put: got %+v, want bus hooks and source shop.example", first)
	}
	if first.Detail != second.Detail || first.Time != second.Time {
		t.Errorf("retry: got %+v, want %+v", second, first)
	}
}
