package ledger

import (
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/wal"
)

func TestOverview(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var at []wal.Pos
	for range 7 {
		f.clock.Add(1000)
		at = append(at, f.postType("org_a", "a"))
	}
	now := func() Overview {
		t.Helper()
		o, found := f.Endpoint("org_a", "ed_1")
		check(t, "found", found, true)
		return o
	}
	check(t, "health", now().Health, endpoint.Healthy)
	check(t, "counts", now().Counts, Counts{Pending: 7})
	f.settle(e, at[0], 1, delivery.Succeeded)
	f.settle(e, at[1], 1, delivery.Retrying)
	check(t, "health", now().Health, endpoint.Degraded)
	f.settle(e, at[2], 1, delivery.Failed)
	f.settle(e, at[3], 1, delivery.Exhausted)
	check(t, "health", now().Health, endpoint.Failing)
	f.mustDo(f.onDelivery(e, at[2], Retry))
	f.mustDo(f.onDelivery(e, at[4], Cancel))
	for range 2 {
		check(t, "counts", now().Counts, Counts{Pending: 3, Retrying: 1, Succeeded: 1, Exhausted: 1, Canceled: 1})
		f.restart(true)
	}
	f.expire(at[6])
	check(t, "counts", now().Counts, Counts{Pending: 1, Succeeded: 1, Exhausted: 1, Canceled: 1, Expired: 3})
	f.mustDo(f.command(e, Disable))
	check(t, "health", now().Health, endpoint.Off)
	f.mustDo(f.command(e, Delete))
	_, found := f.Endpoint("org_a", "ed_1")
	check(t, "found by its id when deleted", found, false)
	o, found := f.EndpointByKey("org_a", e.Key)
	check(t, "found by its key when deleted", found, true)
	check(t, "counts", o.Counts, Counts{Succeeded: 1, Exhausted: 1, Canceled: 2, Expired: 3})
}

func TestEndpoints(t *testing.T) {
	f := newLedger(t, 1)
	for i := range 7 {
		f.create("org_a", fmt.Sprintf("ed_%d", i))
		f.create("org_b", fmt.Sprintf("ed_b%d", i))
	}
	f.mustDo(f.command(f.now("org_a", "ed_3"), Delete))
	even := func(e *endpoint.Endpoint) bool { return (e.ID[3]-'0')%2 == 0 }
	for limit := 1; limit < 8; limit++ {
		for _, test := range []struct {
			org    string
			chosen func(*endpoint.Endpoint) bool
			want   string
		}{
			{"org_a", nil, "[ed_6 ed_5 ed_4 ed_2 ed_1 ed_0]"},
			{"org_a", even, "[ed_6 ed_4 ed_2 ed_0]"},
			{"org_x", nil, "[]"},
		} {
			read := func(p Page) (*List[Overview], error) { return f.Endpoints(test.org, test.chosen, p), nil }
			got := fmt.Sprint(pages(t, limit, read, func(o Overview) string { return o.ID }, nil))
			check(t, fmt.Sprintf("endpoints of %s, chosen %t, by %d", test.org, test.chosen != nil, limit), got, test.want)
		}
	}
}

func TestTotals(t *testing.T) {
	f := newLedger(t, 4)
	var orgs [4]string // one in each partition
	for i, left := 0, len(orgs); left > 0; i++ {
		org := fmt.Sprintf("org_%d", i)
		if p := f.PartitionOf(org); orgs[p] == "" {
			orgs[p], left = org, left-1
		}
	}
	for p, org := range orgs {
		e, other := f.create(org, "ed_"+org), f.create(org, "ed_other"+org, "b")
		for range p + 1 {
			at := f.postType(org, "a")
			f.postType(org, "a")
			f.settle(e, at, 1, delivery.Retrying)
		}
		f.mustDo(f.command(other, Delete))
		n := uint64(p + 1)
		want := Totals{Endpoints: 1, Counts: Counts{Pending: n, Retrying: n}, Backlog: n, Attempts: n}
		check(t, "partition", f.Totals(p), want)
		check(t, "organization", f.Stats(org), want)
	}
	check(t, "of nobody", f.Stats("org_x"), Totals{})
	worst := names(f.Worst(3, (*Lane).Backlog), func(o Overview) string { return fmt.Sprint(o.Organization, " ", o.Lane.Backlog()) })
	check(t, "worst", fmt.Sprint(worst), fmt.Sprintf("[%s 4 %s 3 %s 2]", orgs[3], orgs[2], orgs[1]))
	check(t, "all", len(f.Worst(10, (*Lane).Backlog)), 4)
	check(t, "none", len(f.Worst(10, func(*Lane) uint64 { return 0 })), 0)
}

func TestOwedSince(t *testing.T) {
	f := newLedger(t, 1)
	e, idle := f.create("org_a", "ed_1", "a"), f.create("org_a", "ed_2", "b")
	var at []wal.Pos
	for range 3 {
		f.clock.Add(1000)
		f.postType("org_a", "c")
		at = append(at, f.postType("org_a", "a"))
	}
	since := func() int64 {
		t.Helper()
		got, err := f.OwedSince("org_a", e.Key)
		f.mustDo(err)
		return got
	}
	for _, crash := range []bool{false, true, false} {
		check(t, "of one that is owed nothing", f.lane(idle).OwedSince(), int64(0))
		check(t, "the first event", since(), int64(startTime+1000))
		f.restart(crash)
	}
	o := f.outcome(e, at[0], 1, delivery.Retrying)
	o.Position = uint64(at[0])
	f.write(0, wal.Outcome, o.Append(nil))
	check(t, "known to memory after the first", f.lane(e).OwedSince(), int64(0))
	check(t, "the second event", since(), int64(startTime+2000))
	f.settle(e, at[1], 1, delivery.Succeeded)
	check(t, "the third event, past one that has a row", since(), int64(startTime+3000))
	f.restart(false)
	check(t, "the third event", since(), int64(startTime+3000))
	f.settle(e, at[2], 1, delivery.Succeeded)
	check(t, "nothing", since(), int64(0))
}
