package scenario

import (
	"fmt"
	"io"
	"runtime"
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
	_, err := fmt.Fprintf(w, "%d CPUs, %s, %s; append and fsync of 1 KB %v; median of %d runs, each side posted to for %v\n\n%s\n\n%s\n",
		r.CPUs, r.Platform, r.Go, r.Fsync.Round(time.Microsecond), r.Runs, r.Duration, r.figureTable(), r.costTable())
	if err != nil {
		return err
	}
	for _, fault := range r.Faults() {
		if _, err := fmt.Fprintf(w, "\n%s\n", fault); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) figureTable() string {
	rows := [][]string{{"figure", "value", "bare", "ratio", "low – high", "must", "aim", "verdict"}}
	for _, result := range r.Results {
		if result.Error != "" {
			rows = append(rows, []string{result.Name, "", "", "", "", "", "", "FAILED"})
		}
		for _, f := range result.Figures {
			rows = append(rows, f.row())
		}
	}
	return align(rows)
}

func (f Figure) row() []string {
	var reference, ratio, must, aim string
	if f.Reference != 0 {
		reference, ratio = number(f.Reference), number(f.Ratio)
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
	return strings.TrimSuffix(b.String(), "\n")
}
