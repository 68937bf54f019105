package ledger

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Each read of a table fails in turn, once: who asked gets an error or the
// whole answer, never a part of it, and never "there is none" (G10, G11).
func TestReadErrors(t *testing.T) {
	disk := kv.NewCrashFS()
	store, l, stop := onStore(t, disk)
	f := &fixture{t: t, Ledger: l, clock: new(atomic.Int64)}
	f.clock.Store(startTime)
	e := f.create("org_a", "ed_1", "a.*")
	owner, err := store.Claim(t.Context(), 0)
	f.mustDo(err)
	random := rand.NewChaCha8([32]byte{})
	var ids []event.ID
	var at []wal.Pos
	for i := range 60 {
		ev := f.newEvent("org_a", []string{"a.x", "a.y", "b"}[i%3])
		ev.Data = make([]byte, 3<<10)
		random.Read(ev.Data)
		ids, at = append(ids, ev.ID), append(at, f.post(ev).Pos)
		if i%3 == 1 {
			o := f.outcome(e, at[i], 1, delivery.Retrying)
			done := make(chan error, 1)
			owner.Commit([]wal.Rec{{Kind: wal.Outcome, ID: NewID(), Data: o.Append(nil)}}, func(err error) { done <- err })
			f.mustDo(<-done)
		}
		if i == 30 {
			f.mustDo(store.DB().Flush()) // so that there are two tables to look into
		}
	}
	f.mustDo(f.onDelivery(e, at[1], Cancel)) // comes after all outcomes
	f.mustDo(store.DB().Flush())
	stop()

	all := Page{Limit: 100}
	pick := func(visited *[]wal.Pos) func(wal.Pos, *event.Event) bool {
		return func(at wal.Pos, ev *event.Event) bool {
			*visited = append(*visited, at)
			return true
		}
	}
	for name, ask := range map[string]func(*Ledger) (any, error){
		"event":            func(l *Ledger) (any, error) { a, found, err := l.Event("org_a", ids[33]); return []any{a, found}, err },
		"events":           func(l *Ledger) (any, error) { return l.Events("org_a", EventFilter{}, all) },
		"events of a type": func(l *Ledger) (any, error) { return l.Events("org_a", EventFilter{Type: "a.y"}, all) },
		"events since": func(l *Ledger) (any, error) {
			return l.Events("org_a", EventFilter{CreatedAfter: startTime - 60_000}, all)
		},
		"deliveries of a type": func(l *Ledger) (any, error) { return l.Deliveries("org_a", DeliveryFilter{Type: "a.y"}, all) },
		"deliveries":           func(l *Ledger) (any, error) { return l.Deliveries("org_a", DeliveryFilter{}, all) },
		"attempts": func(l *Ledger) (any, error) {
			a, found, err := l.Attempts("org_a", delivery.ID{Event: ids[31], Endpoint: uint64(e.Alias)})
			return []any{a, found}, err
		},
		"audit": func(l *Ledger) (any, error) { return l.AuditLog(AuditFilter{}, all) },
		"explain": func(l *Ledger) (any, error) {
			x, found, err := l.Explain("org_a", ids[31], 0, 10)
			return []any{x, found}, err
		},
		"waiting": func(l *Ledger) (any, error) { return l.WaitingFrom(0, e.Key, 0, 100, nil) },
		"events after": func(l *Ledger) (any, error) {
			var visited []wal.Pos
			err := l.EventsAfter(0, at[10], at[59], pick(&visited))
			return visited, err
		},
		"events for": func(l *Ledger) (any, error) {
			var visited []wal.Pos
			through, err := l.EventsFor(0, e, at[10], at[59], pick(&visited))
			return []any{visited, through}, err
		},
		"newest delivery": func(l *Ledger) (any, error) {
			ref, row, found, err := l.NewestDelivery("org_a", e.Key, at[31])
			return []any{ref, row, found}, err
		},
		"state": func(l *Ledger) (any, error) { return l.StateHash(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readErrors(t, disk, ask)
		})
	}
}

func readErrors(t *testing.T, disk *kv.CrashFS, ask func(*Ledger) (any, error)) {
	var want []byte
	errs := 0
	for n, failed := -1, true; failed; n++ { // the first time nothing fails
		if testing.Short() {
			n += n / 2
		}
		fs := disk.Crash(nil, 0)
		store, err := wal.Open(wal.Options{Dir: "/data", FS: fs.FS, CacheSize: 1 << 20, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		l := openLedger(t, store, store.DB())
		hit := func() bool { return true }
		if n >= 0 {
			hit = fs.FailReads(n, 1)
		}
		answer, err := ask(l)
		failed = hit()
		fs.Inject(nil)
		if err != nil {
			errs++
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("read %d fails: got error %v, want EIO", n, err)
			}
			if answer, err = ask(l); err != nil {
				t.Errorf("read %d failed: got error %v afterwards", n, err)
			}
		}
		got, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if n < 0 {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("read %d fails: got %d bytes, want %d:\n%.300s\n%.300s", n, len(got), len(want), got, want)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	if errs == 0 {
		t.Error("got no error, want some")
	}
	t.Logf("%d times an error, else %d bytes of answer", errs, len(want))
}
