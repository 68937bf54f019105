package engine

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

const (
	acme    = "org_acme"
	rival   = "org_rival"
	hookURL = "https://hook.example/in"
)

var someone = ledger.Audit{Actor: "key_test", RequestID: "req_1"}

// sending is one attempt as a receiver sees it.
type sending struct {
	url     string
	start   time.Time
	headers map[string]string
	body    string
}

// outside is everything beyond the engine: it notes what is sent and answers.
type outside struct {
	mu     sync.Mutex
	seen   []sending
	answer func(sending) int // status; nil = 200
}

const attemptTimeout = 10 * time.Second

func (o *outside) Send(req *egress.Request, res *egress.Response) {
	s := sending{url: req.URL, start: req.Deadline.Add(-attemptTimeout), headers: map[string]string{}, body: string(req.Body)}
	for _, h := range req.Headers {
		s.headers[h.Name] = string(h.Value)
	}
	o.mu.Lock()
	o.seen = append(o.seen, s)
	answer := o.answer
	o.mu.Unlock()
	status := 200
	if answer != nil {
		status = answer(s)
	}
	*res = egress.Response{Status: status, Class: egress.Success}
	if status >= 300 {
		res.Class = egress.ServerError
	}
}

func (o *outside) sendings() []sending {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]sending(nil), o.seen...)
}

func (o *outside) answers(status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = func(sending) int { return status }
}

// office is an engine on a filesystem in memory, with two organizations and the
// verbs, which fail the test if they fail.
type office struct {
	*Engine
	t       testing.TB
	options Options
	outside *outside
}

func newOffice(t testing.TB) *office {
	t.Helper()
	box, err := secret.NewBox(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, outside: &outside{}}
	o.options = Options{
		Log:      wal.Options{Dir: "data", FS: kv.MemFS(), Partitions: 3, DiskReserve: -1, MemTableSize: 4 << 20, CacheSize: 4 << 20},
		Sender:   o.outside,
		Bus:      &buses{},
		Box:      box,
		Defaults: Defaults{AttemptTimeout: attemptTimeout},
		Breaker:  noBreaker(),
		Shards:   2,
		Logger:   slog.New(slog.DiscardHandler),
	}
	o.open()
	for _, id := range []string{acme, rival} {
		if _, err := o.CreateOrganization(context.Background(), &ledger.Organization{ID: id, Livemode: true}, someone); err != nil {
			t.Fatalf("create organization: %v", err)
		}
	}
	return o
}

func (o *office) open() {
	o.t.Helper()
	var err error
	if o.Engine, err = Open(context.Background(), o.options); err != nil {
		o.t.Fatalf("open: %v", err)
	}
}

func (o *office) stop() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := o.Close(ctx, func() {}); err != nil {
		o.t.Fatalf("close: %v", err)
	}
}

func (o *office) create(spec endpoint.Endpoint) (*endpoint.Endpoint, secret.Secret) {
	o.t.Helper()
	if spec.URL == "" && spec.Kind == "" {
		spec.URL = hookURL
	}
	made, value, err := o.CreateEndpoint(context.Background(), acme, &spec, secret.Secret{}, someone)
	if err != nil {
		o.t.Fatalf("create endpoint: %v", err)
	}
	return made, value
}

func (o *office) post(org string) *event.Event {
	o.t.Helper()
	ev := &event.Event{ID: ledger.NewID(), Livemode: true, Organization: org, Type: "a.b", Source: event.API, Data: []byte(`{"n":1}`)}
	if _, err := o.Post(context.Background(), []*event.Event{ev}, false, nil); err != nil {
		o.t.Fatalf("post: %v", err)
	}
	return ev
}

// virtual runs a test in virtual time and leaves nothing behind.
func virtual(t *testing.T, run func(t *testing.T, o *office)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.stop()
		run(t, o)
	})
}

