package scenario

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// Report is what Run found.
type Report struct {
	CPUs     int           `json:"cpus"`
	Platform string        `json:"platform"`
	Go       string        `json:"go"`
	Fsync    time.Duration `json:"fsync_ns"` // median of an append of 1 KB with its fsync, in Options.Dir
	Runs     int           `json:"runs"`
	Duration time.Duration `json:"duration_ns"`
	Results  []Result      `json:"results"`
}

// Result is what one scenario found, or why it failed.
type Result struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Error   string   `json:"error,omitempty"` // when set, there are no figures
	Figures []Figure `json:"figures,omitempty"`
	Costs   []Cost   `json:"costs,omitempty"`
	Tables  []Table  `json:"tables,omitempty"`
}

// Table shows several numbers for each of a few cases, such as how a cost grows
// with the size of something.
type Table struct {
	Title   string   `json:"title"`
	Case    string   `json:"case"`    // what the rows differ in
	Columns []string `json:"columns"` // with their units
	Rows    []Row    `json:"rows"`
}

// Row is one case of a table. A value that does not exist is NaN in a run and
// null in JSON.
type Row struct {
	Case   string  `json:"case"`
	Values []Value `json:"values"`
}

// Value is a number that may be missing.
type Value float64

// missing is the Value of what was not measured.
var missing = Value(math.NaN())

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(v)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', 6, 64), nil
}

func (v Value) String() string {
	if math.IsNaN(float64(v)) {
		return "–"
	}
	return number(float64(v))
}

func newReport(l *lab) (*Report, error) {
	fsync, err := measureFsync(l.dir)
	if err != nil {
		return nil, err
	}
	return &Report{
		CPUs:     runtime.NumCPU(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Go:       runtime.Version(),
		Fsync:    fsync,
		Runs:     l.Runs,
		Duration: l.Duration,
	}, nil
}

func (r *Report) add(s scenario, runs []run, err error) {
	result := Result{Name: s.name, About: s.about}
	if err != nil {
		result.Error = err.Error()
		r.Results = append(r.Results, result)
		return
	}
	for i := range runs[0].figures {
		result.Figures = append(result.Figures, combineFigures(column(runs, func(r run) Figure { return r.figures[i] })))
	}
	for i := range runs[0].costs {
		result.Costs = append(result.Costs, combineCosts(column(runs, func(r run) Cost { return r.costs[i] })))
	}
	result.Tables = runs[0].tables
	r.Results = append(r.Results, result)
}

func column[T any](runs []run, of func(run) T) []T {
	items := make([]T, len(runs))
	for i, r := range runs {
		items[i] = of(r)
	}
	return items
}

// Faults lists what went wrong, for an exit status and for people: scenarios
// that failed and figures that miss what they must reach.
func (r *Report) Faults() []string {
	var faults []string
	for _, result := range r.Results {
		if result.Error != "" {
			faults = append(faults, fmt.Sprintf("%s failed: %s", result.Name, result.Error))
		}
		for _, f := range result.Figures {
			if f.Verdict == Missed {
				faults = append(faults, fmt.Sprintf("%s misses its goal: %s", f.Name, f))
			}
		}
	}
	return faults
}

// WriteText writes the report as tables for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d CPUs, %s, %s; append and fsync of 1 KB %v; median of %d runs, each side posted to for %v\n",
		r.CPUs, r.Platform, r.Go, r.Fsync.Round(time.Microsecond), r.Runs, r.Duration)
	for _, table := range []string{r.figureTable(), r.costTable()} {
		if table != "" {
			fmt.Fprintf(&b, "\n%s\n", table)
		}
	}
	for _, result := range r.Results {
		for _, table := range result.Tables {
			fmt.Fprintf(&b, "\n%s\n%s\n", table.Title, table.text())
		}
	}
	for _, fault := range r.Faults() {
		fmt.Fprintf(&b, "\n%s\n", fault)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) text() string {
	rows := [][]string{append(append([]string{t.Case}, t.Columns...), "")}
	for _, r := range t.Rows {
		row := []string{r.Case}
		for _, v := range r.Values {
			row = append(row, v.String())
		}
		rows = append(rows, append(row, ""))
	}
	return align(rows)
}

func (r *Report) figureTable() string {
	rows := [][]string{{"figure", "value", "reference", "ratio", "low – high", "must", "aim", "verdict"}}
	for _, result := range r.Results {
		if result.Error != "" {
			rows = append(rows, []string{result.Name, "", "", "", "", "", "", "FAILED"})
		}
		for _, f := range result.Figures {
			rows = append(rows, f.row())
		}
	}
	if len(rows) == 1 {
		return ""
	}
	return align(rows)
}

func (f Figure) row() []string {
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

func (r *Report) costTable() string {
	rows := [][]string{{"scenario", "process", "events", "CPU s", "CPU µs/event", "peak RSS MB", "written B/event"}}
	for _, result := range r.Results {
		for _, c := range result.Costs {
			rows = append(rows, []string{
				result.Name, c.Process, number(c.Events),
				fmt.Sprintf("%.2f", c.CPU.Seconds()),
				fmt.Sprintf("%.1f", micros(c.CPU)/c.Events),
				fmt.Sprintf("%.0f", c.PeakRSS/(1<<20)),
				number(c.Written / c.Events),
			})
		}
	}
	if len(rows) == 1 {
		return ""
	}
	return align(rows)
}

// align sets rows in columns, the first and the last flush left, the others
// flush right.
func align(rows [][]string) string {
	var widest int
	for _, row := range rows {
		widest = max(widest, utf8.RuneCountInString(row[0]))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		fmt.Fprintf(w, "%-*s\t", widest, row[0])
		last := len(row) - 1
		for _, cell := range row[1:last] {
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintf(w, "   %s\n", row[last])
	}
	_ = w.Flush() // a strings.Builder takes everything
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
