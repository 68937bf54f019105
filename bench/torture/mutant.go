package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is a server that is broken on purpose: one place of its source says
// something else. In testdata/mutants, the directory of its name holds
//
//	mutation.txt  what is broken, in which file, what catches it, and the place
//	              as it is and as it becomes
//	<file>        that file as a whole, broken, for go build -overlay
//
// So the source of the server has not one line that knows of it. A test makes
// sure that the broken file is the real one but for that place.
type mutant struct {
	name  string
	about string
	file  string // below the source
	old   string // lines of it, found there once
	new   string // instead of them

	// What catches it: a scenario and an invariant, or a Go test of a package,
	// which the overlay breaks.
	scenario, invariant string
	test, pkg           string
}

const mutants = "testdata/mutants"

// readMutants reads all mutants of a source.
func readMutants(source string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(source, mutants, "*", "mutation.txt"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%w: there are no mutants in %s; name the source of the server by --source", errSkip, filepath.Join(source, mutants))
	}
	var all []mutant
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m, err := parseMutant(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		m.name = filepath.Base(filepath.Dir(path))
		all = append(all, m)
	}
	return all, err
}

func parseMutant(text string) (m mutant, err error) {
	head, hunk, ok := strings.Cut(text, "--- old\n")
	if !ok {
		return m, errors.New(`there is no line "--- old"`)
	}
	if m.old, m.new, ok = strings.Cut(hunk, "--- new\n"); !ok {
		return m, errors.New(`there is no line "--- new"`)
	}
	m.old, m.new = strings.TrimSuffix(m.old, "\n"), strings.TrimSuffix(m.new, "\n")
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		words := strings.Fields(value)
		switch {
		case name == "about":
			m.about = value
		case name == "file":
			m.file = value
		case name == "caught by" && len(words) == 3 && words[0] == "scenario":
			m.scenario, m.invariant = words[1], words[2]
		case name == "caught by" && len(words) == 3 && words[0] == "test":
			m.test, m.pkg = words[1], words[2]
		default:
			return m, fmt.Errorf("%q is not understood", line)
		}
	}
	if m.file == "" || m.scenario == "" && m.test == "" {
		return m, errors.New("it does not say which file it breaks, or what catches it")
	}
	return m, nil
}

// broken makes the broken file from the real one.
func (m *mutant) broken(source string) (string, error) {
	real, err := os.ReadFile(filepath.Join(source, m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(real), m.old); n != 1 {
		return "", fmt.Errorf("mutant %s no longer applies: %s has its old lines %d times, want once", m.name, m.file, n)
	}
	return strings.Replace(string(real), m.old, m.new, 1), nil
}

// replacement is where the broken file is kept.
func (m *mutant) replacement(source string) string {
	return filepath.Join(source, mutants, m.name, filepath.Base(m.file))
}

// overlay writes into dir what go build -overlay wants.
func (m *mutant) overlay(source, dir string) (path string, err error) {
	if source, err = filepath.Abs(source); err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(source, m.file): m.replacement(source)}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, m.name+".json")
	return path, os.WriteFile(path, content, 0o600)
}

// command is one of the go tool, with the overlay.
func (m *mutant) command(ctx context.Context, source, dir string, verb string, args ...string) (*exec.Cmd, error) {
	overlay, err := m.overlay(source, dir)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "go", append([]string{verb, "-overlay", overlay}, args...)...)
	c.Dir = source
	return c, nil
}
