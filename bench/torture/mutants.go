package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mutated checks the checker: servers that are broken on purpose, each in one
// way, must each be caught, by the invariant that is there for it.
var mutated = scenario{
	name: "mutants", about: "servers that are broken on purpose: each must be caught", long: true,
	whole: catchMutants,
}

func catchMutants(ctx context.Context, o Options, row *Row) (err error) {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("%w: it needs Go, to build the servers that it breaks", errSkip)
	}
	all, err := readMutants(o.Source)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Dir, "hookwheel-mutants-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, m := range all {
		row.Tries++
		by, err := m.caught(ctx, o, dir)
		if err != nil {
			row.fail(fmt.Errorf("mutant %s (%s): %w", m.name, m.about, err))
			continue
		}
		note := fmt.Sprintf("%s (%s) was caught by %s", m.name, m.about, by)
		row.Notes = append(row.Notes, note)
		o.Progress("mutants: " + note)
	}
	return nil
}

// caught runs what should catch a mutant and returns what did. It is an error
// if nothing did.
func (m *mutant) caught(ctx context.Context, o Options, dir string) (by string, err error) {
	if m.test != "" {
		return m.failsTest(ctx, o.Source, dir)
	}
	server := filepath.Join(dir, m.name)
	path, err := filepath.Abs(server)
	if err != nil {
		return "", err
	}
	build, err := m.command(ctx, o.Source, dir, "build", "-o", path, "./cmd/hookwheel")
	if err != nil {
		return "", err
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	defer func() { _ = os.Remove(server) }()
	return m.violates(ctx, o, dir, path)
}

// violates runs the mutant's scenario, in its short version.
func (m *mutant) violates(ctx context.Context, o Options, dir, server string) (by string, err error) {
	i := slices.IndexFunc(o.scenarios, func(s scenario) bool { return s.name == m.scenario })
	if i < 0 || o.scenarios[i].run == nil {
		return "", fmt.Errorf("there is no scenario %q", m.scenario)
	}
	o.Server, o.Dir, o.Long, o.DrainTimeout = server, dir, false, 10*time.Second
	found := o.scenario(ctx, o.scenarios[i])
	var violated []string
	for _, f := range found.Check.Findings {
		if f.Violations > 0 {
			violated = append(violated, f.Invariant)
		}
	}
	if !slices.Contains(violated, m.invariant) {
		return "", fmt.Errorf("it survives %s: %s is not violated, but %q, and there was %q", m.scenario, m.invariant, violated, found.Faults)
	}
	return fmt.Sprintf("%s in %s", strings.Join(violated, ", "), m.scenario), nil
}

// failsTest runs the mutant's Go test, which must fail, and not for lack of a
// program that compiles.
func (m *mutant) failsTest(ctx context.Context, source, dir string) (by string, err error) {
	test, err := m.command(ctx, source, dir, "test", "-count=1", "-run", m.test, m.pkg)
	if err != nil {
		return "", err
	}
	out, err := test.CombinedOutput()
	if err == nil {
		return "", fmt.Errorf("it survives go test -run %s %s", m.test, m.pkg)
	}
	if !strings.Contains(string(out), "--- FAIL: ") {
		return "", fmt.Errorf("go test: %w: %.2000s", err, out)
	}
	return "go test -run " + m.test + " " + m.pkg, nil
}
