package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// Store is the Log in a data directory, on Pebble. The ledger shares its DB, so
// that one WAL and one fsync serve both, and what the ledger derived from a
// record can never survive a crash that the record did not.
//
//	<dir>/format     what the directory is
//	      lock       held while open
//	      highwater  how far the log was synced, outside of what could lose it
//	      ballast    space to give up when the disk is full
//	      db/        Pebble
//
// Goroutines: the committer, and the keeper, which looks after disk space and
// the high-water mark about once a second while the log is in use. Deadlines
// are kept by one timer. Tail runs on its caller's goroutine.
type Store struct {
	opts Options
	log  *slog.Logger
	fs   kv.FS
	lock io.Closer
	db   *kv.DB

	queue     *queue
	committer *committer
	feeds     *feeds
	packs     packCache
	space     *space
	keeper    *keeper
	highwater *highwater

	published atomic.Uint64 // readers stop here; stored with the feeds' lock held
	synced    atomic.Uint64 // a power cut keeps everything up to here
	gone      []gone        // by partition

	checkpoints sync.Mutex // held while one is made

	users struct {
		sync.Mutex
		sync.WaitGroup
		closed bool
	}
	closed chan struct{} // ends tails
}

// gone is up to where a partition's records count as deleted. The committer
// writes it, readers heed it before the bytes disappear.
type gone struct {
	events, others atomic.Uint64
}

// Open opens the log in opts.Dir and makes it if there is none. It refuses, and
// says what to do, when the directory is in use, was made by a newer version or
// with another number of partitions, is damaged, or has lost its newest records.
func Open(opts Options) (*Store, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	s := &Store{opts: opts, log: opts.Logger, fs: opts.FS, closed: make(chan struct{})}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open log %s: %w", opts.Dir, errors.Join(err, s.closeFiles()))
	}
	go s.committer.run()
	go s.keeper.run()
	return s, nil
}

// open acquires everything, in an order in which closeFiles can undo it.
func (s *Store) open() error {
	format, err := s.openDir()
	if err != nil {
		return err
	}
	s.keeper = newKeeper(s)
	s.keeper.kick() // the disk may be low already
	s.space = newSpace(s.opts, s.keeper.kick)
	if err := s.space.openable(); err != nil {
		return err
	}
	if s.db, err = kv.Open(s.kvOptions()); err != nil {
		return readError(err)
	}
	st, err := loadState(s.db, format.Partitions)
	if err != nil {
		return readError(err)
	}
	if s.highwater, err = openHighwater(s.fs, s.path("highwater")); err != nil {
		return err
	}
	next := max(st.ceiling, st.end+1, s.highwater.end+1)
	if err := s.checkEnd(st.end); err != nil {
		return err
	}
	s.queue = newQueue(s.opts, format.Partitions)
	s.feeds = newFeeds(st.parts)
	s.gone = make([]gone, format.Partitions)
	for p, part := range st.parts {
		s.gone[p].events.Store(uint64(max(part.trimmed, 1) - 1))
		s.gone[p].others.Store(uint64(part.absorbed))
	}
	s.published.Store(uint64(st.end))
	s.synced.Store(uint64(st.end))
	s.committer = newCommitter(s, st, next)
	s.checkClock(st.at)
	return s.highwater.start(next, st.end)
}

// checkClock says so if the machine's clock is behind the newest record's, be it
// that it is wrong now or that it was wrong then.
func (s *Store) checkClock(newest int64) {
	const normal = time.Second // what synchronizing a clock does to it
	if ahead := time.UnixMilli(newest).Sub(s.opts.Now()); ahead > normal {
		s.log.Warn("the clock is behind the newest record's time, which new records get until it has caught up: check the clock",
			"behind", ahead.Round(time.Second), "newest_record", time.UnixMilli(newest).UTC())
	}
}

func (s *Store) kvOptions() kv.Options {
	return kv.Options{
		Dir:          s.path("db"),
		FS:           s.fs,
		CacheSize:    s.opts.CacheSize,
		MemTableSize: s.opts.MemTableSize,
		MaxOpenFiles: s.opts.MaxOpenFiles,
		OnDiskFull:   s.space.giveUp,
		Background:   s.opts.Background,
		Logger:       s.opts.Logger,
		Fatal:        s.opts.Fatal,
	}
}

func (s *Store) path(name string) string { return s.fs.Join(s.opts.Dir, name) }

// Close refuses new submissions, makes those that were queued durable, waits
// for tails and reads to end, and closes the files. Ownerships are lost. It
// waits for as long as the disk does.
func (s *Store) Close() error {
	s.queue.close()
	<-s.committer.stopped
	s.users.Lock()
	if s.users.closed {
		s.users.Unlock()
		return ErrClosed
	}
	s.users.closed = true
	s.users.Unlock()
	close(s.closed)
	s.users.Wait()
	s.keeper.close()
	err := s.highwater.write(Pos(s.synced.Load()))
	s.queue.timer.Stop()
	return errors.Join(err, s.closeFiles())
}

// closeFiles closes what open has opened.
func (s *Store) closeFiles() error {
	var faults []error
	if s.highwater != nil {
		faults = append(faults, s.highwater.close())
	}
	if s.db != nil {
		faults = append(faults, s.db.Close())
	}
	if s.lock != nil {
		faults = append(faults, s.lock.Close())
	}
	return errors.Join(faults...)
}

// enter is called by everything that reads the files, and leave at its end, so
// that Close knows when nobody does any more.
func (s *Store) enter() error {
	s.users.Lock()
	defer s.users.Unlock()
	if s.users.closed {
		return ErrClosed
	}
	s.users.Add(1)
	return nil
}

func (s *Store) leave() { s.users.Done() }

// live is the reason for a tail to end, or nil.
func (s *Store) live(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	default:
		return nil
	}
}

// DB is the store that the log lies in, for the ledger's keys. It is closed by
// Close.
func (s *Store) DB() *kv.DB { return s.db }

// Partitions implements Log.
func (s *Store) Partitions() int { return len(s.gone) }

// Submit implements Log.
func (s *Store) Submit(p int, recs []Rec, done func(error)) {
	s.submit(submission{p: p, recs: recs, done: done})
}

func (s *Store) submit(sub submission) {
	hasEvent, frees := false, true
	for i := range sub.recs {
		r := &sub.recs[i]
		if r.Kind < Event || r.Kind > Command {
			panic(fmt.Sprintf("BUG: log: record of kind %d", r.Kind))
		}
		hasEvent = hasEvent || r.Kind == Event
		frees = frees && r.Frees
		sub.size += int64(recSize(r))
	}
	err := s.space.refusal(hasEvent, frees)
	if sub.size > s.opts.maxSubmission() {
		err = ErrTooLarge
	}
	if err == nil {
		err = s.queue.put(sub, hasEvent)
	}
	if err != nil {
		sub.done(err)
	}
}
