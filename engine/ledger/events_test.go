package ledger

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// pages reads a whole list in parts of a size, towards the older, calls between
// after each, and checks that the way back shows the same parts. The way back
// is only checked if nothing is written meanwhile.
func pages[T any, K comparable](t tester, limit int, read func(Page) (*List[T], error), name func(T) K, between func()) (all []K) {
	t.Helper()
	page := Page{Limit: limit}
	for calls := 0; ; calls++ {
		list, err := read(page)
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) > limit {
			t.Fatalf("part has %d items, want at most %d", len(list.Items), limit)
		}
		if calls == 0 && list.Before != nil {
			t.Errorf("the first part has something before it")
		}
		for _, item := range list.Items {
			all = append(all, name(item))
		}
		if between == nil && list.Before != nil {
			back, err := read(Page{Limit: limit, Before: list.Before})
			if err != nil {
				t.Fatal(err)
			}
			end := len(all) - len(list.Items)
			if got := names(back.Items, name); !slices.Equal(got, all[max(0, end-limit):end]) {
				t.Errorf("the part before: got %v, want %v", got, all[max(0, end-limit):end])
			}
			check(t, "more before the part before", back.Before != nil, end > limit)
			forth, err := read(Page{Limit: limit, After: back.After})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := names(forth.Items, name), names(list.Items, name); !slices.Equal(got, want) {
				t.Errorf("there and back: got %v, want %v", got, want)
			}
		}
		check(t, "a first and a last", [2]bool{list.First != nil, list.Last != nil}, [2]bool{len(list.Items) > 0, len(list.Items) > 0 || list.After != nil})
		if list.After == nil {
			checkEnds(t, list, limit, read, between == nil)
			return all
		}
		check(t, "the last of a part that is not the end", string(list.Last), string(list.After))
		if calls > 10_000 {
			t.Fatal("the list does not end")
		}
		page.After = list.After
		if between != nil {
			between()
		}
	}
}

// checkEnds reads on beyond both ends of the last part of a list.
func checkEnds[T any](t tester, list *List[T], limit int, read func(Page) (*List[T], error), still bool) {
	t.Helper()
	if list.Last == nil {
		return
	}
	beyond, err := read(Page{Limit: limit, After: list.Last})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "items behind the last", len(beyond.Items), 0)
	check(t, "ends of nothing", [2]bool{beyond.First != nil, beyond.Last != nil}, [2]bool{})
	before, err := read(Page{Limit: limit, Before: list.First})
	if err != nil {
		t.Fatal(err)
	}
	if still {
		check(t, "something before the first", len(before.Items) > 0, list.Before != nil)
	}
}

func names[T any, K comparable](items []T, name func(T) K) (all []K) {
	for _, item := range items {
		all = append(all, name(item))
	}
	return all
}

func posOf(a Accepted) wal.Pos { return a.Pos }

