// Package torture does to a server what happens to servers, and proves that
// nothing is lost by it.
//
//	for each scenario:
//	    producers ──POST──▶ hookwheel serve ──▶ receivers that misbehave
//	                             ▲
//	        the scenario: changes endpoints, kills, fills the disk, …
//	    then: faults end, everything drains, and the ledgers are compared
//
// Producers and receivers are processes of package proof, which keep ledgers of
// what they sent and got, and whose check decides. The server is a process of
// its own, started and struck like one in production. The package knows it by
// its HTTP API alone.
//
// One scenario is one small file: a name and a function that strikes. Everything
// random comes from a seed, which every failure prints together with the command
// that repeats it; what the processes do with it differs from run to run all the
// same. The directory of a failure is kept: ledgers, logs and data.
package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// scenario is one kind of fault.
type scenario struct {
	name  string
	about string
	long  bool // runs only with Options.Long, or when it is named

	// rounds is how often it is run, each time from an empty directory, in the
	// short and in the long version; 0 = 1.
	rounds, longRounds int

	// run drives the lab through one round: it starts what it needs and strikes.
	// When it returns, the server that is to be asked runs, without a fault; the
	// rest, from draining to the check, is done for all scenarios alike.
	//
	// errSkip, wrapped in the reason, says that this machine cannot do it.
	run func(ctx context.Context, l *lab) error

	// whole is for what is more than a round of one lab: it does everything
	// itself. Then run is nil.
	whole func(ctx context.Context, o Options, row *Row) error
}

// all scenarios, in the order in which they are shown.
var all = []scenario{
	steady,
	kill,
	term,
	idempotency,
	receivers,
	producers,
	powercut,
	fullDisk,
	descriptors,
	memoryLimit,
	clockSteps,
	torn,
	backup,
	mutated,
}

// errSkip says that a scenario needs what this machine does not have.
var errSkip = errors.New("skipped")

// Options say what to run and on what.
type Options struct {
	Executable string   // the hookwheel binary that producers and receivers are; "" = the running program
	Server     string   // the hookwheel binary under test; "" = Executable
	Dir        string   // where directories are made; those of successes are removed; "" = the system's temporary directory
	Source     string   // the source of the server, for scenarios that build it; "" = the working directory
	Only       []string // names of scenarios; empty = all
	Long       bool     // as often and as long as a release deserves: an hour
	Seed       uint64   // 0 = any
	Version    string   // of the server, for reports
	ServeFlags []string // added to `hookwheel serve`

	DrainTimeout time.Duration // for deliveries to end after the faults have; 0 = 2 minutes

	// Progress is told what is being done. nil = nobody.
	Progress func(line string)

	scenarios []scenario // all, for the one that runs others
}

func (o Options) withDefaults() (Options, error) {
	if o.Executable == "" {
		path, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Executable = path
	}
	if o.Server == "" {
		o.Server = o.Executable
	}
	o.scenarios = all
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 2 * time.Minute
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1<<31) + 1
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o, nil
}

func (o Options) validate() error {
	var faults []error
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			faults = append(faults, fmt.Errorf("there is no scenario %q, want one of %q", name, Names()))
		}
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

// Run runs scenarios one after the other and reports on them. One that fails
// does not keep the others from running; the error is for what keeps all of them
// from it, and for the end of ctx.
func Run(ctx context.Context, options Options) (*Report, error) {
	o, err := options.withDefaults()
	if err == nil {
		err = o.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("start torture: %w", err)
	}
	report := &Report{Version: o.Version, Seed: o.Seed, Long: o.Long}
	for _, s := range all {
		if !o.wants(s) {
			continue
		}
		o.Progress(s.name + ": " + s.about)
		row := o.scenario(ctx, s)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		report.Rows = append(report.Rows, row)
		o.Progress(s.name + ": " + row.Verdict)
	}
	return report, nil
}

func (o Options) wants(s scenario) bool {
	if len(o.Only) > 0 {
		return slices.Contains(o.Only, s.name)
	}
	return o.Long || !s.long
}

// scenario runs all rounds of one scenario, until one fails.
func (o Options) scenario(ctx context.Context, s scenario) *Row {
	row := &Row{Scenario: s.name, Verdict: "ok", Repeat: o.repeat(s.name)}
	began := time.Now()
	defer func() { row.Elapsed = time.Since(began) }()
	if s.whole != nil {
		row.fail(s.whole(ctx, o, row))
		return row
	}
	rounds := max(1, s.rounds)
	if o.Long {
		rounds = max(1, s.longRounds)
	}
	for n := range rounds {
		if !o.round(ctx, s, n, row) {
			return row
		}
	}
	return row
}

// round runs a scenario once, adds what it found to the row, and reports
// whether it may go on.
func (o Options) round(ctx context.Context, s scenario, n int, row *Row) bool {
	dir, err := os.MkdirTemp(o.Dir, "hookwheel-torture-"+s.name+"-*")
	if err != nil {
		row.fail(err)
		return false
	}
	l, err := newLab(ctx, o, dir, rand.New(rand.NewPCG(o.Seed, uint64(n))))
	if err != nil {
		row.fail(errors.Join(err, os.RemoveAll(dir)))
		return false
	}
	verdict, err := l.try(ctx, s)
	row.Tries += l.tries
	if verdict != nil {
		row.Check.Add(verdict)
	}
	row.fail(err)
	if row.failed() {
		row.Kept = dir
	} else if err := os.RemoveAll(dir); err != nil {
		row.fail(err)
	}
	return !row.failed() && !row.skipped()
}

// try drives the lab and checks. Whatever happens, nothing of it runs on.
func (l *lab) try(ctx context.Context, s scenario) (verdict *proof.Verdict, err error) {
	defer func() { err = errors.Join(err, l.close()) }()
	if err := s.run(ctx, l); err != nil {
		return nil, err
	}
	return l.conclude(ctx)
}

// repeat is the command that runs a scenario again.
func (o Options) repeat(name string) string {
	command := fmt.Sprintf("%s torture --scenario %s --seed %d", filepath.Base(o.Executable), name, o.Seed)
	if o.Long {
		command += " --long"
	}
	return command
}
