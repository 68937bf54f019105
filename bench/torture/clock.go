package torture

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// clockSteps sets the server's wall clock, while it runs and while it does not.
// No due time moves by it while it runs, and the history says what the clock
// said. Over a restart there is nothing else to go by: what waits is due when the
// clock was set forward, and after the longest wait that there is, which this
// server is told to be short, when it was set back.
//
// The clock is the server's alone: it is built with a time.Now of the standard
// library that adds what a file says. That compiles everything anew, which takes
// minutes the first time, so the short versions of all scenarios do without it;
// the engine's tests in virtual time set its clock as well.
var clockSteps = scenario{
	name: "clock", about: "the clock is set back and forward by hours, while the server runs and between two runs", long: true,
	longRounds: 3,
	run: func(ctx context.Context, l *lab) error {
		c, err := l.ownClock(ctx)
		if err != nil {
			return err
		}
		l.Server.Flags = append(l.Server.Flags, "--retry-after-max", "2s", "--breaker-probe", "1s", "--breaker-probe-max", "2s")
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		stop := l.Churn(ctx)
		return errors.Join(l.stepped(ctx, c), stop())
	},
}

const (
	clockSource = "testdata/clock/ahead.go"
	clockVar    = "WALL_CLOCK_AHEAD" // as there
	clockSets   = 12                 // in a round
	mostHours   = 6                  // ahead or behind: keys and history live longer
)

// wallClock is that of the server.
type wallClock struct {
	file  *os.File
	ahead int64 // seconds
}

// set sets it.
func (c *wallClock) set(ahead int64) error {
	c.ahead = ahead
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(ahead)), 0)
	return err
}

// ownClock makes the server one with a clock of its own.
func (l *lab) ownClock(ctx context.Context) (*wallClock, error) {
	path, err := buildWithClock(ctx, l.Source, l.Dir)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(l.Dir, "ahead"))
	if err != nil {
		return nil, err
	}
	l.cleanups = append(l.cleanups, file.Close)
	l.Server.Path, l.Server.Env = path, append(l.Server.Env, clockVar+"="+file.Name())
	c := &wallClock{file: file}
	return c, c.set(0)
}

// stepped sets the clock at random moments, to random hours.
func (l *lab) stepped(ctx context.Context, c *wallClock) error {
	for range clockSets {
		if err := l.Sleep(ctx, 300*time.Millisecond, time.Second); err != nil {
			return err
		}
		hours := c.ahead / 3600
		for hours == c.ahead/3600 {
			hours = l.Random.Int64N(2*mostHours+1) - mostHours
		}
		l.Tried()
		if err := l.step(ctx, c, hours*3600); err != nil {
			return err
		}
	}
	return l.Sleep(ctx, 300*time.Millisecond, 300*time.Millisecond)
}

// step sets the clock, in two of three cases between the end of the server and
// its next start.
func (l *lab) step(ctx context.Context, c *wallClock, ahead int64) error {
	f := proof.Fault{What: "clock", Step: ahead - c.ahead}
	end := func() error { return nil }
	switch l.Random.IntN(3) {
	case 0:
		f.What, f.Down, end = "terminate, clock", true, l.Server.Terminate
	case 1:
		f.What, f.Down, f.Crash = "kill, clock", true, true
		end = func() error { l.Server.Kill(); return nil }
	}
	err := l.Server.Struck(f, func() error { return errors.Join(end(), c.set(ahead)) })
	if err == nil && f.Down {
		err = l.Server.Start(ctx)
	}
	return err
}

// buildWithClock builds the server into dir.
func buildWithClock(ctx context.Context, source, dir string) (path string, err error) {
	overlay, err := clockOverlay(ctx, source, dir)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(filepath.Join(dir, "hookwheel")); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", path, "./cmd/hookwheel")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build a server with a clock of its own: %w: %s", err, out)
	}
	return path, nil
}

// What time.Now asks, and what it asks then.
const (
	askedOnce  = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	askedTwice = askedOnce + "\tsec += ahead()\n"
)

// clockOverlay writes into dir what go build -overlay wants, for the version of
// Go that is there.
func clockOverlay(ctx context.Context, source, dir string) (path string, err error) {
	added, err := filepath.Abs(filepath.Join(source, clockSource))
	if err == nil {
		_, err = os.Stat(added)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w; name the source of the server by --source", errSkip, err)
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("%w: it needs Go, to build a server with a clock of its own: %w", errSkip, err)
	}
	library := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	real, err := os.ReadFile(filepath.Join(library, "time.go"))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(real), askedOnce) {
		return "", fmt.Errorf("time.Now of %s does not begin with %q", library, askedOnce)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "time.go")
	content, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(library, "time.go"): changed, filepath.Join(library, "ahead.go"): added,
	}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, errors.Join(
		os.WriteFile(changed, []byte(strings.Replace(string(real), askedOnce, askedTwice, 1)), 0o600),
		os.WriteFile(path, content, 0o600),
	)
}
