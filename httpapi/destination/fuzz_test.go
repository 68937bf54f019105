package destination

import (
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

var spelling = regexp.MustCompile(`\Ainclude(\[[0-9]*\])?\z`)

// FuzzQueryList: however a library spells a list, its values are those that
// package net/url finds under its names; names that only look alike are none.
func FuzzQueryList(f *testing.F) {
	f.Add("include=webhook_endpoint.url")
	f.Add("include[]=a&include%5B0%5D=b&include=c")
	f.Add("include[x]=a&includes=b&include[=c&include]=d&include[]]=e")
	f.Add("include=a+b&include=%2&include")
	f.Fuzz(func(t *testing.T, query string) {
		if !sendable(query) {
			return
		}
		given, err := url.ParseQuery(query)
		if err != nil {
			return // with semicolons or broken escapes, which the two read differently
		}
		var want []string
		for name, values := range given {
			if spelling.MatchString(name) {
				want = append(want, values...)
			}
		}
		got := queryList(requestOf(query), "include")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
		shown, faults := parseInclude(got, "?include", false)
		good := 0
		for _, name := range got {
			if name == includeURL {
				good++
			}
		}
		if shown.secret || shown.url != (good > 0) || len(faults) != len(got)-good {
			t.Errorf("%q: got %+v and %d faults, want %d good names of %d", query, shown, len(faults), good, len(got))
		}
	})
}

// FuzzEventFilter: a filter that is accepted lets through what its bounds say,
// and the query that the URLs of its pages carry is the same filter.
func FuzzEventFilter(f *testing.F) {
	f.Add("types=a&types[]=b&object_id=x&created[gte]=2026-01-02T03:04:05Z", int64(1767323045000))
	f.Add("created[gt]=2026-01-02T03:04:05Z&created[lte]=2026-01-02T03:04:05.001Z", int64(1767323045001))
	f.Add("created[gt]=9999-12-31T23:59:59.999Z&created[lt]=1970-01-01T00:00:00Z", int64(0))
	f.Add("created=1&limit=3", int64(5))
	f.Add("created[gte]=2026-01-02T03:04:05%2B01:00&created[gte]=x", int64(5))
	f.Fuzz(func(t *testing.T, query string, at int64) {
		if !sendable(query) {
			return
		}
		got := eventFilter{query: url.Values{}, until: math.MaxInt64}
		c := requestOf(query)
		if err := got.read(c); err != nil {
			if e := wire.From(err); e.Status != 400 || len(e.Detail) > 400+2*len(query) {
				t.Errorf("%q: got %d, %v, want a short refusal", query, e.Status, err)
			}
			return
		}
		again := eventFilter{query: url.Values{}, until: math.MaxInt64}
		if err := again.read(requestOf(got.query.Encode())); err != nil {
			t.Fatalf("%q: becomes %q, which is refused: %v", query, got.query.Encode(), err)
		}
		if again.objectID != got.objectID || !slices.Equal(again.types, got.types) || again.from != got.from || again.until != got.until {
			t.Errorf("%q: becomes %q, which is %+v, want %+v", query, got.query.Encode(), again, got)
		}
		if len(got.types) > maxTypes {
			t.Errorf("%q: got %d types", query, len(got.types))
		}
		ev := &event.Event{Type: "a", OccurredAt: max(1, at)}
		want := ev.OccurredAt >= got.from && ev.OccurredAt < got.until && got.objectID == "" && (len(got.types) == 0 || slices.Contains(got.types, "a"))
		if f := got.ledger(); got.matches(ev) != want || want && (f.CreatedAfter > ev.OccurredAt || f.Type != "" && f.Type != ev.Type) {
			t.Errorf("%q: an event at %d passes %t, through the ledger by %+v, want %t", query, at, got.matches(ev), f, want)
		}
	})
}

// sendable reports whether a query can stand in the first line of a request.
func sendable(query string) bool {
	return !strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' })
}
