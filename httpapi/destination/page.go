package destination

import (
	"net/url"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Sizes of a page.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// page is the shape of every list.
type page[T any] struct {
	Data     []T     `json:"data"`
	Next     *string `json:"next_page_url"`     // null at the end
	Previous *string `json:"previous_page_url"` // null at the beginning
}

// pages is a list as a request wants it cut. Libraries follow the URLs of other
// pages as they are, without host and without adding parameters, so each has
// all that the request had.
type pages struct {
	path  string
	query url.Values // of every page
	name  string     // of the list, to which its cursors are bound
	wire.Page
}

// What the position in a page parameter is.
const (
	pageAfter  = 0
	pageBefore = 1
)

// readPages reads limit and page of a list. filter chooses what is in the list;
// further parameters change only how it is shown.
func readPages(c *wire.Ctx, path string, filter, further url.Values) (p pages, err error) {
	p = pages{path: path, query: url.Values{}, name: path + "?" + filter.Encode()}
	for _, values := range []url.Values{filter, further} {
		for name, list := range values {
			p.query[name] = list
		}
	}
	if p.Limit, err = c.Limit(defaultLimit, maxLimit); err != nil {
		return p, err
	}
	if text, given := c.Query("limit"); given {
		p.query.Set("limit", text)
	}
	position, err := c.Cursor("page", p.name)
	switch {
	case err != nil:
		return p, err
	case len(position) == 0:
	case position[0] == pageAfter:
		p.After = position[1:]
	default:
		p.Before = position[1:]
	}
	return p, nil
}

// urls are those of the pages around one, given the positions where they are;
// null where the list ends.
func (p *pages) urls(c *wire.Ctx, after, before []byte) (next, previous *string) {
	at := func(direction byte, position []byte) *string {
		if position == nil {
			return nil
		}
		p.query.Set("page", c.Cursors.Encode(c.Organization, p.name, append([]byte{direction}, position...)))
		text := p.path + "?" + p.query.Encode()
		return &text
	}
	return at(pageAfter, after), at(pageBefore, before)
}
