package wire

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/valyala/fasthttp"
)

// A time that is read is written as one that is read as the same.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789+23:59", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999-01:00", "2026-02-30T00:00:00Z", "2026-01-02 03:04:05"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, ok := ParseTime(text)
		if !ok {
			return
		}
		again, ok := ParseTime(string(AppendTime(nil, ms)))
		if !ok || again != ms || ms < 0 {
			t.Errorf("ParseTime(%q) = %d: written and read again %d, %v", text, ms, again, ok)
		}
	})
}

// Only an id that can stand in a log and in a header is taken over.
func FuzzRequestID(f *testing.F) {
	f.Add([]byte("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
	f.Add([]byte("a\r\nSet-Cookie: x"))
	f.Add([]byte("\u202e"))
	f.Fuzz(func(t *testing.T, given []byte) {
		id := RequestID(given)
		if !validRequestID([]byte(id)) {
			t.Errorf("RequestID(%q): got %q", given, id)
		}
	})
}

// FuzzPage: a page has a size within bounds and the cursor that was given, or
// the refusal names a parameter that was given.
func FuzzPage(f *testing.F) {
	cursors := newCursors(f, "key")
	f.Add("limit=10&after=@")
	f.Add("limit=0")
	f.Add("limit=%31&limit=x&before=@")
	f.Add("after=@&before=@")
	f.Add("after=&limit=+1")
	f.Fuzz(func(t *testing.T, query string) {
		position := []byte("position")
		text := cursors.Encode("org", "list", position)
		query = string(bytes.ReplaceAll([]byte(query), []byte("@"), []byte(text)))
		var rc fasthttp.RequestCtx
		rc.Request.URI().SetQueryString(query)
		c := &Ctx{RequestCtx: &rc, Organization: "org", Cursors: cursors}
		page, err := c.Page("list", DefaultLimit, MaxLimit)
		given, _ := url.ParseQuery(query) // what it reads, it reads as the server does
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Status != 400 {
				t.Errorf("%q: got %v, want a refusal", query, err)
			}
			return
		}
		if n, err := strconv.Atoi(given.Get("limit")); page.Limit < 1 || page.Limit > MaxLimit || given.Has("limit") && err == nil && n != page.Limit {
			t.Errorf("%q: got a page of %d", query, page.Limit)
		}
		for _, got := range [][]byte{page.After, page.Before} {
			if got != nil && !bytes.Equal(got, position) {
				t.Errorf("%q: got position %q", query, got)
			}
		}
		if page.After != nil && page.Before != nil {
			t.Errorf("%q: got a page with two ends", query)
		}
	})
}

// FuzzListName: two choices have one name only if they are the same.
func FuzzListName(f *testing.F) {
	f.Add("a", "b", "a", "b")
	f.Add("a\x00b", "c", "a", "b\x00c")
	f.Add("", "a", "a", "")
	f.Fuzz(func(t *testing.T, type1, state1, type2, state2 string) {
		name := func(eventType, state string) string {
			var rc fasthttp.RequestCtx
			rc.QueryArgs().Set("type", eventType)
			rc.QueryArgs().Set("state", state)
			return (&Ctx{RequestCtx: &rc}).ListName("deliveries", "type", "state")
		}
		if same := type1 == type2 && state1 == state2; (name(type1, state1) == name(type2, state2)) != same {
			t.Errorf("type %q with state %q, and %q with %q: the same name, want %t", type1, state1, type2, state2, same)
		}
	})
}

// FuzzCut: whichever position a cursor is at, also one that is not in the list
// any more, the pages from there on are the rest of the list, in order.
func FuzzCut(f *testing.F) {
	f.Add([]byte{1, 2, 3, 5, 8}, []byte{3}, uint8(2))
	f.Add([]byte{1, 2, 3, 5, 8}, []byte{4}, uint8(1))
	f.Add([]byte{}, []byte{}, uint8(9))
	f.Fuzz(func(t *testing.T, items, position []byte, limit uint8) {
		slices.Sort(items)
		items = slices.Compact(items)
		position = position[:min(len(position), 1)]
		at := func(dst []byte, item byte) []byte { return append(dst, item) }
		all := func(page Page, next func(Around) []byte, set func(*Page, []byte)) (got []byte) {
			page.Limit = int(limit%10) + 1
			for range len(items) + 1 {
				part, around := Cut(page, items, at)
				if len(part) > page.Limit {
					t.Fatalf("got a page of %d, want %d at most", len(part), page.Limit)
				}
				if page.Before != nil {
					part = append(slices.Clone(part), got...)
					got = nil
				}
				got = append(got, part...)
				if next(around) == nil {
					return got
				}
				set(&page, next(around))
			}
			t.Fatalf("%v in pages of %d: does not end", items, page.Limit)
			return nil
		}
		var after, before []byte
		for _, item := range items {
			switch c := bytes.Compare([]byte{item}, position); {
			case c > 0:
				after = append(after, item)
			case c < 0:
				before = append(before, item)
			}
		}
		forward := all(Page{After: append([]byte{}, position...)}, func(a Around) []byte { return a.Next }, func(p *Page, at []byte) { p.After = at })
		back := all(Page{Before: append([]byte{}, position...)}, func(a Around) []byte { return a.Prev }, func(p *Page, at []byte) { p.Before = at })
		if !bytes.Equal(forward, after) || !bytes.Equal(back, before) {
			t.Errorf("%v around %v: got %v before and %v after, want %v and %v", items, position, back, forward, before, after)
		}
	})
}
