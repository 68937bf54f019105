package ledger

import (
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/wal"
)

// What comes after what, for one delivery. Each step is an attempt's outcome or
// what a person did; every sequence is played as it is, with a restart, and
// with a crash after every step.
func TestSequences(t *testing.T) {
	const failed, exhausted, canceled = delivery.Failed, delivery.Exhausted, delivery.Canceled
	const pending, retrying, succeeded = delivery.Pending, delivery.Retrying, delivery.Succeeded
	type step func(f *fixture, e *endpoint.Endpoint, at wal.Pos)
	attempt := func(n int, s delivery.State) step {
		return func(f *fixture, e *endpoint.Endpoint, at wal.Pos) { f.settle(e, at, n, s) }
	}
	verb := func(v Verb, want error) step {
		return func(f *fixture, e *endpoint.Endpoint, at wal.Pos) {
			checkErr(f.t, string(v), f.onDelivery(e, at, v), want)
		}
	}
	again := func(n int, s delivery.State) step {
		return func(f *fixture, e *endpoint.Endpoint, at wal.Pos) {
			o := f.outcome(e, at, n, s)
			o.Repeated = true
			f.write(0, wal.Outcome, o.Append(nil))
		}
	}
	remove := func(f *fixture, e *endpoint.Endpoint, _ wal.Pos) { f.mustDo(f.command(e, Delete)) }

	for _, test := range []struct {
		name     string
		steps    []step
		state    delivery.State
		attempts int
		max      int
		waits    bool // an entry in the retry index
		listed   bool // an entry in the index of failed and exhausted
	}{
		{"success", []step{attempt(1, succeeded)}, succeeded, 1, 0, false, false},
		{"retry", []step{attempt(1, retrying)}, retrying, 1, 0, true, false},
		{"retry, success", []step{attempt(1, retrying), attempt(2, succeeded)}, succeeded, 2, 0, false, false},
		{"three retries", []step{attempt(1, retrying), attempt(2, retrying), attempt(3, retrying)}, retrying, 3, 0, true, false},
		{"gone", []step{attempt(1, failed)}, failed, 1, 0, false, true},
		{"exhausted", []step{attempt(1, retrying), attempt(2, exhausted)}, exhausted, 2, 0, false, true},
		{"cancel before the first attempt", []step{verb(Cancel, nil)}, canceled, 0, 0, false, false},
		{"cancel twice", []step{verb(Cancel, nil), verb(Cancel, ErrForbidden)}, canceled, 0, 0, false, false},
		{"cancel, late success", []step{verb(Cancel, nil), attempt(1, succeeded)}, succeeded, 1, 0, false, false},
		{"cancel, late failure", []step{verb(Cancel, nil), attempt(1, retrying)}, canceled, 1, 0, false, false},
		{"cancel a retry", []step{attempt(1, retrying), verb(Cancel, nil)}, canceled, 1, 0, false, false},
		{"cancel a retry, late success", []step{attempt(1, retrying), verb(Cancel, nil), attempt(2, succeeded)}, succeeded, 2, 0, false, false},
		{"cancel after success", []step{attempt(1, succeeded), verb(Cancel, ErrForbidden)}, succeeded, 1, 0, false, false},
		{"retry by hand of what was never tried", []step{verb(Retry, ErrForbidden), attempt(1, succeeded)}, succeeded, 1, 0, false, false},
		{"retry by hand after success", []step{attempt(1, succeeded), verb(Retry, ErrForbidden)}, succeeded, 1, 0, false, false},
		{"retry by hand of a retry", []step{attempt(1, retrying), verb(Retry, nil)}, pending, 1, 2, true, false},
		{"retry by hand twice", []step{attempt(1, failed), verb(Retry, nil), verb(Retry, ErrForbidden)}, pending, 1, 2, true, false},
		{"retry by hand of a failed one", []step{attempt(1, failed), verb(Retry, nil)}, pending, 1, 2, true, false},
		{"retry by hand, failed again", []step{attempt(1, failed), verb(Retry, nil), attempt(2, exhausted)}, exhausted, 2, 2, false, true},
		{"retry by hand, success", []step{attempt(1, exhausted), verb(Retry, nil), attempt(2, succeeded)}, succeeded, 2, 2, false, false},
		{"cancel, retry by hand, first attempt", []step{verb(Cancel, nil), verb(Retry, nil), attempt(1, retrying)}, retrying, 1, 1, true, false},
		{"cancel what was put back", []step{attempt(1, failed), verb(Retry, nil), verb(Cancel, nil)}, canceled, 1, 2, false, false},
		{"first outcome repeated", []step{attempt(1, retrying), again(1, retrying)}, retrying, 1, 0, true, false},
		{"second outcome repeated", []step{attempt(1, retrying), attempt(2, succeeded), attempt(2, retrying)}, succeeded, 2, 0, false, false},
		{"repeated, the first one was lost", []step{again(1, succeeded)}, succeeded, 1, 0, false, false},
		{"late failure of a failed one", []step{attempt(1, failed), attempt(2, retrying)}, failed, 2, 0, false, true},
		{"late success of a failed one", []step{attempt(1, failed), attempt(2, succeeded)}, succeeded, 2, 0, false, false},
		{"delete, late first failure", []step{remove, attempt(1, retrying)}, canceled, 1, 0, false, false},
		{"delete a retry, late success", []step{attempt(1, retrying), remove, attempt(2, succeeded)}, succeeded, 2, 0, false, false},
		{"delete a retry, late failure", []step{attempt(1, retrying), remove, attempt(2, retrying)}, canceled, 2, 0, false, false},
	} {
		for _, mode := range []string{"", "restart", "crash"} {
			t.Run(test.name+" "+mode, func(t *testing.T) {
				f := newLedger(t, 1)
				e := f.create("org_a", "ed_1")
				before, at, after := f.postType("org_a", "a"), f.postType("org_a", "a"), f.postType("org_a", "a")
				f.settle(e, before, 1, delivery.Succeeded)
				f.settle(e, after, 1, delivery.Succeeded)
				for _, s := range test.steps {
					s(f, e, at)
					if mode != "" {
						f.restart(mode == "crash")
					}
				}
				row := f.row(e, at)
				check(t, "state", row.State, test.state)
				check(t, "attempts", row.Attempts, test.attempts)
				check(t, "max attempts", row.MaxAttempts, test.max)
				lane := f.lane(e)
				want := [delivery.States]uint64{delivery.Succeeded: 2}
				want[test.state]++
				check(t, "tallies", lane.Rows, want)
				check(t, "backlog", lane.Backlog(), uint64(0))
				check(t, "started", lane.Started, uint64(3))
				wait := f.waiting(e)
				check(t, "waits", len(wait) == 1, test.waits)
				if test.waits {
					check(t, "due", wait[0].At, row.Next)
					check(t, "position", wait[0].Pos, at)
				} else {
					check(t, "next", row.Next, int64(0))
				}
				check(t, "listed", f.terminals(e), map[bool]int{true: 1}[test.listed])
			})
		}
	}
}

