// Package scenario measures the engine as its users see it: producer, engine
// and sink as separate processes that talk HTTP, and in the same run, with the
// same sink and on the same cores, the bare client that the engine is compared
// with.
//
//	for each scenario, Options.Runs times:
//	    load ──POST deliveries──▶ sink                    the reference
//	    load ──POST events──▶ hookwheel serve ──▶ sink    the figure
//
// A figure is the median of the runs' ratios; a machine that is faster or
// slower moves both sides. A run counts only when everything that was accepted
// has arrived, told apart by id and exactly once; otherwise the scenario fails
// and shows no rate. Some scenarios have another reference, such as the engine
// itself under easier conditions, and some show tables: how a cost grows with
// the size of something. Those that take minutes run only when they are named,
// or with Options.Long.
//
// One scenario is one small file: a name and a function that makes one run.
// The list is below. The package knows the engine by its HTTP API alone.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// scenario is one thing to measure.
type scenario struct {
	name  string
	about string
	runs  int                                      // at most; 0 = as many as asked for
	long  bool                                     // takes minutes
	once  func(context.Context, *lab) (run, error) // one run, with its reference
}

// run is what one run of a scenario found. Every run of a scenario gives the
// same figures and costs, in the same order.
type run struct {
	figures []Figure // Value, and Reference or none; the rest is filled in by the report
	costs   []Cost
	tables  []Table // their rows are the same cases in every run
}

// all scenarios, in the order in which they are shown.
var all = []scenario{
	endToEndSingle,
	endToEndBatch,
	acceptSingle,
	acceptBatch,
	fanOut,
	latency,
	isolation,
	idleEndpoints,
	diskBytes,
	signing,
	isolationAll,
	catchUp,
	backlog,
	growIdle,
	growActive,
	growFanOut,
	growPayload,
	growOrganizations,
	growRetries,
	growRetention,
	growShards,
}

// Options say what to run and on what.
type Options struct {
	Executable string        // the hookwheel binary; "" = the running program
	Dir        string        // where data directories are made, and removed; "" = the system's temporary directory
	Runs       int           // of each scenario, 1–99; 0 = 3
	Duration   time.Duration // for which each side of a run is posted to, 100 ms to 10 min; 0 = 5 s
	Only       []string      // names of scenarios; empty = all
	Long       bool          // also those that take minutes; Only goes before it
	Scale      float64       // of the sizes of scenarios: how many endpoints, how long a backlog; 0 = 1, at most 1
	ServeFlags []string      // added to `hookwheel serve`, to try settings out

	// Sign signs body as the engine would for the standard scheme, for the
	// scenario that measures it. The package does not import the engine.
	Sign func(id string, at time.Time, body []byte)

	// Progress is told what goes on, and since when. nil = nobody.
	Progress func(line string)
}

func (o Options) withDefaults() (Options, error) {
	if o.Executable == "" {
		path, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Executable = path
	}
	if o.Runs == 0 {
		o.Runs = 3
	}
	if o.Duration == 0 {
		o.Duration = 5 * time.Second
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	tell, began := o.Progress, time.Now()
	o.Progress = func(line string) {
		if tell != nil {
			tell(fmt.Sprintf("%6v  %s", time.Since(began).Round(time.Second), line))
		}
	}
	return o, nil
}

func (o Options) validate() error {
	var faults []error
	if o.Runs < 1 || o.Runs > 99 {
		faults = append(faults, fmt.Errorf("runs is %d, want 1 to 99", o.Runs))
	}
	if o.Duration < 100*time.Millisecond || o.Duration > 10*time.Minute {
		faults = append(faults, fmt.Errorf("duration is %v, want 100ms to 10m", o.Duration))
	}
	if o.Scale < 0 || o.Scale > 1 {
		faults = append(faults, fmt.Errorf("scale is %v, want more than 0 and at most 1", o.Scale))
	}
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			faults = append(faults, fmt.Errorf("there is no scenario %q, want one of %q", name, Names()))
		}
	}
	if o.Sign == nil {
		faults = append(faults, errors.New("no function to sign with"))
	}
	return errors.Join(faults...)
}

// Names returns the names of all scenarios.
func Names() []string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

// Run runs scenarios one after the other and reports on them. A scenario that
// fails is reported as failed and does not keep the others from running; the
// error is for what keeps all of them from it, and for the end of ctx, which
// leaves a report on those that came before it.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	options, err = options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("start benchmark: %w", err)
	}
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("start benchmark: %w", err)
	}
	lab, err := newLab(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start benchmark: %w", err)
	}
	defer func() { err = errors.Join(err, lab.close()) }()
	report, err = newReport(lab)
	if err != nil {
		return nil, fmt.Errorf("start benchmark: %w", err)
	}
	wanted := options.wanted()
	for i, s := range wanted {
		lab.Progress(fmt.Sprintf("%d of %d: %s: %s", i+1, len(wanted), s.name, s.about))
		began := time.Now()
		runs, err := repeat(ctx, lab, s)
		if ctx.Err() != nil {
			return report, context.Cause(ctx)
		}
		report.add(s, runs, time.Since(began), err)
	}
	return report, nil
}

// wanted are the scenarios to run.
func (o Options) wanted() (wanted []scenario) {
	for _, s := range all {
		if len(o.Only) > 0 && slices.Contains(o.Only, s.name) || len(o.Only) == 0 && (o.Long || !s.long) {
			wanted = append(wanted, s)
		}
	}
	return wanted
}

// scaled is a size of a scenario, at least 1.
func (o Options) scaled(size int) int { return max(1, int(float64(size)*o.Scale)) }

// repeat runs a scenario as often as it is to be. The last run is the one that
// failed, if one did.
func repeat(ctx context.Context, lab *lab, s scenario) ([]run, error) {
	var runs []run
	times := lab.Runs
	if s.runs > 0 {
		times = min(times, s.runs)
	}
	for n := range times {
		r, err := s.once(ctx, lab)
		runs = append(runs, r)
		if err != nil {
			lab.Progress(fmt.Sprintf("%s, run %d of %d: %v", s.name, n+1, times, err))
			return runs, err
		}
		found := "done"
		if len(r.figures) > 0 {
			found = r.figures[0].String()
		}
		lab.Progress(fmt.Sprintf("%s, run %d of %d: %s", s.name, n+1, times, found))
	}
	return runs, nil
}
