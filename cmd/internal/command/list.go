package command

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

const pageSize = 500 // the most that the API gives at once

// listing is a verb that shows a list of the API, page after page.
type listing struct {
	connection
	limit int
}

func (l *listing) flags(f *flagSet) []cli.Flag {
	f.in("Selection").integer(&l.limit, "limit", "show at most `N`", 100, 1, 1_000_000, "all of them")
	return l.connection.flags(f)
}

// run shows the list at a path of the API.
func (l *listing) run(c *cli.Context, path string, query url.Values, cols []column) error {
	api, err := l.client()
	if err != nil {
		return err
	}
	var table []object // its columns are as wide as the widest row wants them
	more, err := api.pages(c.Context, path, query, l.limit, func(rows []object) error {
		if l.json {
			return l.printRows(c.App.Writer, cols, rows)
		}
		table = append(table, rows...)
		return nil
	})
	if err == nil && !l.json {
		err = l.printRows(c.App.Writer, cols, table)
	}
	if err == nil && more {
		fmt.Fprintf(c.App.ErrWriter, "there are more than these %d: --limit 0 shows all\n", l.limit)
	}
	return err
}

// pages hands the pages of a list to show, limit rows in all, and tells whether
// there are more; 0 = all.
func (c *client) pages(ctx context.Context, path string, query url.Values, limit int, show func([]object) error) (more bool, err error) {
	if query == nil {
		query = url.Values{}
	}
	for shown := 0; ; {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-shown)
		}
		query.Set("limit", strconv.Itoa(size))
		text, err := c.get(ctx, path, query)
		if err != nil {
			return false, err
		}
		page, err := parseObject(text)
		if err != nil {
			return false, err
		}
		rows, err := page.objects("data")
		if err != nil {
			return false, err
		}
		if err := show(rows); err != nil {
			return false, err
		}
		shown += len(rows)
		next := page.text("next_cursor")
		if next == "" || limit > 0 && shown >= limit {
			return next != "", nil
		}
		query.Set("after", next)
	}
}

// filter adds a parameter to a query unless its value is empty.
func filter(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// filterTime adds a moment to a query unless it is the zero time.
func filterTime(query url.Values, name string, at time.Time) {
	if !at.IsZero() {
		query.Set(name, wireTime(at))
	}
}
