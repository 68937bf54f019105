package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// receiver is a scripted sender: it notes what arrives and answers what the
// script says, in virtual or real time.
type receiver struct {
	mu     sync.Mutex
	got    []arrival
	times  map[[2]string]int // by url and id
	answer func(arrival) (status int, after time.Duration, retryAfter string)

	oversized atomic.Bool // bodies of answers are
	forgets   bool        // the bodies that arrive, where nobody looks at them
}

type arrival struct {
	url  string
	id   string
	at   time.Time
	nth  int // of this id at this url, from 1
	body string

	stamp string // webhook-timestamp
	signs int    // signatures in webhook-signature

	delivery string // its id

	status int       // what was answered; 0 = nothing yet, or nothing at all
	until  time.Time // when it had ended
}

func (r *receiver) Send(req *egress.Request, res *egress.Response) {
	a := arrival{url: req.URL, at: time.Now()}
	if !r.forgets {
		a.body = string(req.Body)
	}
	for _, h := range req.Headers {
		switch h.Name {
		case "webhook-id":
			a.id = string(h.Value)
		case "X-Webhook-Delivery":
			a.delivery = string(h.Value)
		case "webhook-timestamp":
			a.stamp = string(h.Value)
		case "webhook-signature":
			a.signs = len(strings.Fields(string(h.Value)))
		}
	}
	r.mu.Lock()
	if r.times == nil {
		r.times = map[[2]string]int{}
	}
	r.times[[2]string{a.url, a.id}]++
	a.nth = r.times[[2]string{a.url, a.id}]
	r.got = append(r.got, a)
	at := len(r.got) - 1
	answer := r.answer
	r.mu.Unlock()
	status, after, retryAfter := 200, time.Duration(0), ""
	if answer != nil {
		status, after, retryAfter = answer(a)
	}
	done := egress.Response{Status: status, RetryAfter: retryAfter, Class: classOf(status), Oversized: r.oversized.Load()}
	if limit := time.Until(req.Deadline); after > limit {
		after, done = limit, egress.Response{Class: egress.Timeout}
	}
	time.Sleep(after)
	r.mu.Lock()
	r.got[at].status, r.got[at].until = done.Status, time.Now()
	r.mu.Unlock()
	*res = done
}

// successor is a receiver that knows all that has arrived so far, and nothing
// that arrives at this one from now on: the power has gone from its sender.
func (r *receiver) successor() *receiver {
	return &receiver{answer: r.answer, got: r.arrivals(), times: r.counts(), forgets: r.forgets}
}

func classOf(status int) egress.Class {
	switch {
	case status < 0:
		return egress.Local
	case status == 0:
		return egress.Connect
	case status < 300:
		return egress.Success
	case status < 500:
		return egress.ClientError
	}
	return egress.ServerError
}

func (r *receiver) arrivals() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.got...)
}

func (r *receiver) counts() map[[2]string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.times)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// noBreaker lets an endpoint fail as fast as it likes.
func noBreaker() retry.BreakerConfig {
	c := retry.DefaultBreaker()
	c.Failures = 0
	return c
}

// rig is an engine over a filesystem in memory, that can be stopped and
// started again.
type rig struct {
	*testing.T
	*Engine
	fs       kv.FS
	key      []byte
	receiver *receiver
	options  Options
}

func newRig(t *testing.T, change func(*Options)) *rig {
	r := &rig{T: t, key: secret.GenerateKey(), receiver: &receiver{}, options: rigOptions()}
	if change != nil {
		change(&r.options)
	}
	r.fs = r.options.Log.FS
	r.start()
	return r
}

func rigOptions() Options {
	return Options{
		Log:    wal.Options{Dir: "data", FS: kv.MemFS(), Partitions: 2, DiskReserve: -1, MemTableSize: 4 << 20, CacheSize: 4 << 20},
		Shards: 2,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func (r *rig) start() {
	r.Helper()
	o := r.options
	o.Log.FS = r.fs
	o.Sender = r.receiver
	if o.Bus == nil {
		o.Bus = &buses{}
	}
	var err error
	if o.Box, err = secret.NewBox(r.key); err != nil {
		r.Fatal(err)
	}
	if r.Engine, err = Open(context.Background(), o); err != nil {
		r.Fatalf("open: %v", err)
	}
}

func (r *rig) stop() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx, func() {}); err != nil {
		r.Errorf("close: %v", err)
	}
}

