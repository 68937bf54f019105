package proof

import (
	"fmt"
	"time"
)

// Rules are what the server was told, as far as Check depends on it, and what it
// promises about faults.
type Rules struct {
	Retry   []time.Duration // the schedule of endpoints that have none of their own
	Jitter  float64
	Timeout time.Duration // of an attempt

	// Unrecorded is for how long the outcome of an attempt can wait to be
	// written: what succeeded within it before a crash is sent again. The time
	// that the disk takes comes on top.
	Unrecorded time.Duration

	// Slack is for how long a busy machine keeps a process from running.
	Slack time.Duration
}

// Verdict is the result of a check.
type Verdict struct {
	Accepted   int         `json:"accepted"`   // events
	Owed       int         `json:"owed"`       // deliveries that must have a fate
	Delivered  int         `json:"delivered"`  // of these, taken by the receiver
	Ended      int         `json:"ended"`      // of these, ended otherwise, and the server says so
	Lost       int         `json:"lost"`       // of these, neither
	Duplicates int         `json:"duplicates"` // receipts of what the receiver had taken
	Bound      int         `json:"bound"`      // of duplicates, by the faults that struck
	Findings   []Finding   `json:"findings"`   // by invariant, in the order of Invariants
	Violations []Violation `json:"violations"`
}

// Finding says what became of one invariant.
type Finding struct {
	Invariant  string `json:"invariant"`
	Looked     int    `json:"looked"` // at so many things; 0 = nothing could violate it
	Violations int    `json:"violations"`
}

// Violation is something that must not be.
type Violation struct {
	Invariant string `json:"invariant"`
	What      string `json:"what"`
}

// maxShown is how many violations of one invariant a verdict spells out.
const maxShown = 10

// invariant is something that must hold whatever happens to the server.
type invariant struct {
	name  string
	about string
	find  func(m *model, f *finder)
}

// finder collects what an invariant finds.
type finder struct {
	*Verdict
	name  string
	found Finding
}

func (f *finder) looked(n int) { f.found.Looked += n }

func (f *finder) violated(format string, args ...any) {
	f.found.Violations++
	if f.found.Violations <= maxShown {
		f.Violations = append(f.Violations, Violation{Invariant: f.name, What: fmt.Sprintf(format, args...)})
	}
}

// Check compares ledgers, in the order of time, with the state.
func Check(records []Record, s *State, rules Rules) *Verdict {
	m := newModel(records, s, rules)
	v := &Verdict{}
	for _, inv := range invariants {
		f := &finder{Verdict: v, name: inv.name, found: Finding{Invariant: inv.name}}
		inv.find(m, f)
		v.Findings = append(v.Findings, f.found)
	}
	return v
}

// Add counts another verdict in.
func (v *Verdict) Add(other *Verdict) {
	v.Accepted += other.Accepted
	v.Owed += other.Owed
	v.Delivered += other.Delivered
	v.Ended += other.Ended
	v.Lost += other.Lost
	v.Duplicates += other.Duplicates
	v.Bound += other.Bound
	v.Violations = append(v.Violations, other.Violations...)
	if v.Findings == nil {
		v.Findings = make([]Finding, len(other.Findings))
	}
	for i, f := range other.Findings {
		v.Findings[i].Invariant = f.Invariant
		v.Findings[i].Looked += f.Looked
		v.Findings[i].Violations += f.Violations
	}
}

// Invariants returns names and meanings, in the order in which they are checked.
func Invariants() (names, about []string) {
	for _, inv := range invariants {
		names, about = append(names, inv.name), append(about, inv.about)
	}
	return names, about
}
