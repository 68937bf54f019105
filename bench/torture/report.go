package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// Report is what a run found.
type Report struct {
	Version string `json:"version"` // of the server
	Seed    uint64 `json:"seed"`
	Long    bool   `json:"long"`
	Rows    []*Row `json:"scenarios"`
}

// Row is what one scenario found.
type Row struct {
	Scenario string        `json:"scenario"`
	Tries    int           `json:"tries"` // faults that struck
	Check    proof.Verdict `json:"check"` // of all rounds together
	Verdict  string        `json:"verdict"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Faults   []string      `json:"faults,omitempty"` // what went wrong besides violations
	Notes    []string      `json:"notes,omitempty"`  // what a reader wants to know: figures of the scenario's own
	Repeat   string        `json:"repeat"`           // the command
	Kept     string        `json:"kept,omitempty"`   // the directory of the round that failed
}

// fail takes in how a round ended.
func (r *Row) fail(err error) {
	switch {
	case errors.Is(err, errSkip):
		r.Verdict = err.Error()
	case err != nil:
		r.Faults = append(r.Faults, err.Error())
	}
	if r.failed() {
		r.Verdict = "FAILED"
	}
}

func (r *Row) failed() bool  { return len(r.Faults)+len(r.Check.Violations) > 0 }
func (r *Row) skipped() bool { return strings.HasPrefix(r.Verdict, errSkip.Error()) }

// Failed reports whether any scenario did.
func (r *Report) Failed() bool {
	for _, row := range r.Rows {
		if row.failed() {
			return true
		}
	}
	return false
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes the report as a table, and below it what failed.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\ttries\taccepted\towed\tdelivered\tended\tlost\tduplicates\tbound\ttime\t  verdict")
	for _, row := range r.Rows {
		c := &row.Check
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%v\t  %s\n", row.Scenario, row.Tries, c.Accepted, c.Owed, c.Delivered, c.Ended, c.Lost,
			c.Duplicates, c.Bound, row.Elapsed.Round(time.Second), row.Verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, row := range r.Rows {
		for _, note := range row.Notes {
			fmt.Fprintf(w, "\n%s: %s", row.Scenario, note)
		}
		if row.failed() {
			row.explain(w, r)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// explain says what failed, of what version, and how to see it again.
func (r *Row) explain(w io.Writer, report *Report) {
	fmt.Fprintf(w, "\n%s failed with seed %d, version %s\n", r.Scenario, report.Seed, report.Version)
	for _, fault := range r.Faults {
		fmt.Fprintf(w, "  %s\n", fault)
	}
	for _, v := range r.Check.Violations {
		fmt.Fprintf(w, "  %s: %s\n", v.Invariant, v.What)
	}
	fmt.Fprintf(w, "  repeat: %s\n", r.Repeat)
	if r.Kept != "" {
		fmt.Fprintf(w, "  kept:   %s\n", r.Kept)
	}
}
