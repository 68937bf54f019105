package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// Sync says when records become durable. A value above zero is an interval: an
// append is answered when written, and synced at most that much later, so that
// a power cut (not a crash of the process) can lose what was acknowledged in
// the last interval. Range 1 ms–10 s.
type Sync time.Duration

const (
	Always Sync = 0  // an append is answered once synced: nothing acknowledged is ever lost
	Never  Sync = -1 // the operating system decides; a power cut can lose the last half minute or more
)

// Options configures a Store. The zero value with a Dir is ready for production.
type Options struct {
	// Dir is the data directory; it is made if absent.
	Dir string

	// FS is the filesystem it is on. Default: the operating system's.
	FS kv.FS

	// Partitions is fixed when the directory is made. Default 16 for a new
	// directory, and what it was made with for an existing one; another value
	// is refused. Range 1–1024.
	Partitions int

	// Sync is when an append counts as done. Default Always.
	Sync Sync

	// OutcomeSync is how long a group of nothing but Outcome records may wait
	// for its sync, which costs none if another group comes by. What a crash
	// loses of them is sent again. Default 100 ms, range 1 ms–10 s.
	OutcomeSync time.Duration

	// PendingBytes bounds what was submitted and is not yet written, or written
	// and not yet applied by a Tail. Above it Event records get ErrOverloaded,
	// others above twice of it. Default 64 MiB, range 1 MiB–4 GiB.
	PendingBytes int64

	// AppendTimeout is after how long an append that is not finished gets
	// ErrTimeout. Default 5 s, range 10 ms–10 min.
	AppendTimeout time.Duration

	// DiskReserve is the free space to keep, in bytes. Below it Event records
	// get ErrDiskFull, below half of it all others that do not make room, below a
	// quarter those too. Default the greater of 1 GiB and 5 % of the disk;
	// negative is off.
	DiskReserve int64

	// AcceptDataLoss opens a log whose end is missing, instead of refusing.
	AcceptDataLoss bool

	// CacheSize, MemTableSize and MaxOpenFiles are those of kv.Options.
	CacheSize    int64
	MemTableSize int64
	MaxOpenFiles int

	// Now gives records their time. Default time.Now.
	Now func() time.Time

	// Observer sees every append and group commit. Default: nobody.
	Observer Observer

	// Logger receives state changes. Default slog.Default().
	Logger *slog.Logger

	// Background is told of failing flushes and compactions, as that of
	// kv.Options. Default: nobody is.
	Background func(error)

	// Fatal ends the process when storage has failed; it must not return.
	// Default: log and exit with status 1.
	Fatal func(error)
}

// Observer hooks metrics in. Its functions are called by the committer and must
// take less than a microsecond; nil ones are left out.
type Observer struct {
	Append func(time.Duration) // from Submit to durable, for each successful submission
	Group  func(Group)         // for each group commit
}

// Group is one group commit.
type Group struct {
	Submissions int
	Records     int
	Bytes       int           // in the batch
	Synced      bool          // waited for an fsync
	Commit      time.Duration // the write, and the fsync if there was one
}

func (o Options) withDefaults() Options {
	if o.OutcomeSync == 0 {
		o.OutcomeSync = 100 * time.Millisecond
	}
	if o.PendingBytes == 0 {
		o.PendingBytes = 64 << 20
	}
	if o.AppendTimeout == 0 {
		o.AppendTimeout = 5 * time.Second
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = 64 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observer.Append == nil {
		o.Observer.Append = func(time.Duration) {}
	}
	if o.Observer.Group == nil {
		o.Observer.Group = func(Group) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	within := func(what string, v, low, high any, ok bool) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s %v: must be within %v and %v", what, v, low, high))
		}
	}
	if o.Dir == "" {
		faults = append(faults, errors.New("data directory is not set"))
	}
	within("partitions", o.Partitions, 1, maxPartitions, o.Partitions >= 0 && o.Partitions <= maxPartitions)
	every := time.Duration(o.Sync)
	within("sync interval", every, time.Millisecond, 10*time.Second,
		o.Sync == Always || o.Sync == Never || every >= time.Millisecond && every <= 10*time.Second)
	within("outcome sync interval", o.OutcomeSync, time.Millisecond, 10*time.Second,
		o.OutcomeSync >= time.Millisecond && o.OutcomeSync <= 10*time.Second)
	within("pending bytes", o.PendingBytes, 1<<20, 4<<30, o.PendingBytes >= 1<<20 && o.PendingBytes <= 4<<30)
	within("append timeout", o.AppendTimeout, 10*time.Millisecond, 10*time.Minute,
		o.AppendTimeout >= 10*time.Millisecond && o.AppendTimeout <= 10*time.Minute)
	return errors.Join(faults...)
}

// maxSubmission is the greatest size of one submission: what is not accepted
// alone could never be, and a batch over half a memtable forces a flush.
func (o Options) maxSubmission() int64 { return min(o.PendingBytes, o.MemTableSize/2) }

// syncDelay is how long records that are written may stay unsynced; negative is
// for ever.
func (o Options) syncDelay() time.Duration {
	switch o.Sync {
	case Always:
		return o.OutcomeSync
	case Never:
		return -1
	}
	return time.Duration(o.Sync)
}
