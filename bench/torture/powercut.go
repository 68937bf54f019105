package torture

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/hookwheel/hookwheel/bench/disk"
	"github.com/hookwheel/hookwheel/bench/proof"
)

// powercut cuts the power off under a server that is at work, and starts it
// again on what had reached the disk.
//
// A cut stops the processor with the disk, so the server is frozen first. When
// it runs on, ext4 lets an fdatasync that meets the shutdown succeed although
// nothing of it is kept: a program that does nothing but write and sync lost its
// last record in 7 of 60 cuts, and never one that it had synced before.
var powercut = scenario{
	name: "powercut", about: "the disk's power is cut under load, by the filesystem's own shutdown (root only)",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		d, err := l.onDisk(2 << 30)
		if err != nil {
			return err
		}
		l.Server.Flags = append(l.Server.Flags, "--memtable-size", "8MiB", "--max-body-size", "4MiB")
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		stop := l.Churn(ctx)
		cuts := 2
		if l.Long {
			cuts = 12
		}
		return errors.Join(l.cutOff(ctx, d, cuts), stop())
	},
}

// onDisk gives the server a disk of its own, for as long as the lab is there.
func (l *lab) onDisk(size int64) (*disk.Disk, error) {
	d, err := disk.Make(l.Dir, size)
	if errors.Is(err, disk.ErrUnsupported) {
		err = errors.Join(errSkip, err)
	}
	if err != nil {
		return nil, err
	}
	l.cleanups = append(l.cleanups, d.Close)
	l.Server.Data = filepath.Join(d.Path, "data")
	return d, nil
}

func (l *lab) cutOff(ctx context.Context, d *disk.Disk, cuts int) error {
	for range cuts {
		if err := l.Sleep(ctx, 300*time.Millisecond, 2*time.Second); err != nil {
			return err
		}
		err := l.Server.Struck(proof.Fault{What: "power cut", Crash: true}, func() error {
			err := errors.Join(l.Server.Freeze(), d.Cut())
			l.Server.Kill()
			return errors.Join(err, d.Restore())
		})
		if err != nil {
			return err
		}
		l.Tried()
		if err := l.Server.Start(ctx); err != nil {
			return err
		}
	}
	return l.Sleep(ctx, 300*time.Millisecond, 300*time.Millisecond)
}