// terminals counts an endpoint's entries in the index of failed and exhausted.
func (f *fixture) terminals(e *endpoint.Endpoint) (n int) {
	f.t.Helper()
	pt := f.partition(e.Organization)
	f.mustDo(f.walk(pt.endpointKey(tableTerminal, e.Key), pt.endpointKey(tableTerminal, e.Key+1), func(_, _ []byte) error { n++; return nil }))
	return n
}

// Within one group, what was written but is not committed yet counts.
func TestSequenceInOneGroup(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	at := f.postType("org_a", "a")
	var recs []wal.Rec
	for n, state := range []delivery.State{delivery.Retrying, delivery.Retrying, delivery.Exhausted, delivery.Succeeded} {
		o := f.outcome(e, at, n+1, state)
		recs = append(recs, wal.Rec{Kind: wal.Outcome, ID: NewID(), Data: o.Append(nil)})
	}
	recs = append(recs, recs[3]) // appended twice
	done := make(chan error, 1)
	f.log.Submit(0, recs, func(err error) { done <- err })
	f.mustDo(<-done)
	f.catchUp(0)
	check(t, "state", f.row(e, at).State, delivery.Succeeded)
	check(t, "tallies", f.lane(e).Rows, [delivery.States]uint64{delivery.Succeeded: 1})
	check(t, "waiting", len(f.waiting(e)), 0)
	check(t, "listed", f.terminals(e), 0)
	check(t, "attempts", f.lane(e).Attempts, uint64(4))
}

