package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// descriptors takes file descriptors away from the server while it works, until
// it has only a few more than it holds, and gives them back.
var descriptors = scenario{
	name: "descriptors", about: "the server runs out of file descriptors, and gets them back",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		if _, err := exec.LookPath("prlimit"); err != nil {
			return fmt.Errorf("%w: %w", errSkip, err)
		}
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		times := 2
		if l.Long {
			times = 5
		}
		for range times {
			if err := l.short(ctx); err != nil {
				return err
			}
		}
		return nil
	},
}

// short leaves the server a few descriptors for a while.
func (l *lab) short(ctx context.Context) error {
	if err := l.Sleep(ctx, 300*time.Millisecond, time.Second); err != nil {
		return err
	}
	l.Tried()
	pid := strconv.Itoa(l.Server.PID())
	held, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	if err != nil {
		return err
	}
	limit := func(n int) error {
		out, err := exec.CommandContext(ctx, "prlimit", "--pid", pid, fmt.Sprintf("--nofile=%d:", n)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("prlimit: %w: %s", err, out)
		}
		return nil
	}
	left := l.Random.IntN(4)
	err = l.Server.Struck(proof.Fault{What: "no descriptors"}, func() error {
		return errors.Join(limit(len(held)+left), l.Sleep(ctx, time.Second, 3*time.Second), limit(1<<14))
	})
	if err != nil {
		return err
	}
	return l.Server.AwaitReady(ctx)
}
