package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A copy of a closed store is reported as asked for, and is one.
func TestBackupOffline(t *testing.T) {
	const sample = "../../../testdata/store/v1/data"
	to := filepath.Join(t.TempDir(), "copy")
	r := runCommand(t, "", "backup", "--offline", "--json", "--data-dir", sample, to)
	var answer struct{ Dir string }
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || answer.Dir != to {
		t.Errorf("got %q, %v, want an object with dir %s", r.out, err, to)
	}
	runCommand(t, "", "check", to).want(t, exitDone, "whole and complete", "")
	runCommand(t, "", "backup", "--offline", "--data-dir", sample, to).want(t, exitFailed, "", "has a store already")
}

func TestWhoMay(t *testing.T) {
	denied := fmt.Errorf("open x: %w", fs.ErrPermission)
	if err := whoMay(denied); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "as the user of the server") {
		t.Errorf("got %v, want it with who may", err)
	}
	if err := whoMay(fs.ErrExist); err != fs.ErrExist {
		t.Errorf("got %v, want it as it was", err)
	}
}