func TestCancelOnlyWhatIsOwed(t *testing.T) { // G9
	f := newLedger(t, 1)
	before := f.postType("org_a", "a")
	e := f.create("org_a", "ed_1", "a")
	otherType := f.postType("org_a", "b")
	otherOrg := f.postType("org_b", "a")
	f.post(withKey(f.newEvent("org_a", "a"), "k", 1, 1000))
	duplicate := f.post(withKey(f.newEvent("org_a", "a"), "k", 1, 1000))
	for what, at := range map[string]wal.Pos{"created later": before, "another type": otherType, "another organization": otherOrg,
		"a duplicate": duplicate.Pos, "the endpoint itself": wal.Pos(e.Key), "nothing": 1 << 40} {
		checkErr(t, "cancel "+what, f.onDelivery(e, at, Cancel), ErrNotFound)
	}
	_, err := f.Command(t.Context(), &Command{Verb: Cancel, Organization: "org_a", Endpoint: e.Key, Event: otherType, Replay: 1})
	checkErr(t, "cancel a replay that is none", err, ErrNotFound)
	check(t, "backlog", f.lane(e).Backlog(), uint64(1))
	check(t, "started", f.lane(e).Started, uint64(0))
}

func TestLaneFollowsItsOutcomes(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var at []wal.Pos
	for range 4 {
		at = append(at, f.postType("org_a", "a"))
	}
	f.settle(e, at[0], 1, delivery.Succeeded)
	f.clock.Add(10)
	f.settle(e, at[1], 1, delivery.Retrying)
	f.clock.Add(10)
	f.settle(e, at[2], 1, delivery.Exhausted)
	for range 2 {
		lane := f.lane(e)
		check(t, "failures", lane.Failures, uint64(2))
		check(t, "failing from", lane.FailingFrom, int64(startTime+10))
		check(t, "last success", lane.LastSuccess, int64(startTime))
		check(t, "last attempt", lane.LastAttempt, int64(startTime+20))
		check(t, "gave up", lane.GaveUp, true)
		check(t, "backlog", lane.Backlog(), uint64(1))
		check(t, "waiting", lane.Waiting(), uint64(1))
		f.restart(true)
	}
	o := f.outcome(e, at[3], 1, delivery.Succeeded)
	o.Position, o.HoldUntil = uint64(at[3]), 77
	f.write(0, wal.Outcome, o.Append(nil))
	for range 2 {
		lane := f.lane(e)
		check(t, "failures and gave up", fmt.Sprint(lane.Failures, lane.FailingFrom, lane.GaveUp), "0 0 false")
		check(t, "position", lane.Position, at[3])
		check(t, "hold", lane.HoldUntil, int64(77))
		check(t, "backlog", lane.Backlog(), uint64(0))
		f.restart(false)
	}
}

func TestOutcomeOfNobody(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	at := f.postType("org_a", "a")
	_, err := f.Command(t.Context(), &Command{Verb: Erase, Organization: "org_a"})
	f.mustDo(err)
	f.settle(e, at, 1, delivery.Succeeded)
	_, found, err := f.Row(0, Ref{Endpoint: e.Key, Pos: at})
	f.mustDo(err)
	check(t, "row found", found, false)
}
