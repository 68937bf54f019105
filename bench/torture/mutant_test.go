package torture

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the broken files of the mutants")

const source = "../.."

// Each broken file is the real one but for the lines that mutation.txt names.
// After a change of the real file, make golden rewrites it; where the lines
// themselves have changed, the mutant has to be thought about anew.
func TestMutantsApply(t *testing.T) {
	all, err := readMutants(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			want, err := m.broken(source)
			if err != nil {
				t.Fatal(err)
			}
			path := m.replacement(source)
			if *update {
				if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != want {
				t.Errorf("%s is not %s with the lines of mutation.txt replaced (%v): run make golden, and look at the difference", path, m.file, err)
			}
		})
	}
}

// Every mutant compiles: one that does not is caught by nothing but that.
func TestMutantsBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a dozen packages; run without -short")
	}
	all, err := readMutants(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		build, err := m.command(t.Context(), source, t.TempDir(), "build", "./"+filepath.Dir(m.file))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%s: got %v, want it to compile\n%s", m.name, err, out)
		}
	}
}

// Mutants are caught end to end: two of them here, all of them by hookwheel
// torture --scenario mutants.
func TestMutantsAreCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs broken servers; run without -short")
	}
	all, err := readMutants(source)
	if err != nil {
		t.Fatal(err)
	}
	path, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	o, err := Options{Executable: path, Source: source, Seed: 1, Dir: t.TempDir(), DrainTimeout: 10 * time.Second}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sign-with-wrong-secret", "read-across-tenants"} {
		i := slices.IndexFunc(all, func(m mutant) bool { return m.name == name })
		if i < 0 {
			t.Fatalf("there is no mutant %s", name)
		}
		by, err := all[i].caught(t.Context(), o, t.TempDir())
		if t.Logf("%s: %s", name, by); err != nil {
			t.Errorf("%s: got %v, want it to be caught", name, err)
		}
	}
}

func TestMutantThatDoesNotApply(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"nothing of it", "old\nand old\n"} {
		if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		m := mutant{name: "m", file: "a.go", old: "old", new: "new"}
		if got, err := m.broken(dir); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestParseMutant(t *testing.T) {
	const good = "about: a\nfile: b.go\ncaught by: scenario steady signed\n--- old\n\tx\n--- new\n\ty\n\tz\n"
	m, err := parseMutant(good)
	want := mutant{about: "a", file: "b.go", scenario: "steady", invariant: "signed", old: "\tx", new: "\ty\n\tz"}
	if err != nil || m != want {
		t.Errorf("got %+v, %v, want %+v", m, err, want)
	}
	for _, part := range []string{"file: b.go\n", "caught by: scenario steady signed\n", "--- old\n", "--- new\n", " signed"} {
		if m, err := parseMutant(strings.Replace(good, part, "", 1)); err == nil {
			t.Errorf("without %q: got %+v, want an error", part, m)
		}
	}
}

// What a run prints when something fails is what is needed to see it again.
func TestReportOfFailure(t *testing.T) {
	report := &Report{Version: "v1.2.3", Seed: 42}
	row := &Row{Scenario: "kill", Verdict: "ok", Repeat: Options{Executable: "/x/hookwheel", Seed: 42, Long: true}.repeat("kill"), Kept: "/tmp/k"}
	row.fail(fmt.Errorf("server ended"))
	report.Rows = []*Row{row, {Scenario: "other", Verdict: "ok"}}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAILED", "kill failed with seed 42, version v1.2.3", "server ended", "hookwheel torture --scenario kill --seed 42 --long", "/tmp/k"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got %s, want it to say %q", text.String(), want)
		}
	}
	if !report.Failed() {
		t.Error("got a success, want a failure")
	}
}
