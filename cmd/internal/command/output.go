package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"text/tabwriter"
)

// output is standard output that remembers that it failed, so that no verb ends
// well whose result went nowhere: a table on a full disk, a secret that is shown
// once. Safe for concurrent use if the writer is.
type output struct {
	to     io.Writer
	failed atomic.Pointer[error] // the first one
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if err != nil {
		o.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (o *output) err() error {
	if failed := o.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// column is a column of a table: its title and the path of its value.
type column struct{ title, path string }

// columns makes the columns of a table from "title=path", or "path" where the
// title is the path.
func columns(specs ...string) []column {
	list := make([]column, len(specs))
	for i, spec := range specs {
		title, path, named := strings.Cut(spec, "=")
		if !named {
			path = title
		}
		list[i] = column{title, path}
	}
	return list
}

// printTable shows objects as a table for people.
func printTable(w io.Writer, cols []column, rows []object) {
	if len(rows) == 0 {
		fmt.Fprintln(w, "(none)")
		return
	}
	t := newTable(w)
	cells := make([]string, len(cols))
	for i, col := range cols {
		cells[i] = strings.ToUpper(strings.ReplaceAll(col.title, "_", " "))
	}
	printCells(t, cells)
	for _, row := range rows {
		for i, col := range cols {
			if cells[i] = printable(row.text(col.path)); cells[i] == "" {
				cells[i] = "-"
			}
		}
		printCells(t, cells)
	}
	t.Flush()
}

// printFields shows every field of an object on a line, those of inner
// objects as "outer.inner".
func printFields(w io.Writer, o object) {
	t := newTable(w)
	printInner(t, "", o)
	t.Flush()
}

func printInner(t *tabwriter.Writer, prefix string, o object) {
	for _, name := range o.names {
		field := o.fields[name]
		inner, err := parseObject(field)
		if err == nil && len(inner.names) > 0 {
			printInner(t, prefix+name+".", inner)
			continue
		}
		if text := printable(plain(field)); text != "" && text != "{}" {
			printCells(t, []string{printable(prefix + name), text})
		}
	}
}

// newTable aligns cells in columns two spaces apart, without lines: people
// read that, and grep and awk take it as well. Errors of the writer below are
// those of an output, which remembers them.
func newTable(w io.Writer) *tabwriter.Writer {
	return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
}

// printCells adds a row. The last cell has no tab behind it, so that no line
// ends in spaces.
func printCells(t *tabwriter.Writer, cells []string) {
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

// printJSON shows a JSON value on one line, for programs.
func printJSON(w io.Writer, text []byte) error {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	_, err := w.Write(append(printableJSON(b.Bytes()), '\n'))
	return err
}

// printObject shows an answer: every field for people, one line for programs.
func (o *connection) printObject(w io.Writer, answer object) error {
	if o.json {
		return printJSON(w, answer.raw)
	}
	printFields(w, answer)
	return nil
}

// printRows shows a list: a table for people, a line each for programs.
func (o *connection) printRows(w io.Writer, cols []column, rows []object) error {
	if !o.json {
		printTable(w, cols, rows)
		return nil
	}
	for _, row := range rows {
		if err := printJSON(w, row.raw); err != nil {
			return err
		}
	}
	return nil
}
