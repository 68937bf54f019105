package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// executable builds the server under test, which is producers and receivers as well,
// as everybody builds it: once, for the tests that need it.
var executable = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "hookwheel")
	build := exec.Command("go", "build", "-o", path, "../../cmd/hookwheel")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

var built string // where

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "hookwheel-torture-test-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(built)
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
			path, err := executable()
			if err != nil {
				t.Fatal(err)
			}
			report, err := Run(t.Context(), Options{Executable: path, Source: "../..", Only: []string{s.name}, Version: "test"})
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
