package ledger

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

func idOf(d Delivery) string { return fmt.Sprintf("%s@%d:%v", d.Endpoint.ID, d.Pos, d.State) }

func (f *fixture) delivery(org string, id delivery.ID) *Delivery {
	f.t.Helper()
	d, found, err := f.Delivery(org, id)
	if err != nil || !found {
		f.t.Fatalf("delivery %v: found %t, error %v", id, found, err)
	}
	return d
}

func TestDelivery(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1", "a")
	ev := f.newEvent("org_a", "a")
	at := f.post(ev).Pos
	id := delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias)}

	d := f.delivery("org_a", id)
	check(t, "state", d.State, delivery.Pending)
	check(t, "created and updated", [2]int64{d.Created, d.Updated}, [2]int64{startTime, startTime})
	check(t, "attempts", d.Attempts, 0)
	check(t, "id", d.ID, id)

	f.clock.Add(1000)
	f.settle(e, at, 1, delivery.Retrying)
	d = f.delivery("org_a", id)
	check(t, "state", d.State, delivery.Retrying)
	check(t, "next", d.Next, int64(startTime+61_000))
	check(t, "updated", d.Updated, int64(startTime+1000))
	check(t, "error", d.Last.Snippet, "failure 1")
	check(t, "delivered at", d.DeliveredAt(), int64(0))
	check(t, "attempts by default", d.MaxAttempts(8), 8)
	rows, err := f.Deliveries("org_a", DeliveryFilter{Endpoint: e.Key, States: delivery.SetOf(delivery.Retrying)}, Page{Limit: 10})
	f.mustDo(err)
	check(t, "listed by state", len(rows.Items), 1)
	f.mustDo(f.onDelivery(e, at, Retry))
	check(t, "state", f.delivery("org_a", id).State, delivery.Pending)
	check(t, "attempts after a retry by hand", f.delivery("org_a", id).MaxAttempts(1), 2)

	f.clock.Add(1000)
	f.settle(e, at, 2, delivery.Retrying)
	f.clock.Add(1000)
	f.settle(e, at, 3, delivery.Succeeded)
	d = f.delivery("org_a", id)
	check(t, "delivered at", d.DeliveredAt(), int64(startTime+3005))
	check(t, "attempts", d.Attempts, 3)
	check(t, "status", d.Last.Status, 200)
	list, found, err := f.Attempts("org_a", id)
	f.mustDo(err)
	check(t, "found", found, true)
	check(t, "attempts", fmt.Sprint(names(list, func(a delivery.Attempt) string { return fmt.Sprint(a.N, a.Status) })), "[1 500 2 500 3 200]")

	_, isReplay := d.ReplayOf()
	check(t, "is a replay", isReplay, false)

	// A replay begins with a row, also of an event that was not owed.
	other := f.newEvent("org_a", "b")
	o := f.outcome(e, f.post(other).Pos, 1, delivery.Succeeded)
	o.Replay = 2
	f.write(0, wal.Outcome, o.Append(nil))
	replay := delivery.ID{Event: other.ID, Endpoint: uint64(e.Alias), Replay: 2}
	original, isReplay := f.delivery("org_a", replay).ReplayOf()
	check(t, "original", original, delivery.ID{Event: other.ID, Endpoint: uint64(e.Alias)})
	check(t, "is a replay", isReplay, true)
	check(t, "started, without the replay", f.lane(e).Started, uint64(1))

	d.Endpoint = &endpoint.Endpoint{RetrySchedule: []endpoint.Millis{1, 2}}
	d.Raised = 0
	check(t, "attempts by schedule", d.MaxAttempts(8), 3)
	d.Endpoint = &endpoint.Endpoint{RetrySchedule: []endpoint.Millis{1, 2}, MaxAttempts: 2}
	check(t, "attempts by the endpoint", d.MaxAttempts(8), 2)
}

