package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// torn damages copies of what a killed server has left behind: a bit in one of
// its files, or the end of one. A server must not start on it as if nothing were
// missing: `hookwheel check` says what is wrong, or finds all that there was.
var torn = scenario{
	name: "torn", about: "bits are flipped and ends are torn off in the files of a killed server: found, or without effect",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		if err := l.Sleep(ctx, time.Second, 2*time.Second); err != nil {
			return err
		}
		// What was written in the last second the log does not know to be there,
		// so what a torn end takes of that looks like a crash.
		if err := errors.Join(l.EndProducers(), l.Sleep(ctx, 2*time.Second, 2*time.Second), l.Server.Crash()); err != nil {
			return err
		}
		times := 12
		if l.Long {
			times = 100
		}
		err := l.damaged(ctx, times)
		return errors.Join(err, l.Server.Start(ctx))
	},
}

// holdings is what `hookwheel check` says is in a store.
type holdings struct {
	Events        int `json:"events"`
	Organizations int `json:"organizations"`
	Endpoints     int `json:"endpoints"`
}

func (l *lab) damaged(ctx context.Context, times int) error {
	want, said, err := l.check(ctx, l.Server.Data)
	if err != nil {
		return fmt.Errorf("check of what was left by a kill: %w: %s", err, said)
	}
	found := 0
	for range times {
		broken := filepath.Join(l.Dir, "broken")
		if err := os.CopyFS(broken, os.DirFS(l.Server.Data)); err != nil {
			return err
		}
		what, err := l.damage(broken)
		if err != nil {
			return err
		}
		l.Tried()
		got, said, err := l.check(ctx, broken)
		switch {
		case err == nil && got != want:
			return fmt.Errorf("%s: check finds nothing wrong and %+v, want %+v", what, got, want)
		case err != nil && !strings.Contains(said, "estore"): // what to do
			return fmt.Errorf("%s: check says %q, want what is damaged and what to do", what, said)
		case err != nil:
			found++
		}
		if err := os.RemoveAll(broken); err != nil {
			return err
		}
	}
	l.Progress(fmt.Sprintf("torn: %d of %d found, the others without effect", found, times))
	if found == 0 {
		return fmt.Errorf("none of %d damages was found", times)
	}
	return nil
}

// check runs `hookwheel check`. The error is that it does not end with status 0.
func (l *lab) check(ctx context.Context, dir string) (h holdings, said string, err error) {
	cmd := exec.CommandContext(ctx, l.Options.Server, "check", "--json", dir)
	var text strings.Builder
	cmd.Stderr = &text
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &h)
	}
	return h, text.String(), err
}

// damage flips a bit of a file of a store, or tears its end off.
func (l *lab) damage(dir string) (what string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "db", "*"))
	if err != nil {
		return "", err
	}
	files = slices.DeleteFunc(files, func(name string) bool {
		info, err := os.Stat(name)
		return err != nil || info.Size() == 0 || strings.HasPrefix(filepath.Base(name), "OPTIONS")
	})
	name := files[l.Random.IntN(len(files))]
	content, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	at := l.Random.IntN(len(content))
	if l.Random.IntN(3) == 0 {
		what, content = fmt.Sprintf("%s cut off at byte %d of %d", filepath.Base(name), at, len(content)), content[:at]
	} else {
		what = fmt.Sprintf("%s with a bit flipped in byte %d of %d", filepath.Base(name), at, len(content))
		content[at] ^= 1 << l.Random.IntN(8)
	}
	return what, os.WriteFile(name, content, 0o600)
}
