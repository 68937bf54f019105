package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// onStore opens the real log, and a ledger in the same store.
func onStore(t *testing.T, fs *kv.CrashFS) (*wal.Store, *Ledger, func()) {
	t.Helper()
	store, err := wal.Open(wal.Options{Dir: "/data", FS: fs.FS, Partitions: 1, DiskReserve: -1, CacheSize: 1 << 20, MemTableSize: 256 << 10, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	l := openLedger(t, store, store.DB())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	if err := l.Follow(ctx); err != nil {
		t.Fatal(err)
	}
	return store, l, func() {
		cancel()
		if err := errors.Join(<-ended, store.Close()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

// After a power cut at any moment the ledger knows every event that was
// answered (G1), and has the state that the log in its store leads to: what it
// derived from a record never outlives the record.
func TestPowerCut(t *testing.T) {
	fs := kv.NewCrashFS()
	rng := rand.New(rand.NewPCG(1, 2))
	var answered []event.ID
	for range 6 {
		store, l, stop := onStore(t, fs)
		f := &fixture{t: t, Ledger: l}
		e := f.now("org_a", "ed_1")
		if e == nil {
			e = f.create("org_a", "ed_1")
		}
		owner, err := store.Claim(t.Context(), 0)
		f.mustDo(err)
		for i := range 40 {
			ev := &event.Event{ID: NewID(), Organization: "org_a", Type: "a", Source: event.API}
			if i%3 == 0 {
				withKey(ev, ev.ID.String(), 1, 1<<40)
			}
			at := f.post(ev).Pos
			answered = append(answered, ev.ID)
			o := delivery.Outcome{Endpoint: uint64(e.Key), Event: uint64(at), State: delivery.Retrying, Next: 1, Attempt: delivery.Attempt{N: 1}}
			if i%4 > 0 { // not waited for: a crash may take it
				owner.Commit([]wal.Rec{{Kind: wal.Outcome, ID: NewID(), Data: o.Append(nil)}}, func(error) {})
			}
			if i == 20 {
				f.mustDo(f.onDelivery(e, at, Cancel))
			}
		}
		cut := fs.Crash(rng, rng.IntN(101))
		stop()
		fs = cut

		_, l, stop = onStore(t, fs)
		f = &fixture{t: t, Ledger: l}
		for _, id := range answered {
			if _, found, err := l.Event("org_a", id); err != nil || !found {
				t.Fatalf("event %v: found %t, error %v", id, found, err)
			}
		}
		lane := f.lane(e)
		check(t, "deliveries", lane.Backlog()+lane.Waiting()+lane.Rows[delivery.Canceled], uint64(len(answered)))
		before := hashOf(t, l, 0)
		stop()

		store, err = wal.Open(wal.Options{Dir: "/data", FS: fs.FS, DiskReserve: -1, Logger: quiet})
		f.mustDo(err)
		db := openDB(t, kv.MemFS(), "/db")
		again := openLedger(t, store, db)
		for chunk := range slices.Chunk(f.records(store, 0), 7) {
			f.mustDo(again.parts[0].apply(chunk))
		}
		check(t, "state after a replay of what the store holds", hashOf(t, again, 0), before)
		f.mustDo(errors.Join(db.Close(), store.Close()))
	}
}

// Trim and Absorbed take from the log only what the ledger has.
func TestTrimmedStore(t *testing.T) {
	fs := kv.NewCrashFS()
	store, l, stop := onStore(t, fs)
	f := &fixture{t: t, Ledger: l}
	e := f.create("org_a", "ed_1")
	var at []wal.Pos
	for range 10 {
		at = append(at, f.post(&event.Event{ID: NewID(), Organization: "org_a", Type: "a", Source: event.API}).Pos)
	}
	f.mustDo(f.onDelivery(e, at[7], Cancel))
	f.expire(at[5])
	owner, err := store.Claim(t.Context(), 0)
	f.mustDo(err)
	f.mustDo(owner.Absorbed(t.Context(), l.Applied(0)))
	f.mustDo(owner.Trim(t.Context(), at[5]))
	want := hashOf(t, l, 0)
	cut := fs.Crash(nil, 0)
	stop()

	_, l, stop = onStore(t, cut)
	defer stop()
	check(t, "state after a power cut", hashOf(t, l, 0), want)
	list, err := l.Events("org_a", EventFilter{}, Page{Limit: 100})
	f.mustDo(err)
	check(t, "events", len(list.Items), 5)
}
