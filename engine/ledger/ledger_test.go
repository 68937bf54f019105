package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
	"github.com/hookwheel/hookwheel/wal/waltest"
)

// tester is what the helpers need of a *testing.T or *rapid.T.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// fixture is a ledger on a log in memory and a store in memory. It can be
// stopped and started again, with or without what was not synced.
type fixture struct {
	t     tester
	log   *waltest.Memory
	clock *atomic.Int64 // Unix ms, of the log
	made  atomic.Int64  // events
	fs    *kv.CrashFS
	db    *kv.DB
	*Ledger
	end   context.CancelFunc
	ended chan error
}

const startTime = 1_700_000_000_000 // Unix ms, where the clock of a fixture begins

func newFixture(t tester, partitions int) *fixture {
	f := &fixture{t: t, clock: new(atomic.Int64), fs: kv.NewCrashFS()}
	f.clock.Store(startTime)
	f.log = waltest.NewMemory(waltest.Options{
		Partitions: partitions, Gap: 2,
		Now: func() time.Time { return time.UnixMilli(f.clock.Load()) },
	})
	f.start()
	return f
}

// newLedger starts a fixture that ends with its test.
func newLedger(t *testing.T, partitions int) *fixture {
	f := newFixture(t, partitions)
	t.Cleanup(f.close)
	return f
}

