package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
)

// Figure is one number that a scenario finds, the reference that it is held
// against, and the goal. In a run Value and Reference are that run's; in a
// report they are medians, as is Ratio, each of its own values.
type Figure struct {
	Name      string  `json:"name"`
	Unit      string  `json:"unit"`
	Value     float64 `json:"value"`
	Reference float64 `json:"reference,omitempty"` // in the same unit; 0 = there is none
	Against   string  `json:"against,omitempty"`   // what the reference is, if it is not the bare client

	Ratio float64 `json:"ratio,omitempty"` // Value by Reference
	Low   float64 `json:"low"`             // least and greatest of what is judged: the ratio, or without a reference the value
	High  float64 `json:"high"`

	Goal
	Verdict Verdict `json:"verdict,omitempty"` // "" without a goal
}

// Goal is what a figure must reach and should aim at, as a ratio to the
// reference where there is one. The zero Goal is none.
type Goal struct {
	Must   float64 `json:"must,omitempty"`
	Aim    float64 `json:"aim,omitempty"`
	AtMost bool    `json:"at_most,omitempty"` // less is better
}

// Verdict says how a figure stands to its goal.
type Verdict string

const (
	AimMet  Verdict = "aim met"
	MustMet Verdict = "must met"
	Missed  Verdict = "MISSED"
)

// judge returns the verdict on a value; "" for the zero Goal.
func (g Goal) judge(value float64) Verdict {
	reaches := func(mark float64) bool {
		if g.AtMost {
			return value <= mark
		}
		return value >= mark
	}
	switch {
	case g == Goal{}:
		return ""
	case reaches(g.Aim):
		return AimMet
	case reaches(g.Must):
		return MustMet
	default:
		return Missed
	}
}

// judged is what a goal speaks of: the ratio, or the value where there is no
// reference.
func (f Figure) judged() float64 {
	if f.Reference == 0 {
		return f.Value
	}
	return f.Value / f.Reference
}

// against names the reference.
func (f Figure) against() string { return cmp.Or(f.Against, "bare") }

func (f Figure) String() string {
	text := fmt.Sprintf("%s %s", number(f.Value), f.Unit)
	if f.Reference == 0 {
		return text
	}
	return fmt.Sprintf("%s, %s %s: %.3f", text, f.against(), number(f.Reference), f.judged())
}

// Cost is what one process used up during the measured part of a run. What the
// engine alone is asked for is 0 for the others.
type Cost struct {
	Process     string        `json:"process"`
	Events      float64       `json:"events"` // that the cost is divided by: events posted, or deliveries received
	CPU         time.Duration `json:"cpu_ns"`
	PeakRSS     float64       `json:"peak_rss_bytes"`
	Written     float64       `json:"written_bytes"`
	Allocations float64       `json:"allocations,omitempty"` // objects on the heap
	Allocated   float64       `json:"allocated_bytes,omitempty"`
	Contended   time.Duration `json:"contended_ns,omitempty"` // that goroutines waited for locks, all together
}

func newCost(process string, events int64, usage measure.Usage) Cost {
	return Cost{
		Process: process,
		Events:  float64(events),
		CPU:     usage.CPU,
		PeakRSS: float64(usage.PeakRSS),
		Written: float64(usage.Written),
	}
}

// each is a part of the cost by event.
func (c Cost) each(part float64) float64 { return part / c.Events }

// combineFigures makes one figure of the same figure of several runs.
func combineFigures(runs []Figure) Figure {
	f := runs[0]
	judged := make([]float64, len(runs))
	for i, r := range runs {
		judged[i] = r.judged()
	}
	f.Value = medianOf(runs, func(r Figure) float64 { return r.Value })
	f.Reference = medianOf(runs, func(r Figure) float64 { return r.Reference })
	f.Low, f.High = slices.Min(judged), slices.Max(judged)
	middle := median(judged)
	if f.Reference != 0 {
		f.Ratio = middle
	}
	f.Verdict = f.judge(middle)
	return f
}

func combineCosts(runs []Cost) Cost {
	return Cost{
		Process: runs[0].Process,
		Events:  medianOf(runs, func(c Cost) float64 { return c.Events }),
		CPU:     time.Duration(medianOf(runs, func(c Cost) float64 { return float64(c.CPU) })),
		PeakRSS: medianOf(runs, func(c Cost) float64 { return c.PeakRSS }),
		Written: medianOf(runs, func(c Cost) float64 { return c.Written }),

		Allocations: medianOf(runs, func(c Cost) float64 { return c.Allocations }),
		Allocated:   medianOf(runs, func(c Cost) float64 { return c.Allocated }),
		Contended:   time.Duration(medianOf(runs, func(c Cost) float64 { return float64(c.Contended) })),
	}
}

func medianOf[T any](items []T, of func(T) float64) float64 {
	values := make([]float64, len(items))
	for i, item := range items {
		values[i] = of(item)
	}
	return median(values)
}

// median sorts values, which must not be empty. Of an even number it is the
// mean of the two in the middle.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// number writes a figure with as many digits as it can bear: large ones in
// groups of three, small ones with up to three digits after the point.
func number(v float64) string {
	if v < 999.5 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
