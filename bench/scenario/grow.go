package scenario

import (
	"context"
	"fmt"
	"slices"
)

// Growth scenarios do the same at several sizes of one thing. What a row shows
// should not depend on the size, or as little as can be.

// A row is measured by so many deliveries, or half of that; when the sizes are
// scaled down, by as many fewer, but by leastPerRow.
const (
	mostPerRow  = 200_000
	leastPerRow = 4_000
)

func (l *lab) perRow() int { return max(l.scaled(mostPerRow), leastPerRow) }

// growth is a growth table being made.
type growth struct {
	Table
	lab *lab
}

// newGrowth begins a table. more are columns beyond those of all such tables.
func newGrowth(l *lab, title, what string, more ...string) *growth {
	columns := []string{"per second", "CPU µs each", "allocs each", "lock wait µs each", "RSS MB", "stored B/event", "start s"}
	return &growth{lab: l, Table: Table{Title: title, Case: what, Columns: slices.Concat(columns, more)}}
}

// run is the run of a scenario that shows this table, finished or not.
func (g *growth) run() run { return run{tables: []Table{g.Table}} }

// add adds a row: what each of f cost, what the engine takes, which by now has
// taken in so many events, and how long it needs to start again after a kill.
func (g *growth) add(ctx context.Context, e *engine, size int, f flow, events int64, more ...Value) error {
	usage, err := e.Usage()
	if err != nil {
		return err
	}
	stored, err := e.stored()
	if err != nil {
		return err
	}
	start, err := e.crash(ctx)
	if err != nil {
		return err
	}
	c := f.engine
	g.show(number(float64(size)), append([]Value{
		Value(f.rate), Value(c.each(micros(c.CPU))), Value(c.each(c.Allocations)), Value(c.each(micros(c.Contended))),
		Value(usage.RSS >> 20), Value(float64(stored) / float64(events)), Value(start.Seconds()),
	}, more...)...)
	return nil
}

// show adds a row and tells about it.
func (g *growth) show(name string, values ...Value) {
	g.Rows = append(g.Rows, Row{Case: name, Values: values})
	g.lab.Progress(fmt.Sprintf("%s %s: %v", g.Case, name, values))
}

// fresh adds a row of a workload on an engine of its own, beside idle endpoints.
func (g *growth) fresh(ctx context.Context, size, idle int, w workload, flags ...string) error {
	e, err := g.lab.startEngine(ctx, flags...)
	if err != nil {
		return err
	}
	defer e.discard()
	if err := e.fill(ctx, g.lab, idle); err != nil {
		return err
	}
	if err := w.prepare(ctx, g.lab, e); err != nil {
		return err
	}
	f, err := w.pour(ctx, g.lab, e)
	if err != nil {
		return err
	}
	return g.add(ctx, e, size, f, f.posted.Events)
}

// sizes returns sizes as the options scale them. The smallest stays.
func (l *lab) sizes(first int, more ...int) []int {
	sizes := []int{first}
	for _, size := range more {
		if size = l.scaled(size); size > sizes[len(sizes)-1] {
			sizes = append(sizes, size)
		}
	}
	return sizes
}
