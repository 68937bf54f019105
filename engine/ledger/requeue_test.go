package ledger

import (
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
)

// Of the events that a command names, it retries what has failed, and nothing
// else.
func TestRetryAll(t *testing.T) {
	f := newLedger(t, 1)
	e, other := f.create("org_a", "ed_1"), f.create("org_a", "ed_2")
	states := []delivery.State{delivery.Exhausted, delivery.Failed, delivery.Succeeded, delivery.Exhausted, delivery.Retrying, delivery.Failed}
	var at []wal.Pos
	for i, state := range states {
		at = append(at, f.postType("org_a", "a"))
		f.settle(e, at[i], 1, state)
		f.settle(other, at[i], 1, delivery.Failed)
	}
	untried := f.postType("org_a", "a")
	retry := func(events ...wal.Pos) int {
		t.Helper()
		v, err := f.Command(t.Context(), &Command{Verb: RetryAll, Organization: "org_a", Endpoint: e.Key, Events: events})
		f.mustDo(err)
		return v.Count
	}
	check(t, "retried", retry(at[0], at[1], at[2], at[3], at[4], untried, untried+1), 3)
	check(t, "retried again", retry(at...), 1)
	for i, want := range []delivery.State{delivery.Pending, delivery.Pending, delivery.Succeeded, delivery.Pending, delivery.Retrying, delivery.Pending} {
		check(t, "state", f.row(e, at[i]).State, want)
	}
	check(t, "listed", f.terminals(e), 0)
	check(t, "waiting", len(f.waiting(e)), 5)
	check(t, "of the other endpoint", f.lane(other).Rows[delivery.Failed], uint64(len(states)))

	// Two that did not know of each other put no more in line than one may.
	for _, want := range []int{4, 0} {
		v, err := f.Command(t.Context(), &Command{Verb: RetryAll, Organization: "org_a", Endpoint: other.Key, Events: at, Limit: 4})
		f.mustDo(err)
		check(t, "retried up to a limit", v.Count, want)
	}
	check(t, "state after a replay", replay(t, f, 1), f.hash(0))
}
