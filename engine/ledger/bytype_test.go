package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// owedAfter is what an endpoint is owed, by reading all events.
func (f *fixture) owedAfter(e *endpoint.Endpoint, after, upTo wal.Pos) (owed []wal.Pos) {
	f.t.Helper()
	err := f.EventsAfter(0, after, upTo, func(at wal.Pos, ev *event.Event) bool {
		if ev.Organization == e.Organization && e.Owes(uint64(at), ev) == endpoint.Owed {
			owed = append(owed, at)
		}
		return true
	})
	f.mustDo(err)
	return owed
}

// G2: by way of the index of types an endpoint finds what it is owed and nothing
// else, in log order, however its filter has changed, from any place to any
// other, and wherever it is interrupted.
func TestEventsForFindsWhatIsOwed(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			f := newLedger(t, 1)
			all := f.pastOf(rng)
			end := f.Applied(0)
			for _, e := range all {
				e = f.now(e.Organization, e.ID)
				after, upTo := wal.Pos(rng.Uint64N(uint64(end))), end
				switch changed := wal.Pos(e.Now().From); rng.IntN(3) {
				case 0:
					upTo = after + wal.Pos(rng.Uint64N(uint64(end-after)+1))
				case 1: // a few events of the newest span, or of the one before
					upTo = min(end, changed+wal.Pos(rng.IntN(20)))
				case 2:
					after = changed - wal.Pos(rng.IntN(20))
				}
				want := f.owedAfter(e, after, upTo)
				var got []wal.Pos
				for at := after; at < upTo; {
					stopAt := rng.IntN(2 * maxFetched)
					through, err := f.EventsFor(0, e, at, upTo, func(at wal.Pos, ev *event.Event) bool {
						if e.Owes(uint64(at), ev) == endpoint.Owed {
							got = append(got, at)
						}
						stopAt--
						return stopAt != 0
					})
					f.mustDo(err)
					if through <= at {
						t.Fatalf("%s: got from %d to %d, want further", e.ID, at, through)
					}
					at = through
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s from %d to %d: got %d events %v…, want %d %v…", e.ID, after, upTo, len(got), head(got), len(want), head(want))
				}
			}
		})
	}
}

func head(list []wal.Pos) []wal.Pos { return list[:min(len(list), 10)] }

// pastOf fills a partition with events of all kinds, while its endpoints change.
func (f *fixture) pastOf(rng *rand.Rand) (all []*endpoint.Endpoint) {
	f.t.Helper()
	filters := [][]string{{"rare.one"}, {"rare.*"}, {"rare.one", "rare.*", "often"}, {"never"}, {"often.*", "rare.two"}, nil, {"*"}}
	types := []string{"often", "often", "often", "often.not", "rare.one", "rare.two", "rare"}
	orgs := []string{"org_a", "org_b"}
	for i := range 8 {
		all = append(all, f.create(orgs[i%2], fmt.Sprint("ed_", i), filters[rng.IntN(len(filters))]...))
	}
	for range 60 {
		var events []*event.Event
		for range rng.IntN(100) {
			ev := f.newEvent(orgs[0], types[rng.IntN(len(types))])
			if rng.IntN(20) == 0 {
				ev.Account = "acct_1"
			}
			if rng.IntN(20) == 0 {
				ev.Target = uint64(all[2*rng.IntN(4)].Key)
			}
			if rng.IntN(10) == 0 {
				withKey(ev, fmt.Sprint(rng.IntN(100)), 1, startTime) // often a duplicate
			}
			events = append(events, ev)
		}
		if len(events) > 0 {
			_, err := f.Post(context.Background(), events, false, nil)
			f.mustDo(err)
		}
		f.postType(orgs[1], types[rng.IntN(len(types))])
		if e := all[rng.IntN(8)]; rng.IntN(3) == 0 {
			next := wanted(e.Organization, e.ID, filters[rng.IntN(len(filters))]...)
			next.Spans[0].Enabled = rng.IntN(4) > 0
			next.Spans[0].EventsFrom = [][]string{nil, {endpoint.FromAccounts}, {endpoint.FromSelf, endpoint.FromAccounts}}[rng.IntN(3)]
			f.mustDo(f.change(f.now(e.Organization, e.ID).Version, next))
		}
	}
	return all
}

// What retention has taken, or has been erased, is passed over.
func TestEventsForPassesOverWhatIsGone(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1", "rare")
	gone, kept := f.postType("org_a", "rare"), f.postType("org_a", "rare")
	owner, err := f.log.Claim(f.ctx(), 0)
	f.mustDo(err)
	f.mustDo(owner.Trim(f.ctx(), gone+1))
	var got []wal.Pos
	through, err := f.EventsFor(0, e, 0, f.Applied(0), func(at wal.Pos, _ *event.Event) bool {
		got = append(got, at)
		return true
	})
	f.mustDo(err)
	check(t, "read up to", through, f.Applied(0))
	if !slices.Equal(got, []wal.Pos{kept}) {
		t.Errorf("events: got %v, want %v", got, []wal.Pos{kept})
	}
}

// An endpoint that can be owed ever so many types is not sought by type: it is
// told at once, however many there are.
func TestEventsForRefusesManyTypes(t *testing.T) {
	f := newLedger(t, 1)
	all, some := f.create("org_a", "ed_1"), f.create("org_a", "ed_2", "type_7")
	for i := range maxTypes + 5 {
		f.postType("org_a", fmt.Sprint("type_", i))
	}
	for e, want := range map[*endpoint.Endpoint]int{all: 0, some: 1} {
		n := 0
		through, err := f.EventsFor(0, e, 0, f.Applied(0), func(wal.Pos, *event.Event) bool { n++; return true })
		f.mustDo(err)
		check(t, "events for "+e.ID, n, want)
		check(t, "progress of "+e.ID, through > 0, want > 0)
	}
}
