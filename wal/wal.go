// Package wal keeps the log: the ordered, durable sequence of records from
// which every other state of the engine can be derived.
//
// A record is an event, the outcome of an attempt, a change of configuration
// or a command. Records are spread over a fixed number of partitions; within
// one partition they have one order, and everyone who reads them sees that
// order. The log knows nothing of what a record means.
//
//	Submit ─▶ queue ─▶ committer ─ one batch, one fsync for many ─▶ durable
//	                                                  │
//	         Tail(p) ◀─ the same order, from memory ──┘   Get(p, pos) ◀─ disk
//
// The committer is the only writer and the only one to give positions, so a
// reader that has seen a position has seen everything before it. With several
// writers a lower position could become visible after a higher one, and a
// reader would skip it for ever.
package wal

import (
	"context"
	"errors"

	"github.com/cespare/xxhash/v2"
)

// Pos is a place in the log. It is opaque: it grows, gaps are allowed, and no
// arithmetic on it means anything. Zero is before the first record.
type Pos uint64

// Kind says what a record is. The log keeps Event records until they are
// trimmed; the others only until a synced ledger has absorbed them.
type Kind uint8

const (
	Event   Kind = 1 // what a producer posted
	Outcome Kind = 2 // what became of one delivery attempt
	Config  Kind = 3 // an object was created, changed or deleted
	Command Kind = 4 // something to be done: retry, cancel, expire, …
)

// Rec is one record.
type Rec struct {
	Pos   Pos      // set by the log
	Kind  Kind     // chosen by the writer
	ID    [16]byte // chosen by the writer; a repeated append reuses it
	Frees bool     // chosen by the writer, never stored: it makes room, so it is taken on a disk too full for others
	At    int64    // Unix milliseconds, set by the log: max(now, At of the record before), so it never falls
	Data  []byte   // opaque; see Submit and Tail for who owns it

	// Local travels with a record from Submit to Tail inside one process and
	// is never stored: the submitter's handle on what apply decides. Nil for
	// every record that Tail read from disk, as it does until it has caught up:
	// a submitter who counts on Local waits for that first.
	Local any
}

// Log is a partitioned, durable, totally ordered (per partition) sequence of
// records. All methods are safe for concurrent use.
type Log interface {
	// Partitions is fixed when the log is created.
	Partitions() int

	// Submit queues records for one partition as one unit: all become durable,
	// adjacent and in order, or none does. It never blocks. done is called
	// exactly once and must not block: with nil when the records are durable,
	// from a goroutine of the log; with ErrOverloaded, ErrDiskFull, ErrTooLarge
	// or ErrClosed, possibly before Submit returns, when nothing was written nor
	// will be. After ErrTimeout the fate of the records is unknown; writing them
	// again needs the same IDs, and their Local may yet arrive at Tail. recs and
	// their Data are borrowed until done is called.
	Submit(p int, recs []Rec, done func(error))

	// Tail calls apply with every record of partition p after the position
	// after, in order, in groups, only once durable, and then follows the log
	// until ctx ends or apply fails; it returns the cause, or ErrClosed. The
	// slice and what it points to are read-only; Data stays valid for as long as
	// it is referenced (it is never reused), the slice only during the call. At
	// most one Tail per partition runs at a time; another is refused. What was
	// trimmed or absorbed is not seen again.
	//
	// Once what was there at the start is read, apply is called with no records,
	// one time. From then on every record comes with its Local; one that was
	// submitted before may come without.
	Tail(ctx context.Context, p int, after Pos, apply func([]Rec) error) error

	// Get returns the Event record at the position, or ErrNotFound when it was
	// trimmed or never was. Data is the caller's.
	Get(p int, at Pos) (Rec, error)

	// Scan calls visit with the Event records of partition p after the
	// position after, in order, up to and including the position upTo, until
	// visit returns false. Data is borrowed during the call.
	Scan(p int, after, upTo Pos, visit func(Rec) bool) error

	// Claim makes the caller the one who may write outcomes for partition p.
	// An earlier owner is fenced off: its Lost channel closes, its Commit
	// answers ErrFenced.
	Claim(ctx context.Context, p int) (Owner, error)
}

// Owner is the right to write what follows from a partition's records.
type Owner interface {
	// From is the position that must be applied before anything is delivered.
	From() Pos

	// Commit is Submit for Outcome, Config and Command records, fenced:
	// done gets ErrFenced once another Claim has succeeded. Records of kind
	// Outcome alone do not wait for an fsync of their own: they are passed on
	// when written, and are durable with the next one, at most
	// Options.OutcomeSync later. A crash in between loses them as a suffix,
	// together with everything derived from them.
	Commit(recs []Rec, done func(error))

	// Trim forgets the partition's Event records before the position. The
	// caller has everything it still needs of them durably elsewhere.
	Trim(ctx context.Context, before Pos) error

	// Erase rewrites the Event records at the positions without their data;
	// they keep position, kind, id and time. The log may take its time to let
	// the old bytes disappear from its files; Store.Purge waits for that.
	Erase(ctx context.Context, at ...Pos) error

	// Absorbed says that all records other than Event up to the position are
	// part of a durable ledger, so that the log may drop them.
	Absorbed(ctx context.Context, upTo Pos) error

	// Lost is closed when the ownership has ended: start no more attempts.
	Lost() <-chan struct{}

	// Release gives the partition back.
	Release()
}

// Refusals and failures of a log. What a caller may conclude stands with each.
var (
	ErrNotFound   = errors.New("log: no such record")                              // Get: trimmed, or never written
	ErrClosed     = errors.New("log: closed")                                      // the process is shutting down
	ErrFenced     = errors.New("log: another owner has claimed the partition")     // nothing was written
	ErrOverloaded = errors.New("log: too many bytes wait to be written")           // nothing was written; try again shortly
	ErrDiskFull   = errors.New("log: free disk space is below the reserve")        // nothing was written; free some space
	ErrTimeout    = errors.New("log: append deadline passed before it was synced") // unknown: may become durable later
	ErrTooLarge   = errors.New("log: record is too large")                         // nothing was written, nor ever will be
	ErrCorrupt    = errors.New("log: data is damaged")                             // a checksum does not match; never skipped
)

// PartitionOf maps an organization to its partition of n. The function is part
// of the format: a data directory holds its n, and both never change.
func PartitionOf(organization string, n int) int {
	return int(xxhash.Sum64String(organization) % uint64(n))
}