const org = "default"

func (r *rig) endpoint(name string, change func(*endpoint.Endpoint)) *endpoint.Endpoint {
	r.Helper()
	e := &endpoint.Endpoint{
		ID: "ed_" + name, Organization: org, Kind: endpoint.Webhook, URL: "https://" + name + ".example/hook",
		PayloadFormat: event.Envelope, Signatures: []string{"standard"}, Ordering: endpoint.Unordered,
		Spans: []endpoint.Span{{Enabled: true}},
	}
	s := secret.NewSigning()
	e.Secrets = []endpoint.Secret{{ID: "sec_1", Sealed: r.box.Seal(s, secret.AAD(org, e.ID, "sec_1"))}}
	if change != nil {
		change(e)
	}
	if _, err := r.ledger.Change(context.Background(), &ledger.Change{Endpoint: e}); err != nil {
		r.Fatalf("create endpoint: %v", err)
	}
	return r.lookup(e.ID)
}

func (r *rig) lookup(id string) *endpoint.Endpoint {
	r.Helper()
	p := r.ledger.PartitionOf(org)
	var found *endpoint.Endpoint
	r.ledger.Lanes(p, func(e *endpoint.Endpoint, _ *ledger.Lane) {
		if e.ID == id {
			found = e
		}
	})
	if found == nil {
		r.Fatalf("endpoint %s is not there", id)
	}
	return found
}

func (r *rig) lane(e *endpoint.Endpoint) *ledger.Lane {
	_, lane, _ := r.ledger.Lookup(r.ledger.PartitionOf(org), e.Key)
	return &lane
}

func (r *rig) verb(v ledger.Verb, e *endpoint.Endpoint) {
	r.Helper()
	ctx := context.Background()
	c := &ledger.Command{Verb: v, Organization: org, Endpoint: e.Key}
	if v == ledger.Disable {
		c.Reason = endpoint.ReasonUser
	}
	if _, err := r.ledger.Command(ctx, c); err != nil {
		r.Fatalf("%s: %v", v, err)
	}
	if err := r.barrier(ctx, r.ledger.PartitionOf(org), e.Key); err != nil {
		r.Fatalf("%s: %v", v, err)
	}
}

// post posts n events and returns their ids as receivers see them.
func (r *rig) post(n int) (ids []string) {
	r.Helper()
	for i := range n {
		ids = append(ids, r.postData(1, fmt.Appendf(nil, `{"n":%d}`, i))...)
	}
	return ids
}

// postData posts n events with the same data.
func (r *rig) postData(n int, data []byte) (ids []string) {
	r.Helper()
	for range n {
		ev := &event.Event{ID: ledger.NewID(), Livemode: true, Organization: org, Type: "a.b", Source: event.API, Data: data}
		if _, err := r.ledger.Post(context.Background(), []*event.Event{ev}, false, nil); err != nil {
			r.Fatalf("post: %v", err)
		}
		ids = append(ids, event.FormatID(ev.ID, true))
	}
	return ids
}

func TestDeliversEachEventOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		e := r.endpoint("one", nil)
		ids := r.post(100)
		time.Sleep(time.Second)
		synctest.Wait()
		seen := map[string]int{}
		for _, a := range r.receiver.arrivals() {
			seen[a.id]++
		}
		for _, id := range ids {
			if got, want := seen[id], 1; got != want {
				t.Errorf("event %s arrived %d times, want %d", id, got, want)
			}
		}
		if got, want := r.lane(e).Rows[3], uint64(100); got != want {
			t.Errorf("succeeded: got %d, want %d", got, want)
		}
		r.stop()
	})
}