func TestEvents(t *testing.T) {
	f := newLedger(t, 2)
	paid := f.create("org_a", "ed_1", "paid")
	type posted struct {
		Verdict
		eventType string
		source    event.Source
		at        int64
	}
	var all []posted
	for i := range 60 {
		f.clock.Add(17_000)
		ev := f.newEvent("org_a", []string{"paid", "paid.late", "sent"}[i%3])
		if i%7 == 0 {
			ev.Source = event.Stripe
		}
		if i%10 == 3 {
			ev.Target = uint64(paid.Key)
		}
		all = append(all, posted{f.post(ev), ev.Type, ev.Source, f.clock.Load()})
		f.postType("org_b", "paid")
	}
	middle := all[30].at
	for name, test := range map[string]struct {
		filter EventFilter
		want   func(i int, p posted) bool
	}{
		"all":          {EventFilter{}, func(int, posted) bool { return true }},
		"type":         {EventFilter{Type: "paid"}, func(_ int, p posted) bool { return p.eventType == "paid" }},
		"unknown type": {EventFilter{Type: "pai"}, func(int, posted) bool { return false }},
		"source":       {EventFilter{Source: event.Stripe}, func(_ int, p posted) bool { return p.source == event.Stripe }},
		"after":        {EventFilter{CreatedAfter: middle}, func(_ int, p posted) bool { return p.at >= middle }},
		"before":       {EventFilter{CreatedBefore: middle}, func(_ int, p posted) bool { return p.at < middle }},
		"between":      {EventFilter{CreatedAfter: all[10].at, CreatedBefore: middle}, func(i int, _ posted) bool { return i >= 10 && i < 30 }},
		"where": {EventFilter{Type: "paid", Where: func(e *event.Event) bool { return e.Source == event.Stripe }},
			func(_ int, p posted) bool { return p.eventType == "paid" && p.source == event.Stripe }},
		"never":             {EventFilter{CreatedAfter: middle, CreatedBefore: middle}, func(int, posted) bool { return false }},
		"far times":         {EventFilter{CreatedAfter: 1, CreatedBefore: 1 << 60}, func(int, posted) bool { return true }},
		"type after":        {EventFilter{Type: "sent", CreatedAfter: middle + 1}, func(i int, p posted) bool { return p.eventType == "sent" && i > 30 }},
		"type before":       {EventFilter{Type: "sent", CreatedBefore: middle}, func(i int, p posted) bool { return p.eventType == "sent" && i < 30 }},
		"endpoint":          {EventFilter{Endpoint: paid.Key}, func(i int, p posted) bool { return p.eventType == "paid" || i%10 == 3 }},
		"endpoint and type": {EventFilter{Endpoint: paid.Key, Type: "sent"}, func(i int, p posted) bool { return p.eventType == "sent" && i%10 == 3 }},
		"unknown endpoint":  {EventFilter{Endpoint: 999}, func(int, posted) bool { return false }},
	} {
		var want []wal.Pos
		for i, p := range slices.Backward(all) {
			if test.want(i, p) {
				want = append(want, p.Pos)
			}
		}
		for _, limit := range []int{1, 7, 20, 100} {
			t.Run(fmt.Sprintf("%s by %d", name, limit), func(t *testing.T) {
				got := pages(t, limit, func(p Page) (*List[Accepted], error) { return f.Events("org_a", test.filter, p) }, posOf, nil)
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

// What was there when the reading began is read once, whatever comes in and is
// settled meanwhile.
func TestListsWhileWritesGoOn(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var want []wal.Pos
	for range 40 {
		f.clock.Add(1)
		want = append([]wal.Pos{f.postType("org_a", "a")}, want...)
	}
	// A bounded number, else a list could grow faster than it is read.
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 300 {
			f.clock.Add(1)
			f.postType("org_a", "a")
			if i < len(want) {
				f.settle(e, want[i], 1, delivery.Succeeded)
			}
		}
	})
	old := func(got []wal.Pos) []wal.Pos {
		return slices.DeleteFunc(got, func(at wal.Pos) bool { return at > want[0] })
	}
	for _, eventType := range []string{"", "a"} {
		got := pages(t, 3, func(p Page) (*List[Accepted], error) { return f.Events("org_a", EventFilter{Type: eventType}, p) }, posOf, func() {})
		if got := old(got); !slices.Equal(got, want) {
			t.Errorf("events of type %q: got %v, want %v", eventType, got, want)
		}
		got = pages(t, 3, func(p Page) (*List[Delivery], error) {
			return f.Deliveries("org_a", DeliveryFilter{Type: eventType}, p)
		},
			func(d Delivery) wal.Pos { return d.Pos }, func() {})
		if got := old(got); !slices.Equal(got, want) {
			t.Errorf("deliveries of type %q: got %v, want %v", eventType, got, want)
		}
	}
	writer.Wait()
}

// One call reads only so much; its cursor goes on where it stopped.
func TestLongSearchGoesOn(t *testing.T) {
	f := newLedger(t, 1)
	rare := f.newEvent("org_a", "a")
	rare.Source = event.Stripe
	at := f.post(rare).Pos
	f.clock.Add(1)
	var events []*event.Event
	for range maxExamined + 10 {
		events = append(events, f.newEvent("org_a", "a"))
	}
	if _, err := f.Post(t.Context(), events, false, nil); err != nil {
		t.Fatal(err)
	}
	read := func(p Page) (*List[Accepted], error) {
		return f.Events("org_a", EventFilter{Source: event.Stripe}, p)
	}
	first, err := read(Page{Limit: 5})
	f.mustDo(err)
	check(t, "items in the first part", len(first.Items), 0)
	check(t, "goes on", first.After != nil, true)
	second, err := read(Page{Limit: 5, After: first.After})
	f.mustDo(err)
	check(t, "items in the second part", len(second.Items), 1)
	check(t, "position", second.Items[0].Pos, at)
	check(t, "goes on", second.After != nil, false)
	back, err := read(Page{Limit: 5, Before: second.Before})
	f.mustDo(err)
	check(t, "items on the way back", len(back.Items), 0)
	check(t, "goes on", back.Before != nil, true)
}

func TestEvent(t *testing.T) {
	f := newLedger(t, 1)
	f.create("org_a", "ed_1")
	ev := f.newEvent("org_a", "a")
	ev.SourceID = "src"
	v := f.post(ev)
	got, found, err := f.Event("org_a", ev.ID)
	f.mustDo(err)
	check(t, "found", found, true)
	check(t, "position", got.Pos, v.Pos)
	check(t, "matched", got.Matched, 1)
	check(t, "fields", fmt.Sprint(got.ID, got.Type, got.SourceID, got.ReceivedAt, string(got.Data)), fmt.Sprint(ev.ID, "a", "src", startTime, string(ev.Data)))

	_, found, err = f.Event("org_b", ev.ID) // G9, in the same partition
	f.mustDo(err)
	check(t, "found by another organization", found, false)

	next := f.postType("org_a", "a")
	f.expire(next) // its row is still there, see idSlack
	_, found, err = f.Event("org_a", ev.ID)
	f.mustDo(err)
	check(t, "found after it expired", found, false)
	list, err := f.Events("org_a", EventFilter{}, Page{Limit: 10})
	f.mustDo(err)
	check(t, "listed after it expired", len(list.Items), 1)
}
