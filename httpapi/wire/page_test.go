package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestPage(t *testing.T) {
	cursors := newCursors(t, "key")
	cursor := cursors.Encode("org_a", "events", []byte("here"))
	foreign := cursors.Encode("org_b", "events", []byte("here"))
	for _, test := range []struct {
		query string
		want  Page
		code  string
	}{
		{"", Page{Limit: 100}, ""},
		{"limit=1", Page{Limit: 1}, ""},
		{"limit=500", Page{Limit: 500}, ""},
		{"limit=501", Page{}, CodeBadParameter},
		{"limit=0", Page{}, CodeBadParameter},
		{"limit=-1", Page{}, CodeBadParameter},
		{"limit=", Page{}, CodeBadParameter},
		{"limit=ten", Page{}, CodeBadParameter},
		{"limit=99999999999999999999", Page{}, CodeBadParameter},
		{"after=" + cursor, Page{Limit: 100, After: []byte("here")}, ""},
		{"before=" + cursor, Page{Limit: 100, Before: []byte("here")}, ""},
		{"after=" + cursor + "&before=" + cursor, Page{}, CodeBadParameter},
		{"after=" + foreign, Page{}, CodeBadCursor},
		{"after=", Page{}, CodeBadCursor},
		{"before=nonsense", Page{}, CodeBadCursor},
	} {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI("/v1/events?" + test.query)
		c := &Ctx{RequestCtx: &rc, Organization: "org_a", Cursors: cursors}
		got, err := c.Page("events", DefaultLimit, MaxLimit)
		code := ""
		if err != nil {
			code = From(err).Code
		}
		if got.Limit != test.want.Limit || !bytes.Equal(got.After, test.want.After) || !bytes.Equal(got.Before, test.want.Before) || code != test.code {
			t.Errorf("Page(%q): got %+v, code %q, want %+v, code %q", test.query, got, code, test.want, test.code)
		}
	}
}

// Walking a list in either direction, with any page size, meets every item once.
func TestCut(t *testing.T) {
	position := func(dst []byte, item int) []byte { return binary.BigEndian.AppendUint32(dst, uint32(item)) }
	items := []int{2, 3, 5, 7, 11, 13, 17}
	for limit := 1; limit <= len(items)+1; limit++ {
		var forth []int
		page := Page{Limit: limit}
		var last Around
		for range items {
			shown, around := Cut(page, items, position)
			forth = append(forth, shown...)
			last = around
			if around.Next == nil {
				break
			}
			page = Page{Limit: limit, After: around.Next}
		}
		if !slices.Equal(forth, items) {
			t.Errorf("limit %d, forward: got %v, want %v", limit, forth, items)
		}
		if (last.Prev == nil) != (limit >= len(items)) {
			t.Errorf("limit %d: got previous %v on the last page", limit, last.Prev)
		}
		var back []int
		page = Page{Limit: limit, Before: position(nil, 100)}
		for range items {
			shown, around := Cut(page, items, position)
			back = append(slices.Clone(shown), back...)
			if around.Prev == nil {
				break
			}
			page = Page{Limit: limit, Before: around.Prev}
		}
		if !slices.Equal(back, items) {
			t.Errorf("limit %d, backward: got %v, want %v", limit, back, items)
		}
	}
	// A position whose item is gone still says where to go on.
	if got, _ := Cut(Page{Limit: 2, After: position(nil, 6)}, items, position); !slices.Equal(got, []int{7, 11}) {
		t.Errorf("after a missing item: got %v, want [7 11]", got)
	}
	if got, around := Cut(Page{Limit: 2, After: position(nil, 17)}, items, position); len(got) != 0 || around.Next != nil || around.Prev != nil {
		t.Errorf("after the last: got %v, %v, want nothing", got, around)
	}
	if got, _ := Cut(Page{Limit: 2}, nil, position); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}