// settle lets time pass, and everything happen that can happen by then.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// fieldsOf are the fields that an *InvalidError names, nil for another error.
func fieldsOf(err error) (fields []string) {
	if bad, ok := errors.AsType[*InvalidError](err); ok {
		for _, f := range bad.Fields {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

// TestStopsWhenTold proves G6: with events coming in all the time, no attempt
// starts after a disable, pause, delete or delete of the organization has
// returned, nor one to the old URL after an update.
func TestStopsWhenTold(t *testing.T) {
	for _, test := range []struct {
		name string
		verb func(*office, *endpoint.Endpoint) error
	}{
		{"disable", func(o *office, e *endpoint.Endpoint) error {
			_, err := o.DisableEndpoint(t.Context(), acme, e.ID, someone)
			return err
		}},
		{"disable by an update", func(o *office, e *endpoint.Endpoint) error {
			_, err := o.UpdateEndpoint(t.Context(), acme, e.ID, func(e *endpoint.Endpoint) error {
				e.SetEnabled(false)
				return nil
			}, 0, someone)
			return err
		}},
		{"pause", func(o *office, e *endpoint.Endpoint) error {
			_, err := o.PauseEndpoint(t.Context(), acme, e.ID, someone)
			return err
		}},
		{"delete", func(o *office, e *endpoint.Endpoint) error {
			return o.DeleteEndpoint(t.Context(), acme, e.ID, someone)
		}},
		{"delete organization", func(o *office, e *endpoint.Endpoint) error {
			return o.DeleteOrganization(t.Context(), acme, someone)
		}},
		{"update", func(o *office, e *endpoint.Endpoint) error {
			_, err := o.UpdateEndpoint(t.Context(), acme, e.ID, func(e *endpoint.Endpoint) error {
				e.URL = "https://elsewhere.example/"
				return nil
			}, 0, someone)
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 5 {
				stopsWhenTold(t, test.verb)
			}
		})
	}
}

func stopsWhenTold(t *testing.T, verb func(*office, *endpoint.Endpoint) error) {
	o := newOffice(t)
	started := make(chan struct{}, 1)
	o.outside.answer = func(sending) int {
		select {
		case started <- struct{}{}:
		default:
		}
		return 200
	}
	e, _ := o.create(endpoint.Endpoint{})
	var posters sync.WaitGroup
	var more atomic.Int64 // events to post yet; unlimited until the verb has returned
	more.Store(1 << 40)
	for range 4 {
		posters.Go(func() {
			for more.Add(-1) >= 0 {
				o.post(acme)
			}
		})
	}
	for range 20 {
		<-started
	}
	err := verb(o, e)
	answered := time.Now()
	more.Store(200) // what is posted now would be sent, were the endpoint not stopped
	posters.Wait()
	o.stop()
	if err != nil {
		t.Fatalf("the verb: %v", err)
	}
	for _, s := range o.outside.sendings() {
		if s.url == hookURL && s.start.After(answered) {
			t.Fatalf("an attempt started %v after the answer", s.start.Sub(answered))
		}
	}
}

// TestDeliveryIDsTellNoPositions proves G9 for what an id could tell: where in
// the log that all share the endpoint was created. Delivery ids stay as they are
// through changes and restarts.
func TestDeliveryIDsTellNoPositions(t *testing.T) {
	o := newOffice(t)
	e, _ := o.create(endpoint.Endpoint{Paused: true})
	id, err := o.TestEndpoint(t.Context(), acme, e.ID, &event.Event{})
	if err != nil {
		t.Fatal(err)
	}
	if at := uint64(e.Key); id.Endpoint-at < 1<<20 || at-id.Endpoint < 1<<20 {
		t.Errorf("endpoint in a delivery's id: got %d, want nothing near its position %d", id.Endpoint, at)
	}
	rename := func(e *endpoint.Endpoint) error { e.Name = "renamed"; return nil }
	if _, err := o.UpdateEndpoint(t.Context(), acme, e.ID, rename, 0, someone); err != nil {
		t.Fatal(err)
	}
	o.stop()
	o.open()
	defer o.stop()
	if d, found, err := o.Ledger().Delivery(acme, id); err != nil || !found || d.ID != id {
		t.Errorf("delivery after a change and a restart: got %+v, %v, %v, want %v", d, found, err, id)
	}
}

// TestWalledOff proves G9 for the verbs: the ids of another organization are
// not there, whatever one wants to do with them.
func TestWalledOff(t *testing.T) {
	o := newOffice(t)
	defer o.stop()
	ctx := t.Context()
	e, _ := o.create(endpoint.Endpoint{Paused: true})
	ev := o.post(acme)
	id := delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias)}
	key, _, err := o.CreateKey(ctx, acme, &ledger.Key{Name: "k", Scopes: []string{"events:read"}}, someone)
	if err != nil {
		t.Fatal(err)
	}
	client, _, err := o.CreateClient(ctx, acme, &ledger.Client{Name: "c", Scopes: []string{"events:read"}}, someone)
	if err != nil {
		t.Fatal(err)
	}
	only := func(_ any, err error) error { return err }
	verbs := map[string]func(org string) error{
		"update": func(org string) error {
			return only(o.UpdateEndpoint(ctx, org, e.ID, func(*endpoint.Endpoint) error { return nil }, 0, someone))
		},
		"enable":  func(org string) error { return only(o.EnableEndpoint(ctx, org, e.ID, someone)) },
		"disable": func(org string) error { return only(o.DisableEndpoint(ctx, org, e.ID, someone)) },
		"pause":   func(org string) error { return only(o.PauseEndpoint(ctx, org, e.ID, someone)) },
		"resume":  func(org string) error { return only(o.ResumeEndpoint(ctx, org, e.ID, someone)) },
		"delete":  func(org string) error { return o.DeleteEndpoint(ctx, org, e.ID, someone) },
		"rotate": func(org string) error {
			_, _, err := o.RotateSecret(ctx, org, e.ID, secret.Secret{}, 0, someone)
			return err
		},
		"secrets": func(org string) error { return only(o.Secrets(org, e.ID)) },
		"test":    func(org string) error { return only(o.TestEndpoint(ctx, org, e.ID, &event.Event{})) },
		"retry":   func(org string) error { return o.RetryDelivery(ctx, org, id, someone) },
		"cancel":  func(org string) error { return o.CancelDelivery(ctx, org, id, someone) },
		"revoke":  func(org string) error { return only(o.RevokeKey(ctx, org, key.ID, someone)) },
		"dismiss": func(org string) error { return o.DeleteClient(ctx, org, client.ID, someone) },
	}
	for name, verb := range verbs {
		for _, org := range []string{rival, "", "org_none"} {
			if got := verb(org); !errors.Is(got, ledger.ErrNotFound) {
				t.Errorf("%s by %q: got %v, want %v", name, org, got, ledger.ErrNotFound)
			}
		}
	}
	if now, err := o.endpoint(acme, e.ID); err != nil || now.Version != e.Version {
		t.Errorf("afterwards: got version %v, %v, want %d: nothing has changed", now, err, e.Version)
	}
	for _, name := range []string{"update", "secrets", "test", "rotate", "cancel", "disable", "enable", "resume", "pause", "revoke", "dismiss", "delete"} {
		if err := verbs[name](acme); err != nil {
			t.Errorf("%s by its own organization: got %v, want no error", name, err)
		}
	}
}

func TestPostCounts(t *testing.T) {
	o := newOffice(t)
	defer o.stop()
	keyed := func() *event.Event {
		return &event.Event{
			ID: ledger.NewID(), Organization: acme, Type: "a", Source: event.API, Data: []byte(`[1,2,3]`),
			Idempotency: event.Idempotency{Key: "k", Lifetime: 60_000},
		}
	}
	before := make([]ledger.Verdict, 1, 8)
	verdicts, err := o.Post(t.Context(), []*event.Event{keyed(), keyed()}, false, before)
	if err != nil || len(verdicts) != 3 || verdicts[1].Duplicate || !verdicts[2].Duplicate {
		t.Fatalf("got %+v, %v, want one new and one duplicate after what was there", verdicts, err)
	}
	m := o.metrics
	if a, b, d := m.accepted.Get(), m.acceptedBytes.Get(), m.duplicates.Get(); a != 1 || b != 7 || d != 1 {
		t.Errorf("got %d accepted, %d bytes, %d duplicates, want 1, 7, 1", a, b, d)
	}
	huge := &event.Event{ID: ledger.NewID(), Organization: acme, Type: "a", Source: event.API, Data: []byte(`"` + strings.Repeat("x", 64<<20) + `"`)}
	if _, err := o.Post(t.Context(), []*event.Event{huge}, false, nil); !errors.Is(err, wal.ErrTooLarge) {
		t.Fatalf("64 MiB: got %v, want %v", err, wal.ErrTooLarge)
	}
	if got, want := m.rejected[wal.ErrTooLarge].Get(), uint64(1); got != want {
		t.Errorf("rejected as too large: got %d, want %d", got, want)
	}
}
