package webhook

import (
	"net/url"
	"strconv"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

const (
	defaultSize = 100
	maxSize     = 1000
)

// page is the part of a list that a request asks for.
type page struct {
	number int // from 1; last
	size   int
}

// last is the number of the last page before it is known which one that is.
const last = 0

// readPage reads page and page_size. A size that is none is the default, and a
// large one is the largest, without a word: clients of this style expect that,
// and see from "next" how the list goes on.
func readPage(c *wire.Ctx) (page, error) {
	p := page{number: 1, size: defaultSize}
	if text, given := c.Query("page_size"); given {
		if n, err := strconv.Atoi(text); err == nil && n > 0 {
			p.size = min(n, maxSize)
		}
	}
	switch text, given := c.Query("page"); {
	case text == "last":
		p.number = last
	case given:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return page{}, invalidPage("")
		}
		p.number = n
	}
	return p, nil
}

// skip is how many items come before the page.
func (p page) skip() int {
	const far = 1 << 40 // further than any list goes, and not near an overflow
	return min(p.number-1, far) * p.size
}

// lastOf is the page as it is in a list of n items: the one that was asked for,
// or the last.
func (p page) lastOf(n int) page {
	if p.number == last {
		p.number = max(1, (n+p.size-1)/p.size)
	}
	return p
}

// invalidPage is 404 for a page that the list does not have. why is appended to
// the text that clients know.
func invalidPage(why string) error {
	e := wire.NotFound("page")
	e.Detail = "Invalid page." + why
	return e
}

// pageView is a page of a list as clients see it.
type pageView[T any] struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []T     `json:"results"`
}

// newPageView links a page to those beside it.
func newPageView[T any](c *wire.Ctx, p page, count int, more bool) *pageView[T] {
	v := &pageView[T]{Count: count, Results: []T{}}
	if more {
		v.Next = link(c, p.number+1)
	}
	if p.number > 1 {
		v.Previous = link(c, p.number-1)
	}
	return v
}

// link is the absolute URL of the request with another number of the page. The
// first page goes without.
func link(c *wire.Ctx, number int) *string {
	query := url.Values{}
	for name, value := range c.QueryArgs().All() {
		query.Add(string(name), string(value))
	}
	query.Del("page")
	if number > 1 {
		query.Set("page", strconv.Itoa(number))
	}
	text := c.BaseURL() + string(c.URI().PathOriginal())
	if len(query) > 0 {
		text += "?" + query.Encode()
	}
	return &text
}
