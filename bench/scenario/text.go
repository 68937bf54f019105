package scenario

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// WriteText writes the report as tables for people.
func (r *Report) WriteText(w io.Writer) error { return r.write(w, align) }

// WriteMarkdown writes the same tables in Markdown, to be pasted.
func (r *Report) WriteMarkdown(w io.Writer) error { return r.write(w, markdown) }

// write writes the report with its tables, the first row of which is the head,
// as layout lays them out.
func (r *Report) write(w io.Writer, layout func(rows [][]string) string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d CPUs, %s, %s; append and fsync of 1 KB %v; median of %d runs, each side posted to for %v\n",
		r.CPUs, r.Platform, r.Go, r.Fsync.Round(time.Microsecond), r.Runs, r.Duration)
	if r.Scale != 1 {
		fmt.Fprintf(&b, "sizes are %g of those that are named\n", r.Scale)
	}
	for _, rows := range [][][]string{r.figureCells(), r.costCells()} {
		if len(rows) > 1 {
			fmt.Fprintf(&b, "\n%s\n", layout(rows))
		}
	}
	for _, result := range r.Results {
		for _, table := range result.Tables {
			fmt.Fprintf(&b, "\n%s\n\n%s\n", table.Title, layout(table.cells()))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.took())
	for _, fault := range r.Faults() {
		fmt.Fprintf(&b, "\n%s\n", fault)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// took says how long the scenarios took, and all of them.
func (r *Report) took() string {
	var all time.Duration
	var each []string
	for _, result := range r.Results {
		all += result.Took
		each = append(each, fmt.Sprintf("%s %v", result.Name, result.Took.Round(time.Second)))
	}
	return fmt.Sprintf("took %v: %s", all.Round(time.Second), strings.Join(each, ", "))
}

func (r *Report) figureCells() [][]string {
	rows := [][]string{{"figure", "value", "reference", "ratio", "low – high", "must", "aim", "verdict"}}
	for _, result := range r.Results {
		if result.Error != "" {
			rows = append(rows, []string{result.Name, "", "", "", "", "", "", "FAILED"})
		}
		for _, f := range result.Figures {
			rows = append(rows, f.cells())
		}
	}
	return rows
}

func (f Figure) cells() []string {
	var reference, ratio, must, aim string
	if f.Reference != 0 {
		reference, ratio = f.against()+" "+number(f.Reference), number(f.Ratio)
	}
	if f.Goal != (Goal{}) {
		sign := "≥ "
		if f.AtMost {
			sign = "≤ "
		}
		must, aim = sign+number(f.Must), sign+number(f.Aim)
	}
	return []string{
		f.Name, number(f.Value) + " " + f.Unit, reference, ratio,
		number(f.Low) + " – " + number(f.High), must, aim, string(f.Verdict),
	}
}

func (r *Report) costCells() [][]string {
	rows := [][]string{{
		"scenario, process", "events", "CPU s", "CPU µs/event", "peak RSS MB", "written B/event", "allocs/event", "allocated B/event",
	}}
	for _, result := range r.Results {
		for _, c := range result.Costs {
			row := []string{
				result.Name + ", " + c.Process, number(c.Events),
				fmt.Sprintf("%.2f", c.CPU.Seconds()),
				fmt.Sprintf("%.1f", c.each(micros(c.CPU))),
				fmt.Sprintf("%.0f", c.PeakRSS/(1<<20)),
				number(c.each(c.Written)), "", "",
			}
			if c.Allocations > 0 {
				row[6], row[7] = number(c.each(c.Allocations)), number(c.each(c.Allocated))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// align sets rows in columns, the first flush left and the others flush right.
func align(rows [][]string) string {
	var widest int
	for _, row := range rows {
		widest = max(widest, utf8.RuneCountInString(row[0]))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		fmt.Fprintf(w, "%-*s\t%s\t\n", widest, row[0], strings.Join(row[1:], "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// markdown sets rows as a table of GitHub's Markdown, the first column flush
// left and the others flush right.
func markdown(rows [][]string) string {
	var lines []string
	for i, row := range rows {
		lines = append(lines, "| "+strings.Join(row, " | ")+" |")
		if i == 0 {
			lines = append(lines, "|---|"+strings.Repeat("--:|", len(row)-1))
		}
	}
	return strings.Join(lines, "\n")
}
