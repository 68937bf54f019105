package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// records is what the log of partition 0 holds after a position.
func (f *fixture) records(log wal.Log, after wal.Pos) (all []wal.Rec) {
	f.t.Helper()
	owner, err := log.Claim(f.ctx(), 0)
	f.mustDo(err)
	if owner.From() <= after {
		return nil
	}
	ctx, cancel := context.WithCancel(f.ctx())
	err = log.Tail(ctx, 0, after, func(recs []wal.Rec) error {
		all = append(all, recs...)
		if len(all) > 0 && all[len(all)-1].Pos >= owner.From() {
			cancel()
		}
		return nil
	})
	cancel()
	checkErr(f.t, "tail", err, context.Canceled)
	return all
}

// replay is the state of a new ledger that applies the whole log of a fixture
// in groups of a size. The fixture is stopped meanwhile: a log has one tail.
func replay(t tester, f *fixture, group int) string {
	t.Helper()
	db := openDB(t, kv.MemFS(), "/db")
	defer db.Close()
	f.stop()
	defer f.start()
	l := openLedger(t, f.log, db)
	for chunk := range slices.Chunk(f.records(f.log, 0), group) {
		if err := l.parts[0].apply(chunk); err != nil {
			t.Fatal(err)
		}
	}
	return hashOf(t, l, 0)
}

// some does a bit of everything.
func (f *fixture) some(round int) {
	a, b := fmt.Sprintf("ed_a%d", round), fmt.Sprintf("ed_b%d", round)
	e, paid := f.create("org_a", a), f.create("org_a", b, "invoice.*")
	f.post(withKey(f.newEvent("org_a", "x"), "k", 1, 500))
	f.post(withKey(f.newEvent("org_a", "x"), "k", 1, 500))
	var at []wal.Pos
	for range 8 {
		f.clock.Add(20_000)
		at = append(at, f.postType("org_a", "invoice.paid"))
	}
	for i, state := range []delivery.State{delivery.Succeeded, delivery.Retrying, delivery.Failed, delivery.Exhausted, delivery.Retrying} {
		f.settle(e, at[i], 1, state)
	}
	f.settle(paid, at[1], 1, delivery.Retrying)
	f.settle(e, at[1], 2, delivery.Succeeded)
	f.mustDo(f.onDelivery(e, at[2], Retry))
	f.mustDo(f.onDelivery(e, at[7], Cancel))
	f.mustDo(f.command(paid, Disable))
	f.mustDo(f.command(e, Pause))
	if round%2 == 1 {
		f.mustDo(f.command(paid, Delete))
	}
}

// A ledger that starts from what it was when the log was trimmed, and applies
// the rest, comes to the same as one that was there all the time (G1, G11).
func TestStateAtTrimPlusRest(t *testing.T) {
	f := newLedger(t, 1)
	f.some(0)
	f.some(1)
	before := f.postType("org_a", "a")
	_, err := f.Command(t.Context(), &Command{Verb: Expire, Organization: "org_a", Before: before})
	f.mustDo(err)
	f.mustDo(f.db.Checkpoint("/copy"))
	owner, err := f.log.Claim(t.Context(), 0)
	f.mustDo(err)
	f.mustDo(errors.Join(owner.Absorbed(t.Context(), f.Applied(0)), owner.Trim(t.Context(), before)))
	f.some(2)
	want := f.hash(0)

	db := openDB(t, f.fs.FS, "/copy")
	defer db.Close()
	copied := openLedger(t, f.log, db)
	if hashOf(t, copied, 0) == want {
		t.Fatal("the copy has the state of the end already: the test tests nothing")
	}
	f.stop()
	for _, rec := range f.records(f.log, copied.Applied(0)) {
		f.mustDo(copied.parts[0].apply([]wal.Rec{rec}))
	}
	f.start()
	check(t, "state of the copy", hashOf(t, copied, 0), want)
	check(t, "state after a restart on the trimmed log", f.hash(0), want)
}

func TestStateHashSeesEverything(t *testing.T) {
	f := newLedger(t, 1)
	seen := map[string]string{f.hash(0): "nothing"}
	note := func(what string) {
		t.Helper()
		h := f.hash(0)
		if before, known := seen[h]; known {
			t.Errorf("%s: the state has the hash that it had after %s", what, before)
		}
		seen[h] = what
	}
	e := f.create("org_a", "ed_1")
	note("create")
	at := f.postType("org_a", "a")
	note("post")
	f.settle(e, at, 1, delivery.Retrying)
	note("outcome")
	f.mustDo(f.onDelivery(e, at, Retry))
	note("retry")
	f.mustDo(f.command(e, Pause))
	note("pause")
	f.keep("org_a", "POST / k", "answer", startTime)
	note("answer")
	if _, err := f.Command(t.Context(), &Command{Verb: Expire, Organization: "org_a", Before: at + 1}); err != nil {
		t.Fatal(err)
	}
	note("expire")
}

// Counts survive a start wherever it falls between two writes of lane rows.
func TestLanesAreWrittenNowAndThen(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	want := uint64(0)
	for round := range 4 {
		for range round + 2 {
			f.flushSoon()
			f.postType("org_a", "a")
			f.postType("org_a", "a")
			want += 2
		}
		f.restart(round%2 == 1)
		check(t, "backlog", f.lane(e).Backlog(), want)
	}
}

// flushSoon makes the next group write the lanes, as one of every flushRecords
// records does.
func (f *fixture) flushSoon() {
	pt := f.parts[0]
	pt.mu.Lock()
	defer pt.mu.Unlock()
	pt.sinceFlush = flushRecords
}
