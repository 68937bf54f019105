package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// Report is what is in a store.
type Report struct {
	Dir        string
	Partitions int

	Events     uint64 // that the log has
	EventBytes uint64 // of their payloads
	Others     uint64 // records of outcomes, changes and commands that the log still has
	Rows       uint64 // of the whole store
	RowBytes   uint64
	End        time.Time // of the newest record, zero if there is none

	Organizations int
	Totals        ledger.Totals
	Worst         []ledger.Overview // the endpoints that are owed most, at most worst
}

const worst = 10

// Check reads a whole store and reports what is in it, or what is wrong with
// it. It does what a server would do at its next start, on a copy, and so finds
// what a server would refuse: a newer format, a log whose newest records are
// missing, state that cannot be read. Before that it reads every row of the
// store and every record of the log, and decodes each as a server would. What
// is damaged comes back as a *DamageError. The store itself is not changed; its
// tables get a second name for the time that it takes, or are copied where that
// is not possible.
func Check(ctx context.Context, dir string) (_ *Report, err error) {
	scratch, err := scratchDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if err := duplicate(dir, scratch, linkFile); err != nil {
		return nil, err
	}
	store, err := wal.Open(wal.Options{Dir: scratch, DiskReserve: -1, Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) {
		// The copy cannot be written: for lack of space, or because what is
		// damaged is in the way of a compaction.
		fmt.Fprintln(os.Stderr, errors.Join(fmt.Errorf("hookwheel: check %s: %w", dir, err), os.RemoveAll(scratch)))
		os.Exit(1)
	}})
	if err != nil {
		return nil, notOpened(moved{err, scratch, dir})
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	r := &Report{Dir: dir, Partitions: store.Partitions()}
	if err := r.verify(ctx, store); err != nil {
		return nil, err
	}
	if err := r.readLedger(ctx, store); err != nil {
		return nil, err
	}
	return r, nil
}

// notOpened is what it means that a store cannot be opened: damage, unless the
// log says itself what to do about it.
func notOpened(err error) error {
	_, loss := errors.AsType[*wal.DataLossError](err)
	if loss || errors.Is(err, wal.ErrFormat) || errors.Is(err, wal.ErrDiskFull) {
		return err
	}
	var damage DamageError
	damage.add(err)
	return &damage
}

// moved is an error about a copy, put as one about the original.
type moved struct {
	error
	copy, original string
}

func (m moved) Error() string { return strings.ReplaceAll(m.error.Error(), m.copy, m.original) }
func (m moved) Unwrap() error { return m.error }

// scratchDir makes a directory for the copy: beside the store, where tables can
// be linked, or among the temporary files.
func scratchDir(dir string) (string, error) {
	const pattern = ".hookwheel-check-*"
	if made, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), pattern); err == nil {
		return filepath.Clean(made), nil // as errors name it
	}
	return os.MkdirTemp("", pattern)
}

// verify reads every row and every record. The error is a *DamageError unless
// ctx has ended.
func (r *Report) verify(ctx context.Context, store *wal.Store) error {
	var damage DamageError
	n, err := engine.Verify(ctx, store, r.take, damage.add)
	if err != nil {
		return err
	}
	r.Rows, r.RowBytes = n.Rows, n.Bytes
	if damage.Places > 0 {
		return &damage
	}
	return nil
}

// take counts a record of the log.
func (r *Report) take(rec wal.Rec) {
	if rec.Kind == wal.Event {
		r.Events++
		r.EventBytes += uint64(len(rec.Data))
	} else {
		r.Others++
	}
	if at := time.UnixMilli(rec.At); at.After(r.End) {
		r.End = at
	}
}

// readLedger brings the ledger up to the end of the log and takes its figures.
func (r *Report) readLedger(ctx context.Context, store *wal.Store) error {
	l, err := ledger.Open(ledger.Options{Log: store, DB: store.DB(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- l.Run(running) }()
	followed := l.Follow(ctx)
	stop()
	if err := <-ran; err != nil {
		return err
	}
	if followed != nil {
		return followed
	}
	r.Organizations = len(l.Organizations())
	for p := range l.Partitions() {
		r.Totals.Add(l.Totals(p))
	}
	r.Worst = l.Worst(worst, func(n *ledger.Lane) uint64 { return n.Backlog() + n.Waiting() })
	return nil
}

// Restore makes a store in the directory to, which must not have one, out of
// the one in from, and checks it. A copy that is not whole is removed again.
func Restore(ctx context.Context, from, to string) error {
	if err := Copy(from, to); err != nil {
		return err
	}
	if _, err := Check(ctx, to); err != nil {
		return fmt.Errorf("the backup cannot be used, nothing was restored: %w", errors.Join(err, remove(to)))
	}
	return nil
}
