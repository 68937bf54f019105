package webhook

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

func requestOf(query string) *wire.Ctx {
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/v1/webhook-endpoints/?" + query)
	rc.Request.Header.SetHost("hooks.example.com")
	return &wire.Ctx{RequestCtx: &rc, Scheme: "https"}
}

// FuzzPage: a page is within bounds, and the link to another page asks for that
// one with all that the request had besides.
func FuzzPage(f *testing.F) {
	f.Add("page=2&page_size=10&ordering=-created", 3)
	f.Add("page=last&page_size=0&is_active=True", 1)
	f.Add("page=9223372036854775807&page_size=1000", 5)
	f.Add("page=1&page=7&status=success&x=%00%26", 2)
	f.Add("page=-1", 1)
	f.Fuzz(func(t *testing.T, query string, other int) {
		if !sendable(query) {
			return
		}
		c := requestOf(query)
		p, err := readPage(c)
		given, parsed := url.ParseQuery(query)
		if err != nil {
			if e := wire.From(err); e.Status != 404 || parsed == nil && !given.Has("page") {
				t.Errorf("%q: got %d, %v", query, e.Status, err)
			}
			return
		}
		if p.size < 1 || p.size > maxSize || p.number < last || p.skip() < 0 && p.number != last || p.lastOf(12345).number < 1 {
			t.Errorf("%q: got %+v, which skips %d", query, p, p.skip())
		}
		if _, err := readStatus(c); err != nil && wire.From(err).Status != 400 {
			t.Errorf("%q: got %v for its status", query, err)
		}
		if _, _, err := readActive(c); err != nil && wire.From(err).Status != 400 {
			t.Errorf("%q: got %v for is_active", query, err)
		}
		other = max(1, other)
		text := *link(c, other)
		rest, ok := strings.CutPrefix(text, "https://hooks.example.com/v1/webhook-endpoints/")
		asked, err := url.ParseQuery(strings.TrimPrefix(rest, "?"))
		if got := asked.Get("page"); !ok || err != nil || got != strconv.Itoa(other) && !(got == "" && other == 1) {
			t.Errorf("%q: the link to page %d is %q, %v", query, other, text, err)
		}
		for _, name := range []string{"page", ""} { // one without a name says nothing
			given.Del(name)
			asked.Del(name)
		}
		if parsed == nil && given.Encode() != asked.Encode() {
			t.Errorf("%q: the link to page %d is %q, want %q besides", query, other, text, given.Encode())
		}
	})
}

// sendable reports whether a query can stand in the first line of a request.
func sendable(query string) bool {
	return !strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' })
}