// G9: ids can be made up. What is not there, or is another's, is not found.
func TestDeliveryOfNobody(t *testing.T) {
	f := newLedger(t, 1)
	early := f.newEvent("org_a", "a")
	f.post(early)
	e := f.create("org_a", "ed_1", "a")
	foreign := f.create("org_b", "ed_2")
	ev, otherType, otherOrg := f.newEvent("org_a", "a"), f.newEvent("org_a", "b"), f.newEvent("org_b", "a")
	f.settle(e, f.post(ev).Pos, 1, delivery.Retrying)
	f.post(otherType)
	f.post(otherOrg)
	own := delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias)}
	f.delivery("org_a", own)
	for what, test := range map[string]struct {
		org string
		id  delivery.ID
	}{
		"another organization's": {"org_b", own},
		"created later":          {"org_a", delivery.ID{Event: early.ID, Endpoint: uint64(e.Alias)}},
		"another type":           {"org_a", delivery.ID{Event: otherType.ID, Endpoint: uint64(e.Alias)}},
		"foreign endpoint":       {"org_a", delivery.ID{Event: ev.ID, Endpoint: uint64(foreign.Alias)}},
		"foreign event":          {"org_a", delivery.ID{Event: otherOrg.ID, Endpoint: uint64(e.Alias)}},
		"both foreign":           {"org_a", delivery.ID{Event: otherOrg.ID, Endpoint: uint64(foreign.Alias)}},
		"no endpoint":            {"org_a", delivery.ID{Event: ev.ID, Endpoint: 12345}},
		"no event":               {"org_a", delivery.ID{Endpoint: uint64(e.Alias)}},
		"no replay":              {"org_a", delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias), Replay: 1}},
	} {
		_, found, err := f.Delivery(test.org, test.id)
		if err != nil || found {
			t.Errorf("%s: got found %t, error %v, want not found", what, found, err)
		}
		_, found, err = f.Attempts(test.org, test.id)
		if err != nil || found {
			t.Errorf("attempts of %s: got found %t, error %v, want not found", what, found, err)
		}
	}
	for _, filter := range []DeliveryFilter{{Endpoint: e.Key}, {Event: ev.ID}, {Endpoint: e.Key, States: delivery.SetOf(delivery.Retrying)}, {Endpoint: e.Key, Type: "a"}} {
		list, err := f.Deliveries("org_b", filter, Page{Limit: 10})
		f.mustDo(err)
		check(t, fmt.Sprintf("items of %+v for another organization", filter), len(list.Items), 0)
	}
	list, err := f.Events("org_b", EventFilter{Endpoint: e.Key}, Page{Limit: 10})
	f.mustDo(err)
	check(t, "events of a foreign endpoint", len(list.Items), 0)
	for _, o := range f.Endpoints("org_a", nil, Page{Limit: 10}).Items {
		check(t, "organization of a listed endpoint", o.Organization, "org_a")
	}
	_, found := f.Endpoint("org_b", "ed_1")
	check(t, "endpoint found by another organization", found, false)
	_, found = f.EndpointByKey("org_b", e.Key)
	check(t, "endpoint found by key by another organization", found, false)
	_, found, err = f.Explain("org_b", ev.ID, 0, 10)
	f.mustDo(err)
	check(t, "explained to another organization", found, false)
	_, found, err = f.ExplainOne("org_a", ev.ID, foreign.Key)
	f.mustDo(err)
	check(t, "explained for a foreign endpoint", found, false)
	check(t, "totals of another organization", f.Stats("org_b").Counts, Counts{Pending: 1})
	since, err := f.OwedSince("org_b", e.Key)
	f.mustDo(err)
	check(t, "backlog of a foreign endpoint", since, int64(0))
}

