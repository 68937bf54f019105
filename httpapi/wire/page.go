package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Page is which part of a list a request asks for. At most one of After and
// Before is set.
type Page struct {
	Limit  int
	After  []byte // position after which the page begins
	Before []byte // position before which the page ends
}

// Limits of the page size, unless a dialect has its own.
const (
	DefaultLimit = 100
	MaxLimit     = 500
)

// Page reads limit, after and before of a list.
func (c *Ctx) Page(list string, fallback, largest int) (page Page, err error) {
	if page.Limit, err = c.Limit(fallback, largest); err != nil {
		return Page{}, err
	}
	if page.After, err = c.Cursor("after", list); err != nil {
		return Page{}, err
	}
	if page.Before, err = c.Cursor("before", list); err != nil {
		return Page{}, err
	}
	if page.After != nil && page.Before != nil {
		return Page{}, BadParameter("before", "cannot be combined with after")
	}
	return page, nil
}

// Paged are the query parameters that Page reads, and others.
func Paged(others ...string) []string {
	return append([]string{"limit", "after", "before"}, others...)
}

// ListName names a list together with the query parameters that choose from it,
// so that its cursors are good for the same choice only. Each value stands
// behind its length, or one with a zero in it could pass for two.
func (c *Ctx) ListName(name string, parameters ...string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, p := range parameters {
		value, _ := c.Query(p)
		fmt.Fprintf(&b, "\x00%d:%s", len(value), value)
	}
	return b.String()
}

// Limit reads the size of a page. Sizes outside of 1…largest are refused, not
// clamped: a caller who asks for 1,000 and gets 500 would take the end of the
// page for the end of the list.
func (c *Ctx) Limit(fallback, largest int) (int, error) {
	text, ok := c.Query("limit")
	if !ok {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > largest {
		return 0, BadParameter("limit", "expected a number from 1 to %d", largest)
	}
	return n, nil
}

// Cursor reads the position in a list that a query parameter has a cursor of;
// nil if it is absent.
func (c *Ctx) Cursor(name, list string) ([]byte, error) {
	text, ok := c.Query(name)
	if !ok {
		return nil, nil
	}
	position, err := c.Cursors.Decode(text, c.Organization, list)
	if err != nil {
		e := BadParameter(name, "not a cursor of this list")
		e.Code = CodeBadCursor
		return nil, e
	}
	return position, nil
}

// Around says where a list goes on, on either side of a page.
type Around struct {
	Next []byte // position of the page's last item; nil if the list ends with it
	Prev []byte // position of its first item; nil if the list begins with it
}

// Cursors makes the texts for both sides, nil where the list ends.
func (a Around) Cursors(c *Ctx, list string) (next, prev *string) {
	text := func(position []byte) *string {
		if position == nil {
			return nil
		}
		cursor := c.Cursors.Encode(c.Organization, list, position)
		return &cursor
	}
	return text(a.Next), text(a.Prev)
}

// Cut takes a page out of a list that is in memory as a whole. Its items are in
// the order of their positions, which appendPosition writes.
func Cut[T any](page Page, items []T, appendPosition func(dst []byte, item T) []byte) ([]T, Around) {
	find := func(position []byte) (int, bool) {
		var room [64]byte
		return slices.BinarySearchFunc(items, position, func(item T, position []byte) int {
			return bytes.Compare(appendPosition(room[:0], item), position)
		})
	}
	from, to := 0, len(items)
	if page.After != nil {
		i, exact := find(page.After)
		if from = i; exact {
			from++
		}
	}
	if page.Before != nil {
		to, _ = find(page.Before)
		from = max(0, to-page.Limit)
	}
	to = min(to, from+page.Limit)
	var around Around
	if from < to && to < len(items) {
		around.Next = appendPosition(nil, items[to-1])
	}
	if from < to && from > 0 {
		around.Prev = appendPosition(nil, items[from])
	}
	return items[from:to], around
}
