package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
)

// Any window of a history is that part of what looking up every delivery gives.
func TestHistory(t *testing.T) {
	f := newLedger(t, 1)
	e, other := f.create("org_a", "ed_1", "paid"), f.create("org_a", "ed_2")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var events []Accepted
	for range 60 {
		f.clock.Add(1000)
		ev := f.newEvent("org_a", []string{"paid", "sent"}[random.IntN(2)])
		at := f.post(ev).Pos
		a, _, err := f.Event("org_a", ev.ID)
		f.mustDo(err)
		events = append(events, a)
		if ev.Type != "paid" {
			continue
		}
		switch random.IntN(8) {
		case 0:
			f.settle(e, at, 1, delivery.Succeeded)
		case 1, 2:
			f.settle(e, at, 1, delivery.Retrying)
		case 3:
			f.settle(e, at, 1, delivery.Failed)
		case 4:
			f.settle(e, at, 1, delivery.Exhausted)
			f.mustDo(f.onDelivery(e, at, Retry))
		case 5:
			f.settle(e, at, 1, delivery.Exhausted)
		}
	}
	f.expire(events[7].Pos)
	states := []delivery.StateSet{
		0, delivery.SetOf(delivery.Pending, delivery.Retrying), delivery.SetOf(delivery.Failed, delivery.Canceled),
		delivery.SetOf(delivery.Failed, delivery.Exhausted), delivery.SetOf(delivery.Pending, delivery.Succeeded),
	}
	for s := delivery.Pending; s < delivery.States; s++ {
		states = append(states, delivery.SetOf(s))
	}
	compare := func(to *endpoint.Endpoint, set delivery.StateSet) {
		t.Helper()
		want := f.naive(&DeliveryFilter{Endpoint: to.Key, States: set}, events, []*endpoint.Endpoint{e, other})
		for skip := 0; skip <= len(want)+1; skip += 3 {
			for _, take := range []int{1, 4, 100} {
				var got []string
				n, more, err := f.History("org_a", to.Key, Window{set, skip, take}, func(d *Delivery) error {
					got = append(got, idOf(*d))
					return nil
				})
				f.mustDo(err)
				what := fmt.Sprintf("%s in %b after %d by %d", to.ID, set, skip, take)
				part := want[min(skip, len(want)):min(skip+take, len(want))]
				check(t, what, fmt.Sprint(got), fmt.Sprint(part))
				check(t, what+": number", n, min(skip+take, len(want)))
				check(t, what+": more", more, skip+take < len(want))
			}
		}
	}
	for _, set := range states {
		compare(e, set)
		compare(other, set) // was never tried
	}
	waits := slices.IndexFunc(events, func(a Accepted) bool {
		return a.Pos >= events[7].Pos && a.Type == "paid" && f.delivery("org_a", delivery.ID{Event: a.ID, Endpoint: uint64(e.Alias)}).State == delivery.Pending
	})
	if waits >= 0 {
		f.mustDo(f.onDelivery(e, events[waits].Pos, Cancel))
	}
	for _, set := range states {
		compare(e, set)
	}
}

func TestHistoryEnds(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	at := f.postType("org_a", "a")
	f.settle(e, at, 1, delivery.Succeeded)
	replay := f.outcome(e, at, 1, delivery.Failed)
	replay.Replay = 1
	f.write(0, 2, replay.Append(nil))
	var got []uint32
	n, more, err := f.History("org_a", e.Key, Window{Take: 10}, func(d *Delivery) error {
		got = append(got, d.ID.Replay)
		return nil
	})
	f.mustDo(err)
	check(t, "replays", fmt.Sprint(n, more, got), "2 false [1 0]")

	none := func(*Delivery) error {
		t.Error("visited what must not be seen")
		return nil
	}
	n, _, err = f.History("org_b", e.Key, Window{Take: 10}, none) // G9
	check(t, "of another organization", fmt.Sprint(n, err), "0 <nil>")
	failure := errors.New("enough")
	if _, _, err := f.History("org_a", e.Key, Window{Take: 10}, func(*Delivery) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("error of visit: got %v, want %v", err, failure)
	}
	f.mustDo(f.command(e, Delete))
	n, _, err = f.History("org_a", e.Key, Window{Take: 10}, none)
	check(t, "of a deleted endpoint", fmt.Sprint(n, err), "0 <nil>")
}

// One call examines a bounded number of rows.
func TestHistoryIsBounded(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	f.settle(e, f.postType("org_a", "a"), 1, delivery.Retrying)
	for range maxExamined {
		f.settle(e, f.postType("org_a", "a"), 1, delivery.Succeeded)
	}
	count := func(w Window) (n int, more bool, err error) {
		return f.History("org_a", e.Key, w, func(*Delivery) error { return nil })
	}
	n, more, err := count(Window{Skip: maxExamined - 10, Take: 10})
	check(t, "as far as it goes", fmt.Sprint(n, more, err), fmt.Sprint(maxExamined, true, nil))
	n, more, err = count(Window{States: delivery.SetOf(delivery.Retrying), Take: 10})
	check(t, "by index", fmt.Sprint(n, more, err), "1 false <nil>")
	n, more, err = count(Window{Skip: maxExamined - 5, Take: 10})
	check(t, "beyond it", fmt.Sprint(n, more, err), fmt.Sprint(maxExamined, true, nil))
	behind := delivery.SetOf(delivery.Retrying, delivery.Failed)
	n, more, err = count(Window{States: behind, Take: 10})
	check(t, "nothing as far as it goes", fmt.Sprint(n, more, err), "0 true <nil>")
	for _, w := range []Window{{Skip: maxExamined, Take: 10}, {States: behind, Skip: 1, Take: 10}} {
		if _, _, err = count(w); !errors.Is(err, ErrTooFar) {
			t.Errorf("%+v: got %v, want %v", w, err, ErrTooFar)
		}
	}

	// What was never tried is sought among the newest events, by their ids.
	post := func(n int, eventType string) {
		f.clock.Add(1000)
		for range n {
			f.postType("org_a", eventType)
		}
	}
	rare := f.create("org_a", "ed_2", "rare")
	post(1, "rare")
	post(maxExamined-1, "b")
	post(1, "rare")
	e = rare
	n, more, err = count(Window{Take: 10})
	check(t, "the newest that was never tried", fmt.Sprint(n, more, err), "1 true <nil>")
	if _, _, err = count(Window{Skip: 1, Take: 10}); !errors.Is(err, ErrTooFar) {
		t.Errorf("the others: got %v, want %v", err, ErrTooFar)
	}
	post(maxExamined, "b")
	n, more, err = count(Window{Take: 10})
	check(t, "none of the newest", fmt.Sprint(n, more, err), "0 true <nil>")
}
