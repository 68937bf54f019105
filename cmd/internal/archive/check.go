package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

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
// missing, state that cannot be read. Then it reads every row of the store and
// every record of the log and compares their checksums. The store itself is not
// changed; its tables get a second name for the time that it takes, or are
// copied where that is not possible.
func Check(ctx context.Context, dir string) (_ *Report, err error) {
	scratch, err := scratchDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if err := duplicate(dir, scratch, linkFile); err != nil {
		return nil, err
	}
	store, err := wal.Open(wal.Options{Dir: scratch, DiskReserve: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	r := &Report{Dir: dir, Partitions: store.Partitions()}
	if err := r.readRows(ctx, store); err != nil {
		return nil, err
	}
	if err := r.readLedger(ctx, store); err != nil {
		return nil, err
	}
	for p := range store.Partitions() {
		if err := r.readLog(ctx, store, p); err != nil {
			return nil, fmt.Errorf("log of partition %d: %w", p, err)
		}
	}
	return r, nil
}

// scratchDir makes a directory for the copy: beside the store, where tables can
// be linked, or among the temporary files.
func scratchDir(dir string) (string, error) {
	const pattern = ".hookwheel-check-*"
	if made, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), pattern); err == nil {
		return made, nil
	}
	return os.MkdirTemp("", pattern)
}

// readRows reads every row, and with it every block of every table.
func (r *Report) readRows(ctx context.Context, store *wal.Store) (err error) {
	it, err := store.DB().Iter([]byte{0}, []byte{0xFF, 0xFF})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		r.Rows++
		r.RowBytes += uint64(len(it.Key()) + len(it.Value()))
		if r.Rows%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return it.Err()
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

// errEnd says that the log has been read to its end.
var errEnd = errors.New("end of the log")

// readLog reads every record of a partition.
func (r *Report) readLog(ctx context.Context, store *wal.Store, p int) error {
	err := store.Tail(ctx, p, 0, func(recs []wal.Rec) error {
		if len(recs) == 0 {
			return errEnd
		}
		for i := range recs {
			if recs[i].Kind == wal.Event {
				r.Events++
				r.EventBytes += uint64(len(recs[i].Data))
			} else {
				r.Others++
			}
			if at := time.UnixMilli(recs[i].At); at.After(r.End) {
				r.End = at
			}
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
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
