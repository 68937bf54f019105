package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// G11: what was accepted can be found when the answer arrives.
func TestPostIsFoundAtOnce(t *testing.T) {
	f := newLedger(t, 4)
	paid := f.create("org_a", "ed_paid", "invoice.paid")
	every := f.create("org_a", "ed_all")
	f.create("org_b", "ed_other")

	ev := f.newEvent("org_a", "invoice.paid")
	v := f.post(ev)
	checkErr(t, "verdict", v.Err, nil)
	check(t, "matched", v.Matched, 2)
	check(t, "endpoints", len(v.Endpoints), 2)
	check(t, "first endpoint", v.Endpoints[0].ID, paid.ID)
	check(t, "time", v.At, int64(startTime))
	row, found, err := f.partition("org_a").eventRow("org_a", ev.ID)
	if err != nil || !found {
		t.Fatalf("event row: found %t, error %v", found, err)
	}
	check(t, "position in the row", row.pos, v.Pos)
	check(t, "matched in the row", row.matched, 2)
	check(t, "backlog", f.lane(paid).Backlog(), uint64(1))
	check(t, "backlog", f.lane(every).Backlog(), uint64(1))
	check(t, "oldest", f.lane(every).Oldest, v.Pos)
	check(t, "oldest at", f.lane(every).OldestAt, int64(startTime))

	v = f.post(f.newEvent("org_a", "invoice.failed"))
	check(t, "matched", v.Matched, 1)
	check(t, "backlog of another type", f.lane(paid).Backlog(), uint64(1))
}

func TestPostOfManyKeepsOrder(t *testing.T) {
	f := newLedger(t, 1)
	var events []*event.Event
	for i := range 100 {
		events = append(events, f.newEvent("org_a", fmt.Sprintf("type.%d", i)))
	}
	verdicts, err := f.Post(t.Context(), events, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if i > 0 && v.Pos <= verdicts[i-1].Pos {
			t.Fatalf("position %d is %d, not after %d", i, v.Pos, verdicts[i-1].Pos)
		}
		got, err := f.EventAt(0, v.Pos)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "id", got.ID, events[i].ID)
	}
}

func withKey(ev *event.Event, key string, content byte, lifetime int64) *event.Event {
	ev.Idempotency = event.Idempotency{Key: key, Fingerprint: [16]byte{content}, Lifetime: lifetime}
	return ev
}

func TestIdempotency(t *testing.T) {
	const hour = 3_600_000
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("together=%t", together), func(t *testing.T) {
			f := newLedger(t, 1)
			e := f.create("org_a", "ed_1")
			first := withKey(f.newEvent("org_a", "a"), "k", 1, hour)
			again := withKey(f.newEvent("org_a", "a"), "k", 1, hour)
			again.Livemode = false // the first one's is what is told
			other := withKey(f.newEvent("org_a", "a"), "k", 2, hour)
			stripe := withKey(f.newEvent("org_a", "a"), "k", 2, hour)
			stripe.Source = event.Stripe
			tenant := withKey(f.newEvent("org_b", "a"), "k", 2, hour)

			events := []*event.Event{first, again, other, stripe, tenant}
			var got []Verdict
			if together { // one submission is one group: the overlay has to answer
				var err error
				if got, err = f.Post(t.Context(), events, false, nil); err != nil {
					t.Fatal(err)
				}
			} else {
				for _, ev := range events {
					got = append(got, f.post(ev))
				}
			}
			for i, want := range []Verdict{
				{},
				{Duplicate: true, First: first.ID, FirstLivemode: true},
				{Duplicate: true, First: first.ID, FirstLivemode: true, Err: ErrConflict},
				{}, {},
			} {
				check(t, fmt.Sprintf("%d: duplicate", i), got[i].Duplicate, want.Duplicate)
				check(t, fmt.Sprintf("%d: first", i), got[i].First, want.First)
				check(t, fmt.Sprintf("%d: livemode of the first", i), got[i].FirstLivemode, want.FirstLivemode)
				checkErr(t, fmt.Sprintf("%d", i), got[i].Err, want.Err)
			}
			check(t, "backlog", f.lane(e).Backlog(), uint64(2))
			seen := 0
			f.mustDo(f.EventsAfter(0, 0, f.Applied(0), func(_ wal.Pos, _ *event.Event) bool { seen++; return true }))
			check(t, "events that are no duplicates", seen, 3)
		})
	}
}