// Whatever the filter, and whichever way the list takes, it is what looking up
// every delivery on its own gives.
func TestDeliveries(t *testing.T) {
	f := newLedger(t, 1)
	all, paid := f.create("org_a", "ed_all"), f.create("org_a", "ed_paid", "paid")
	deleted, foreign := f.create("org_a", "ed_deleted"), f.create("org_b", "ed_foreign")
	var events []Accepted
	for i := range 36 {
		f.clock.Add(11_000)
		ev := f.newEvent("org_a", []string{"paid", "sent"}[i%2])
		at := f.post(ev).Pos
		a, _, err := f.Event("org_a", ev.ID)
		f.mustDo(err)
		events = append(events, a)
		f.settle(foreign, f.postType("org_b", "paid"), 1, delivery.Failed)
		for j, e := range []*endpoint.Endpoint{all, paid, deleted} {
			if e == paid && i%2 == 1 {
				continue
			}
			switch (i/2 + j) % 7 {
			case 0:
				f.settle(e, at, 1, delivery.Succeeded)
			case 1:
				f.settle(e, at, 1, delivery.Retrying)
			case 2:
				f.settle(e, at, 1, delivery.Failed)
			case 3:
				f.settle(e, at, 1, delivery.Retrying)
				f.settle(e, at, 2, delivery.Exhausted)
			case 4:
				f.mustDo(f.onDelivery(e, at, Cancel))
			case 5:
				f.settle(e, at, 1, delivery.Failed)
				f.mustDo(f.onDelivery(e, at, Retry))
			}
		}
	}
	f.mustDo(f.command(deleted, Delete))
	f.expire(events[4].Pos)
	late := f.create("org_a", "ed_late")

	states := []delivery.StateSet{
		0, delivery.SetOf(delivery.Succeeded, delivery.Failed), delivery.SetOf(delivery.Failed, delivery.Exhausted),
		delivery.SetOf(delivery.Failed, delivery.Exhausted, delivery.Canceled), delivery.SetOf(delivery.Pending, delivery.Retrying),
	}
	for s := delivery.Pending; s < delivery.States; s++ {
		states = append(states, delivery.SetOf(s))
	}
	some := func(e *endpoint.Endpoint) bool { return e.Key == paid.Key || e.Key == deleted.Key }
	for _, to := range []endpoint.Key{0, all.Key, paid.Key, deleted.Key, late.Key, foreign.Key, 9999} {
		for _, state := range states {
			for _, rest := range []DeliveryFilter{
				{}, {Type: "paid"}, {Event: events[20].ID}, {Event: events[2].ID}, {From: events[12].ReceivedAt, To: events[20].ReceivedAt},
				{Type: "sent", From: events[13].ReceivedAt}, {Event: events[20].ID, Type: "sent"},
				{Endpoints: some}, {Endpoints: some, Type: "sent"},
			} {
				filter := rest
				filter.Endpoint, filter.States = to, state
				want := f.naive(&filter, events, []*endpoint.Endpoint{all, paid, deleted, late})
				for _, limit := range []int{3, 1000} {
					got := pages(t, limit, func(p Page) (*List[Delivery], error) { return f.Deliveries("org_a", filter, p) }, idOf, nil)
					if !slices.Equal(got, want) {
						t.Fatalf("%+v by %d: got %v, want %v", filter, limit, got, want)
					}
				}
			}
		}
	}
}

func (f *fixture) naive(filter *DeliveryFilter, events []Accepted, to []*endpoint.Endpoint) (all []string) {
	f.t.Helper()
	for _, a := range slices.Backward(events) {
		for _, e := range to {
			d, found, err := f.Delivery("org_a", delivery.ID{Event: a.ID, Endpoint: uint64(e.Alias)})
			f.mustDo(err)
			if found && (filter.Endpoint == 0 || filter.Endpoint == e.Key) && (filter.States == 0 || filter.States.Has(d.State)) &&
				(filter.Endpoint != 0 || filter.Endpoints == nil || filter.Endpoints(e)) &&
				(filter.Type == "" || filter.Type == a.Type) && (filter.Event.IsZero() || filter.Event == a.ID) &&
				a.ReceivedAt >= filter.From && (filter.To == 0 || a.ReceivedAt < filter.To) {
				all = append(all, idOf(*d))
			}
		}
	}
	return all
}

