package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// backup takes backups while the server works, restores each into a new
// directory, and asks a server on that for what had been accepted before.
//
// That server may not deliver: its rules refuse the receivers, which belong to
// the original.
var backup = scenario{
	name: "backup", about: "backups under load, each restored: nothing is missing that was accepted before it",
	longRounds: 3,
	run: func(ctx context.Context, l *lab) error {
		dir := filepath.Join(l.Dir, "backups")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		l.Server.Flags = append(l.Server.Flags, "--backup-dir", dir)
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.Produce(ctx, postRate); err != nil {
			return err
		}
		stop := l.Churn(ctx)
		backups := 2
		if l.Long {
			backups = 10
		}
		return errors.Join(l.backups(ctx, dir, backups), stop())
	},
}

func (l *lab) backups(ctx context.Context, dir string, backups int) error {
	for n := range backups {
		if err := l.Sleep(ctx, 300*time.Millisecond, time.Second); err != nil {
			return err
		}
		name := fmt.Sprintf("b%d", n)
		asked := proof.Monotonic()
		if err := l.command(ctx, "backup", "--url", l.Server.URL, "--api-key", l.Server.Key, name); err != nil {
			return err
		}
		l.Tried()
		if err := l.restored(ctx, filepath.Join(dir, name), asked); err != nil {
			return fmt.Errorf("backup %d: %w", n+1, err)
		}
	}
	return nil
}

// restored compares a backup with what had been accepted when it was asked for.
func (l *lab) restored(ctx context.Context, backup string, asked int64) (err error) {
	data := backup + "-restored"
	if err := l.command(ctx, "restore", "--data-dir", data, backup); err != nil {
		return err
	}
	s, err := l.newServer(data, backup)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.Flags = append(s.Flags, "--master-key-file", filepath.Join(l.Server.Data, "master.key"))
	if err := s.Start(ctx); err != nil {
		return err
	}
	records, err := proof.ReadLedgers(l.ledgers())
	if err != nil {
		return err
	}
	state, err := l.API.At(s.URL).Observe(ctx, nil, proof.Told(records))
	if err != nil {
		return err
	}
	missing := proof.Told(slices.DeleteFunc(records, func(r proof.Record) bool { return r.Mono >= asked }))
	for _, ev := range state.Events {
		delete(missing, ev.ID)
	}
	if len(missing) > 0 || len(state.Events) == 0 || len(state.Leaks) > 0 {
		return fmt.Errorf("of the events that had been accepted before, %d are missing and %d are there; secrets: %q", len(missing), len(state.Events), state.Leaks)
	}
	return nil
}

// command runs a command of the server's binary to its end.
func (l *lab) command(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, l.Options.Server, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("hookwheel %s: %w: %s", args[0], err, out)
	}
	return nil
}