func TestIdempotencyKeyExpires(t *testing.T) {
	const hour = 3_600_000
	f := newLedger(t, 1)
	post := func() Verdict { return f.post(withKey(f.newEvent("org_a", "a"), "k", 1, hour)) }
	first := post()
	f.clock.Add(hour - 1)
	check(t, "duplicate just before", post().Duplicate, true)
	f.clock.Add(1)
	second := post()
	check(t, "duplicate at the end", second.Duplicate, false)
	if second.Pos <= first.Pos {
		t.Errorf("position: got %d, want one after %d", second.Pos, first.Pos)
	}

	forget := func() {
		_, err := f.Command(t.Context(), &Command{Organization: "org_a", Verb: Forget, BeforeTime: f.clock.Load()})
		f.mustDo(err)
	}
	f.clock.Add(hour - 1)
	forget()
	check(t, "duplicate after the first expiry is forgotten", post().Duplicate, true)
	f.clock.Add(2 * hour)
	forget()
	check(t, "keys", f.count(tableIdempotency), 0)
	check(t, "expiries", f.count(tableKeyExpiry), 0)
	check(t, "duplicate in the end", post().Duplicate, false)
}

// Of twins that arrive at once exactly one is accepted.
func TestParallelTwins(t *testing.T) {
	f := newLedger(t, 1)
	const n = 50
	verdicts := make([]Verdict, n)
	var wg sync.WaitGroup
	for i := range n {
		ev := withKey(f.newEvent("org_a", "a"), "k", 1, startTime+1000)
		wg.Go(func() { verdicts[i] = f.post(ev) })
	}
	wg.Wait()
	accepted := 0
	for _, v := range verdicts {
		if !v.Duplicate {
			accepted++
		}
	}
	check(t, "accepted", accepted, 1)
}

func TestPostEndsWithItsContext(t *testing.T) {
	f := newLedger(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Both may be ready at once; what must not happen is another error.
	if _, err := f.Post(ctx, []*event.Event{f.newEvent("org_a", "a")}, false, nil); err != nil {
		checkErr(t, "post", err, context.Canceled)
	}
	f.stop()
	_, err := f.Post(t.Context(), []*event.Event{f.newEvent("org_a", "a")}, false, nil)
	checkErr(t, "post to a stopped ledger", err, ErrStopped)
	f.start()
}

// What is in the log twice is read once, by those who read the log, and is
// forgotten with the events of its time.
func TestDuplicatesAreNotRead(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var accepted []wal.Pos
	for i := range 30 {
		if v := f.post(withKey(f.newEvent("org_a", "a"), fmt.Sprint(i%7, i/20), 1, startTime)); !v.Duplicate {
			accepted = append(accepted, v.Pos)
		}
	}
	for range 2 {
		check(t, "events owed", fmt.Sprint(f.owedAfter(e, 0, f.Applied(0))), fmt.Sprint(accepted))
		check(t, "events owed behind one", fmt.Sprint(f.owedAfter(e, accepted[5], accepted[9])), fmt.Sprint(accepted[6:10]))
		f.restart(true)
	}
	check(t, "duplicates", f.count(tableDuplicate), 30-len(accepted))
	f.expire(f.postType("org_a", "a"))
	check(t, "duplicates that can still be read", f.count(tableDuplicate), 30-len(accepted))
	f.expire(f.postType("org_a", "a"))
	check(t, "duplicates after retention", f.count(tableDuplicate), 0)
}
