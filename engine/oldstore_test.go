package engine

import (
	"bytes"
	"context"
	"encoding/json"
	flags "flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Stores of earlier versions: testdata/store/<name>/ has the directory data as
// a server left it, and contents.json, which says what is in it. They are never
// rewritten; a version that changes the format adds one:
//
//	go test ./engine -run TestMakeStore -make-store v2
var makeStore = flags.String("make-store", "", "the name of a directory to make in testdata/store")

const storesDir = "../testdata/store"

// contents is what a store is known to hold.
type contents struct {
	MasterKey     []byte            `json:"master_key"`
	Organizations []string          `json:"organizations"`
	AdminKey      string            `json:"admin_key"`
	Endpoints     map[string]string `json:"endpoints"`  // id: URL and health
	Events        map[string]string `json:"events"`     // id: type and data
	Deliveries    map[string]string `json:"deliveries"` // id: state, attempts, event and URL
	Replays       []string          `json:"replays"`
	Duplicate     string            `json:"duplicate"` // the event that has the idempotency key
	Answer        string            `json:"answer"`
	Audit         []string          `json:"audit"`
}

// G1, G2: every store opens and is whole, has all that it had, and what is owed
// goes out.
func TestStoresOfEarlierVersions(t *testing.T) {
	files, err := filepath.Glob(storesDir + "/*/contents.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("stores: got %v, error %v, want at least one", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			var want contents
			text, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			fs := kv.MemFS()
			copyStore(t, fs, "data", kv.FS{}, filepath.Join(filepath.Dir(file), "data"))
			synctest.Test(t, func(t *testing.T) { openOldStore(t, fs, &want) })
		})
	}
}

func openOldStore(t *testing.T, fs kv.FS, want *contents) {
	time.Sleep(365 * 24 * time.Hour) // while it lay in the cupboard
	r := newStoreRig(t, want.MasterKey, fs)
	r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, time.Second, "" }
	r.start()
	defer r.stop()
	if got, want := indented(t, r.contents()), indented(t, want); !bytes.Equal(got, want) {
		t.Errorf("contents: got\n%s\nwant\n%s", got, want)
	}
	for _, name := range []string{"paused", "gone"} {
		e := r.lookup("ed_" + name)
		r.verb(ledger.Resume, e)
		r.verb(ledger.Enable, e)
	}
	r.settle()
	var owed, arrived []string
	for _, d := range want.Deliveries {
		var state, attempts, id, url string
		fmt.Sscan(d, &state, &attempts, &id, &url)
		if state == delivery.Pending.String() || state == delivery.Retrying.String() {
			owed = append(owed, id+" "+url)
		}
	}
	for _, a := range r.receiver.arrivals() {
		arrived = append(arrived, a.id+" "+a.url)
	}
	slices.Sort(owed)
	slices.Sort(arrived)
	r.want("arrivals", strings.Join(arrived, "\n"), strings.Join(owed, "\n"))
	r.verify()
}

// verify reads all that is in the store.
func (r *rig) verify() {
	r.Helper()
	_, err := Verify(context.Background(), r.store, func(wal.Rec) {}, func(fault error) { r.Errorf("verify: %v", fault) })
	if err != nil {
		r.Errorf("verify: %v", err)
	}
}

// newStoreRig is a rig that keeps everything for ever and is not started.
func newStoreRig(t *testing.T, key []byte, fs kv.FS) *rig {
	return &rig{T: t, key: key, fs: fs, receiver: &receiver{}, options: Options{
		Log:       wal.Options{Dir: "data", Partitions: 2, DiskReserve: -1, MemTableSize: 256 << 10, CacheSize: 1 << 20},
		Retention: -1, AuditRetention: -1, Breaker: noBreaker(), Logger: slog.New(slog.DiscardHandler),
	}}
}

const forEver = 100 * 365 * 24 * time.Hour

// keyed is an event whose idempotency key is taken for ever.
func keyed() *event.Event {
	return &event.Event{
		ID: ledger.NewID(), Livemode: true, Organization: org, Type: "order.keyed", Source: event.API, Data: []byte(`{"key":1}`),
		Idempotency: event.Idempotency{Key: "order-1", Fingerprint: [16]byte{1}, Lifetime: forEver.Milliseconds()},
	}
}

