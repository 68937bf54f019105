package scenario

import (
	"fmt"
	"runtime"
	"time"
)

// Report is what Run found.
type Report struct {
	CPUs     int           `json:"cpus"`
	Platform string        `json:"platform"`
	Go       string        `json:"go"`
	Fsync    time.Duration `json:"fsync_ns"` // median of an append of 1 KB with its fsync, in Options.Dir
	Runs     int           `json:"runs"`
	Duration time.Duration `json:"duration_ns"`
	Scale    float64       `json:"scale"`
	Results  []Result      `json:"results"`
}

// Result is what one scenario found, or why it failed.
type Result struct {
	Name    string        `json:"name"`
	About   string        `json:"about"`
	Took    time.Duration `json:"took_ns"`
	Error   string        `json:"error,omitempty"` // when set, there are no figures, and only the rows that were finished
	Figures []Figure      `json:"figures,omitempty"`
	Costs   []Cost        `json:"costs,omitempty"`
	Tables  []Table       `json:"tables,omitempty"`
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
		Scale:    l.Scale,
	}, nil
}

// add adds what the runs of a scenario found. Of one that failed only the rows
// of tables count that its last run had finished: each was checked for itself.
func (r *Report) add(s scenario, runs []run, took time.Duration, err error) {
	result := Result{Name: s.name, About: s.about, Took: took}
	if err != nil {
		result.Error = err.Error()
		for _, table := range runs[len(runs)-1].tables {
			if len(table.Rows) > 0 {
				result.Tables = append(result.Tables, table)
			}
		}
		r.Results = append(r.Results, result)
		return
	}
	for i := range runs[0].figures {
		result.Figures = append(result.Figures, combineFigures(column(runs, func(r run) Figure { return r.figures[i] })))
	}
	for i := range runs[0].costs {
		result.Costs = append(result.Costs, combineCosts(column(runs, func(r run) Cost { return r.costs[i] })))
	}
	for i := range runs[0].tables {
		result.Tables = append(result.Tables, combineTables(column(runs, func(r run) Table { return r.tables[i] })))
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
