package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the server under test, and producers and receivers, as everybody
// builds it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hookwheel-torture-test-*")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "hookwheel")
		build := exec.Command("go", "build", "-o", binary, "../../cmd/hookwheel")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// G1 to G11 under faults: the short version of every scenario that has one.
func TestScenarios(t *testing.T) {
	for _, s := range all {
		if s.long {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			if testing.Short() && s.name != steady.name {
				t.Skip("takes seconds; run without -short")
			}
			report, err := Run(t.Context(), Options{Executable: binary, Source: "../..", Only: []string{s.name}, Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := report.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			if t.Log(text.String()); report.Failed() {
				t.Error("got a failure, want none")
			}
			if row := report.Rows[0]; row.skipped() {
				t.Skip(row.Verdict)
			}
		})
	}
}