func (f *fixture) close() {
	f.stop()
	f.log.Close()
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func openDB(t tester, fs kv.FS, dir string) *kv.DB {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: dir, FS: fs, CacheSize: 1 << 20, MemTableSize: 256 << 10, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func openLedger(t tester, log wal.Log, db *kv.DB) *Ledger {
	t.Helper()
	l, err := Open(Options{Log: log, DB: db, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start opens the store and applies the log.
func (f *fixture) start() {
	f.t.Helper()
	f.db = openDB(f.t, f.fs.FS, "/db")
	f.run(openLedger(f.t, f.log, f.db))
}

func (f *fixture) run(l *Ledger) {
	f.t.Helper()
	f.Ledger = l
	ctx, cancel := context.WithCancel(context.Background())
	f.end, f.ended = cancel, make(chan error, 1)
	go func() { f.ended <- l.Run(ctx) }()
	for p := range f.Partitions() {
		f.catchUp(p)
	}
}

func (f *fixture) stop() {
	f.t.Helper()
	f.end()
	if err := <-f.ended; err != nil {
		f.t.Errorf("run ended with %v", err)
	}
	if err := f.db.Close(); err != nil {
		f.t.Errorf("close store: %v", err)
	}
}

// restart stops the ledger and starts it again. After a crash the store has
// lost all that was not synced; the log is durable and has not.
func (f *fixture) restart(crash bool) {
	f.t.Helper()
	after := f.fs
	if crash {
		after = f.fs.Crash(nil, 0)
	}
	f.stop()
	f.fs = after
	f.start()
}

// catchUp waits until everything in the log is applied.
func (f *fixture) catchUp(p int) wal.Pos {
	f.t.Helper()
	owner, err := f.log.Claim(context.Background(), p)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.Follow(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	for f.Applied(p) < owner.From() {
		if err := f.Failed(); err != nil {
			f.t.Fatal(err)
		}
		runtime.Gosched()
	}
	return owner.From()
}

// write appends a record and waits until it is applied.
func (f *fixture) write(p int, kind wal.Kind, data []byte) wal.Pos {
	f.t.Helper()
	done := make(chan error, 1)
	f.log.Submit(p, []wal.Rec{{Kind: kind, ID: NewID(), Data: data}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		f.t.Fatal(err)
	}
	return f.catchUp(p)
}

// newEvent is an event of an organization, its id from the clock and greater
// than those made before at the same time.
func (f *fixture) newEvent(org, eventType string) *event.Event {
	id := NewID()
	if err := id.SetTime(uint64(f.clock.Load())); err != nil {
		f.t.Fatal(err)
	}
	binary.BigEndian.PutUint64(id[6:], uint64(f.made.Add(1)))
	return &event.Event{ID: id, Organization: org, Type: eventType, Source: event.API, Livemode: true, Data: []byte(`{"n":1}`)}
}

// post posts one event and returns the verdict on it.
func (f *fixture) post(ev *event.Event) Verdict {
	f.t.Helper()
	verdicts, err := f.Post(context.Background(), []*event.Event{ev}, true, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return verdicts[0]
}

// postType posts an event that must be accepted, and returns its position.
func (f *fixture) postType(org, eventType string) wal.Pos {
	f.t.Helper()
	v := f.post(f.newEvent(org, eventType))
	if v.Err != nil {
		f.t.Fatal(v.Err)
	}
	return v.Pos
}

// create makes an endpoint that is owed what matches the patterns.
func (f *fixture) create(org, id string, types ...string) *endpoint.Endpoint {
	f.t.Helper()
	if _, err := f.Change(context.Background(), &Change{Endpoint: wanted(org, id, types...)}); err != nil {
		f.t.Fatalf("create %s: %v", id, err)
	}
	return f.now(org, id)
}

func wanted(org, id string, types ...string) *endpoint.Endpoint {
	return &endpoint.Endpoint{
		ID: id, Organization: org, Livemode: true, Kind: endpoint.Webhook, URL: "https://example.com/" + id,
		PayloadFormat: event.Envelope, Ordering: endpoint.Unordered,
		Spans: []endpoint.Span{{EventTypes: types, Enabled: true}},
	}
}

// now is an endpoint as the ledger has it, deleted ones included; nil if there
// is none.
func (f *fixture) now(org, id string) *endpoint.Endpoint {
	pt := f.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	if m := pt.mu.byID[id]; m != nil {
		return m.Endpoint
	}
	return nil
}

// lane is what is known of an endpoint's deliveries.
func (f *fixture) lane(e *endpoint.Endpoint) *Lane {
	pt := f.partition(e.Organization)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	lane := new(Lane)
	if m := pt.mu.members[e.Key]; m != nil {
		*lane = m.Lane
	}
	return lane
}

func (f *fixture) command(e *endpoint.Endpoint, verb Verb) error {
	_, err := f.Command(context.Background(), &Command{Verb: verb, Organization: e.Organization, Endpoint: e.Key, Reason: endpoint.ReasonUser})
	return err
}

func (f *fixture) onDelivery(e *endpoint.Endpoint, at wal.Pos, verb Verb) error {
	_, err := f.Command(context.Background(), &Command{Verb: verb, Organization: e.Organization, Endpoint: e.Key, Event: at})
	return err
}

func (f *fixture) mustDo(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// outcome is what attempt n of a delivery came to. A failed one has its next
// attempt a minute later.
func (f *fixture) outcome(e *endpoint.Endpoint, at wal.Pos, n int, state delivery.State) delivery.Outcome {
	now := f.clock.Load()
	o := delivery.Outcome{
		Endpoint: uint64(e.Key), Event: uint64(at), Render: event.RenderingOf(event.Envelope, &event.Event{}), State: state,
		Attempt: delivery.Attempt{N: n, At: now, Duration: 5, Status: 200, Class: 1},
	}
	if state != delivery.Succeeded {
		o.Attempt.Status, o.Attempt.Class, o.Attempt.Snippet = 500, 2, fmt.Sprintf("failure %d", n)
	}
	if state == delivery.Retrying {
		o.Next = now + 60_000
	}
	return o
}

func (f *fixture) settle(e *endpoint.Endpoint, at wal.Pos, n int, state delivery.State) {
	f.t.Helper()
	o := f.outcome(e, at, n, state)
	f.write(f.PartitionOf(e.Organization), wal.Outcome, o.Append(nil))
}

// row is a delivery's row; it must have one.
func (f *fixture) row(e *endpoint.Endpoint, at wal.Pos) delivery.Row {
	f.t.Helper()
	row, found, err := f.Row(f.PartitionOf(e.Organization), Ref{Endpoint: e.Key, Pos: at})
	if err != nil || !found {
		f.t.Fatalf("row of %s at %d: found %t, error %v", e.ID, at, found, err)
	}
	return row
}

// waiting is the retry index of an endpoint.
func (f *fixture) waiting(e *endpoint.Endpoint) []Waiting {
	f.t.Helper()
	list, err := f.WaitingFrom(f.PartitionOf(e.Organization), e.Key, 0, 1000, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// hash is the state of a partition in a word.
func (f *fixture) hash(p int) string { return hashOf(f.t, f.Ledger, p) }

func hashOf(t tester, l *Ledger, p int) string {
	t.Helper()
	sum, err := l.StateHash(p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum[:6])
}

func check[T comparable](t tester, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func checkErr(t tester, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func (f *fixture) ctx() context.Context { return context.Background() }
