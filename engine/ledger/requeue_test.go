package ledger

import (
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
)

// A series of commands retries everything that failed before it began, each
// delivery once, though some fail again meanwhile.
func TestRetryAll(t *testing.T) {
	f := newLedger(t, 1)
	e, other := f.create("org_a", "ed_1"), f.create("org_a", "ed_2")
	states := []delivery.State{delivery.Exhausted, delivery.Failed, delivery.Succeeded, delivery.Exhausted, delivery.Retrying, delivery.Failed}
	var at []wal.Pos
	for _, state := range states {
		at = append(at, f.postType("org_a", "a"))
		f.settle(e, at[len(at)-1], 1, state)
		f.settle(other, at[len(at)-1], 1, delivery.Failed)
	}
	retry := func(limit int, before wal.Pos) Verdict {
		t.Helper()
		v, err := f.Command(t.Context(), &Command{Verb: RetryAll, Organization: "org_a", Endpoint: e.Key, Limit: limit, Before: before})
		f.mustDo(err)
		return v
	}
	first := retry(3, 0)
	check(t, "first", first.Count, 3)
	f.settle(e, at[1], 2, delivery.Exhausted)
	check(t, "second", retry(3, first.Pos).Count, 1)
	check(t, "third", retry(3, first.Pos).Count, 0)
	for i, want := range []delivery.State{delivery.Pending, delivery.Exhausted, delivery.Succeeded, delivery.Pending, delivery.Retrying, delivery.Pending} {
		check(t, "state", f.row(e, at[i]).State, want)
	}
	check(t, "listed", f.terminals(e), 1)
	check(t, "waiting", len(f.waiting(e)), 4)
	check(t, "of the other endpoint", f.lane(other).Rows[delivery.Failed], uint64(len(states)))
	check(t, "a new series", retry(3, 0).Count, 1)
	check(t, "state after a replay", replay(t, f, 1), f.hash(0))
}
