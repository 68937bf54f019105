package endpoint

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

var (
	someTypes    = []string{"invoice.paid", "invoice.item.added", "invoice", "invoice.", "charge.failed", "v2.core.event_destination.ping", "x"}
	somePatterns = []string{"*", "invoice.*", "invoice.paid", "invoice.item.*", "invoice", "invoice.", "charge.failed", "v2.*", "x"}
	someSources  = []string{FromSelf, FromSelfNew, FromAccounts, FromAccountsNew}
)

func pick[T any](r *rand.Rand, from []T, most int) []T {
	var picked []T
	for range r.IntN(most + 1) {
		picked = append(picked, from[r.IntN(len(from))])
	}
	return picked
}

func randomEvent(r *rand.Rand) *event.Event {
	ev := &event.Event{Organization: []string{"org_a", "org_b"}[r.IntN(2)], Type: someTypes[r.IntN(len(someTypes))]}
	if r.IntN(3) == 0 {
		ev.Account = "acct_1"
	}
	if r.IntN(5) == 0 {
		ev.Target = uint64(1 + r.IntN(40))
	}
	return ev
}

// FuzzMatcher changes endpoints at random and asks after every change which of
// them an event is owed to: the matcher must give the answer of a loop over
// Owes, in order of keys.
func FuzzMatcher(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		var m Matcher
		all := map[Key]*Endpoint{}
		for pos := uint64(1); pos <= 300; pos++ {
			key := Key(1 + r.IntN(40))
			e := all[key]
			switch {
			case e == nil:
				e = &Endpoint{Key: key, Organization: []string{"org_a", "org_b"}[key%2]}
				e = e.WithSpan(pos, pick(r, somePatterns, 3), pick(r, someSources, 2), r.IntN(4) != 0)
			case e.DeletedAt != 0 || r.IntN(10) == 0:
				delete(all, key)
				m.Remove(key)
				e = nil
			case r.IntN(10) == 0:
				e = e.WithDeletion(pos, 1)
			case r.IntN(3) == 0: // another version, the same filter
				e = e.WithSpan(pos, e.Now().EventTypes, e.Now().EventsFrom, true)
			default:
				e = e.WithSpan(pos, pick(r, somePatterns, 3), pick(r, someSources, 2), r.IntN(4) != 0)
			}
			if e != nil {
				all[key] = e
				m.Replace(e)
			}
			ev := randomEvent(r)
			var want []*Endpoint
			for key := range Key(41) {
				if e := all[key]; e != nil && e.Organization == ev.Organization && e.Owes(pos+1, ev) == Owed {
					want = append(want, e)
				}
			}
			if got := m.Match(ev, nil); !slices.Equal(got, want) {
				t.Fatalf("position %d, %+v: got %v, want %v", pos, ev, keys(got), keys(want))
			}
		}
		for key := range all {
			m.Remove(key)
		}
		if got := len(m.lists) + len(m.enabled); got != 0 {
			t.Errorf("after removing all endpoints: got %d entries, want 0", got)
		}
	})
}

func keys(list []*Endpoint) (keys []Key) {
	for _, e := range list {
		keys = append(keys, e.Key)
	}
	return keys
}

func TestMatchAppends(t *testing.T) {
	var m Matcher
	for key := range Key(3) {
		e := &Endpoint{Key: key + 1, Organization: "org_a"}
		m.Replace(e.WithSpan(uint64(key)+1, []string{"invoice.*", "invoice.paid"}, nil, true))
	}
	before := &Endpoint{Key: 9}
	got := m.Match(&event.Event{Organization: "org_a", Type: "invoice.paid"}, []*Endpoint{before})
	if want := []Key{9, 1, 2, 3}; !slices.Equal(keys(got), want) {
		t.Errorf("got %v, want %v", keys(got), want)
	}
}

// BenchmarkMatch looks for the one endpoint of an organization that takes an
// event, among many of the same organization that do not.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("endpoints=%d", n), func(b *testing.B) {
			var m Matcher
			for i := range n {
				e := &Endpoint{Key: Key(i + 1), Organization: "org_01JD0000000000000000000000"}
				m.Replace(e.WithSpan(1, []string{fmt.Sprintf("customer.%d.*", i)}, nil, true))
			}
			ev := &event.Event{Organization: "org_01JD0000000000000000000000", Type: "customer.0.updated"}
			var dst []*Endpoint
			b.ReportAllocs()
			for b.Loop() {
				dst = m.Match(ev, dst[:0])
			}
			if len(dst) != 1 {
				b.Fatalf("got %d endpoints, want 1", len(dst))
			}
		})
	}
}

// BenchmarkReplace is a start with 100,000 endpoints: what the index of each
// costs in time and memory.
func BenchmarkReplace(b *testing.B) {
	const n = 100_000
	all := make([]*Endpoint, n)
	for i := range all {
		e := &Endpoint{Key: Key(i + 1), Organization: fmt.Sprintf("org_%d", i/10)}
		all[i] = e.WithSpan(1, []string{[]string{"*", "invoice.*", "charge.failed"}[i%3]}, nil, true)
	}
	b.ReportAllocs()
	for b.Loop() {
		var m Matcher
		for _, e := range all {
			m.Replace(e)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/endpoint")
}

// BenchmarkOwes is what a lane that reads the log from disk pays per event: of
// now, and of the past of an endpoint that was changed often.
func BenchmarkOwes(b *testing.B) {
	e := &Endpoint{Key: 1}
	for pos := range uint64(21) {
		e = e.WithSpan(pos, []string{"charge.*", "invoice.paid", "invoice.failed"}, nil, pos%2 == 0)
	}
	ev := &event.Event{Type: "invoice.failed"}
	for _, pos := range []uint64{2, 1000} {
		b.Run(fmt.Sprintf("position=%d", pos), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e.Owes(pos, ev) != Owed {
					b.Fatal("not owed")
				}
			}
		})
	}
}