func TestMakeStore(t *testing.T) {
	if *makeStore == "" {
		t.Skip("only with -make-store")
	}
	dir := filepath.Join(storesDir, *makeStore)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err) // what is there stays
	}
	fs := kv.MemFS()
	var made *contents
	synctest.Test(t, func(t *testing.T) { made = fillStore(newStoreRig(t, secret.GenerateKey(), fs)) })
	copyStore(t, kv.FS{}, filepath.Join(dir, "data"), fs, "data")
	if err := os.WriteFile(filepath.Join(dir, "contents.json"), indented(t, made), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fillStore leaves a bit of everything, in tables and in the write-ahead log.
func fillStore(r *rig) *contents {
	r.receiver.answer = func(a arrival) (int, time.Duration, string) {
		for name, status := range map[string]int{"retrying": 503, "exhausted": 500, "gone": 410} {
			if strings.Contains(a.url, name) {
				return status, 0, ""
			}
		}
		return 200, 0, ""
	}
	r.start()
	must := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	ctx := context.Background()
	_, err := r.EnsureTenants(ctx, secret.New("admin-key-of-a-store-for-tests"))
	must(err)
	for _, name := range []string{"works", "retrying", "gone", "paused", "deleted"} {
		r.endpoint(name, nil)
	}
	exhausted := r.endpoint("exhausted", func(e *endpoint.Endpoint) { e.MaxAttempts = 2; e.RetrySchedule = []endpoint.Millis{1000} })
	_, err = r.Post(ctx, []*event.Event{keyed()}, false, nil)
	must(err)
	must(r.KeepAnswer(ctx, org, "POST /v1/events k", secret.New("the answer"), forEver))
	r.verb(ledger.Pause, r.lookup("ed_paused"))
	ids := r.post(5)
	after(time.Minute)
	r.verb(ledger.Delete, r.lookup("ed_deleted"))
	_, err = r.StartReplay(ctx, org, &ledger.ReplayJob{EndpointIDs: []string{"ed_works"}, States: delivery.SetOf(delivery.Succeeded)}, someone)
	must(err)
	after(time.Minute)
	r.restart() // what was in the write-ahead log is in tables now
	must(r.RetryDelivery(ctx, org, r.delivery(exhausted, ids[0]), someone))
	must(r.CancelDelivery(ctx, org, r.delivery(r.lookup("ed_retrying"), ids[1]), someone))
	r.post(2)
	after(2 * time.Second)
	made := r.contents()
	r.stop()
	return made
}

// contents reads what is in the store.
func (r *rig) contents() *contents {
	r.Helper()
	c := &contents{MasterKey: r.key, Endpoints: map[string]string{}, Events: map[string]string{}, Deliveries: map[string]string{}}
	must := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	for _, o := range r.ledger.Organizations() {
		c.Organizations = append(c.Organizations, o.ID+" "+o.Name)
	}
	if key, found := r.ledger.KeyByHash(secret.Hash("admin-key-of-a-store-for-tests")); found {
		c.AdminKey = key.ID
	}
	page := ledger.Page{Limit: 1000}
	events, err := r.ledger.Events(org, ledger.EventFilter{}, page)
	must(err)
	for _, ev := range events.Items {
		c.Events[event.FormatID(ev.ID, true)] = ev.Type + " " + string(ev.Data)
	}
	deliveries, err := r.ledger.Deliveries(org, ledger.DeliveryFilter{}, page)
	must(err)
	for _, d := range deliveries.Items {
		c.Deliveries[d.ID.String()] = fmt.Sprintf("%s %d %s %s", d.State, d.Attempts, event.FormatID(d.Event.ID, true), d.Endpoint.URL)
		c.Endpoints[d.Endpoint.ID] = fmt.Sprintf("%s enabled=%t paused=%t", d.Endpoint.URL, d.Endpoint.Enabled(), d.Endpoint.Paused)
	}
	jobs, err := r.ledger.ReplayJobs(org, page)
	must(err)
	for _, job := range jobs.Items {
		c.Replays = append(c.Replays, fmt.Sprintf("%s %s %d", ledger.FormatReplayID(job.ID), job.State, job.Replayed))
	}
	verdicts, err := r.Post(context.Background(), []*event.Event{keyed()}, false, nil)
	must(err)
	if verdicts[0].Duplicate {
		c.Duplicate = event.FormatID(verdicts[0].First, true)
	}
	answer, _, err := r.Answer(org, "POST /v1/events k")
	must(err)
	c.Answer = answer.Reveal()
	audit, err := r.ledger.AuditLog(ledger.AuditFilter{}, page)
	must(err)
	for _, a := range audit.Items {
		c.Audit = append(c.Audit, fmt.Sprintf("%s %s %s by %q", a.Verb, a.Kind, a.Object, a.Actor))
	}
	return c
}

// copyStore copies the files of a store that nobody has open.
func copyStore(t *testing.T, to kv.FS, toDir string, from kv.FS, fromDir string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"", "db"} {
		must(to.MkdirAll(to.Join(toDir, dir)))
		names, err := from.List(from.Join(fromDir, dir))
		must(err)
		for _, name := range names {
			if strings.EqualFold(name, "lock") || name == "db" {
				continue
			}
			data, err := from.ReadFile(from.Join(fromDir, dir, name))
			must(err)
			must(to.WriteFile(to.Join(toDir, dir, name), data))
		}
	}
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}
