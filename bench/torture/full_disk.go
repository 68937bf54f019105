package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/bench/disk"
	"github.com/hookwheel/hookwheel/bench/process"
	"github.com/hookwheel/hookwheel/bench/proof"
)

// fullDisk fills the server's disk up to within its reserve, and to the last
// byte, while it works and before it starts. It says so, loses nothing that it
// accepted, and goes on by itself when there is space again.
var fullDisk = scenario{
	name: "disk-full", about: "the disk fills up to within the reserve, to the last byte, and before a start (root only)",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		d, err := l.onDisk(512 << 20)
		if err != nil {
			return err
		}
		l.Server.Flags = append(l.Server.Flags, "--memtable-size", "8MiB", "--max-body-size", "4MiB", "--append-timeout", "2s")
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		return errors.Join(
			l.filled(ctx, d, 48<<20, "below the reserve"),
			l.filled(ctx, d, 0, "below half the reserve"),
			l.startedOnFullDisk(ctx, d),
			l.Sleep(ctx, 500*time.Millisecond, 500*time.Millisecond),
		)
	},
}

// filled fills the disk for a while under load.
func (l *lab) filled(ctx context.Context, d *disk.Disk, leave int64, why string) error {
	if err := l.Sleep(ctx, 300*time.Millisecond, time.Second); err != nil {
		return err
	}
	l.Tried()
	err := l.Server.Struck(proof.Fault{What: "full disk"}, func() error {
		err := d.Fill(leave)
		if err == nil {
			err = l.awaitUnready(ctx, why)
		}
		return errors.Join(err, l.Sleep(ctx, 500*time.Millisecond, 2*time.Second), d.Empty())
	})
	if err != nil {
		return err
	}
	return l.Server.AwaitReady(ctx)
}

// startedOnFullDisk ends the server, fills its disk and starts it: it may refuse
// to start or start and refuse events, and says why.
func (l *lab) startedOnFullDisk(ctx context.Context, d *disk.Disk) error {
	l.Tried()
	if err := l.Server.End(); err != nil {
		return err
	}
	err := errors.Join(d.Fill(0), l.Server.Launch(ctx))
	if err == nil {
		err = l.awaitUnready(ctx, "space")
	}
	if err = errors.Join(err, d.Empty()); err != nil {
		return err
	}
	select {
	case <-l.Server.Done():
		return l.Server.Start(ctx)
	default:
		return l.Server.AwaitReady(ctx)
	}
}

// awaitUnready waits until the server says that it is not ready and why, or has
// ended and said so.
func (l *lab) awaitUnready(ctx context.Context, why string) error {
	ctx, cancel := context.WithTimeout(ctx, process.ReadyTimeout)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		status, body, err := l.Server.Get(ctx, "/readyz")
		if err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, why) {
			return nil
		}
		select {
		case <-poll.C:
		case <-l.Server.Done():
			if err := l.Server.Wait(); err == nil || !strings.Contains(err.Error(), why) {
				return fmt.Errorf("server ended, and %q does not say why: %w", why, err)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("/readyz says %d %s, error %w, after %v, want 503 and %q", status, body, err, process.ReadyTimeout, why)
		}
	}
}