// G7: what is shown is what is sent, before the first attempt and after it,
// whichever way the delivery was found.
func TestAppendPayload(t *testing.T) {
	f := newLedger(t, 1)
	snapshot := wanted("org_a", "ed_1")
	snapshot.PayloadFormat = event.Snapshot
	f.mustDo(f.change(0, snapshot))
	f.create("org_a", "ed_2")
	e := f.now("org_a", "ed_1")
	ev := f.newEvent("org_a", "a")
	v := f.post(ev)
	ev.ReceivedAt = v.At
	how := event.RenderingOf(event.Snapshot, ev)
	want, err := event.AppendBody(nil, ev, how, 2, "")
	f.mustDo(err)
	show := func(what string, filter DeliveryFilter) {
		t.Helper()
		list, err := f.Deliveries("org_a", filter, Page{Limit: 1})
		f.mustDo(err)
		got, err := f.AppendPayload([]byte("…"), &list.Items[0])
		f.mustDo(err)
		check(t, what, string(got), "…"+string(want))
	}
	show("payload of one that is pending", DeliveryFilter{Endpoint: e.Key})
	o := f.outcome(e, v.Pos, 1, delivery.Failed)
	o.Render = how
	f.write(0, wal.Outcome, o.Append(nil))
	show("payload of one that failed", DeliveryFilter{Endpoint: e.Key, States: delivery.SetOf(delivery.Failed)})
}

func TestDeliveriesOfADeletedEndpoint(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var at []wal.Pos
	for range 3 {
		f.clock.Add(1000)
		at = append(at, f.postType("org_a", "a"))
	}
	f.settle(e, at[0], 1, delivery.Retrying)
	f.settle(e, at[1], 1, delivery.Succeeded)
	f.clock.Add(2000)
	f.mustDo(f.command(e, Delete))
	f.postType("org_a", "a")
	list, err := f.Deliveries("org_a", DeliveryFilter{}, Page{Limit: 10})
	f.mustDo(err)
	check(t, "list", fmt.Sprint(names(list.Items, idOf)),
		fmt.Sprintf("[ed_1@%d:canceled ed_1@%d:succeeded ed_1@%d:canceled]", at[2], at[1], at[0]))
	for _, i := range []int{0, 2} {
		check(t, "updated", list.Items[i].Updated, int64(startTime+5000))
		check(t, "next", list.Items[i].Next, int64(0))
	}
	check(t, "counts", f.Stats("org_a"), Totals{Counts: Counts{Succeeded: 1, Canceled: 2}, Attempts: 2})
}

func TestExplain(t *testing.T) {
	f := newLedger(t, 1)
	gone := f.create("org_a", "ed_gone")
	f.mustDo(f.command(gone, Delete))
	off := f.create("org_a", "ed_off")
	f.mustDo(f.command(off, Disable))
	f.create("org_a", "ed_other", "other")
	e := f.create("org_a", "ed_owed")
	accounts := wanted("org_a", "ed_accounts")
	accounts.Spans[0].EventsFrom = []string{endpoint.FromAccounts}
	f.mustDo(f.change(0, accounts))
	f.create("org_b", "ed_foreign")
	ev := f.newEvent("org_a", "a")
	at := f.post(ev).Pos
	f.create("org_a", "ed_late")
	f.settle(e, at, 1, delivery.Retrying)
	ping := f.newEvent("org_a", "a")
	ping.Target = uint64(e.Key)
	f.post(ping)

	all, found, err := f.Explain("org_a", ev.ID, 0, 100)
	f.mustDo(err)
	check(t, "found", found, true)
	tell := func(x Explanation) string {
		text := x.Endpoint.ID + " " + x.Reason.String()
		if x.Delivery != nil {
			text += " " + x.Delivery.State.String()
		}
		return text
	}
	check(t, "explanations", fmt.Sprintf("%q", names(all, tell)),
		`["ed_gone deleted" "ed_off disabled" "ed_other type" "ed_owed owed retrying" "ed_accounts account" "ed_late created_later"]`)
	part, _, err := f.Explain("org_a", ev.ID, all[1].Endpoint.Key, 2)
	f.mustDo(err)
	check(t, "a part", fmt.Sprintf("%q", names(part, tell)), `["ed_other type" "ed_owed owed retrying"]`)
	one, found, err := f.ExplainOne("org_a", ping.ID, all[2].Endpoint.Key)
	f.mustDo(err)
	check(t, "found", found, true)
	check(t, "of a ping", tell(one), "ed_other not_target")
}
