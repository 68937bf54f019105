// Package ledger is what the log says: which endpoints exist, which events
// there are, what became of every delivery, and what is still owed.
//
// Its state changes in one place, apply, which is a pure step from (state,
// record) to state: no clock, no chance, no map order. Whoever writes a record
// puts into it whatever needs a clock or randomness. So a restart means
// "apply what came after", and a replay of the log leads to the same state.
//
//	Post ─▶ wal.Submit ─▶ fsync ─▶ apply ─┬─▶ rows, one unsynced batch per group
//	          ▲                           ├─▶ verdicts: who waits for these records
//	Outcome ──┘                           └─▶ Follower: what the shard loops must know
//
// Apply runs once per partition, in its own goroutine. It writes its rows
// without a sync: they are derived from records that are durable already, and
// what a crash takes from them is applied again.
//
// # What is owed
//
// Accepting an event writes nothing per endpoint. A delivery that was never
// attempted has no row: it is implied by "the endpoint is owed the event" (see
// endpoint.Owes) and "no row exists". For each endpoint a lane row keeps
// tallies, among them how many events matched and how many deliveries have a
// row, so that the difference, the backlog, is known without a scan, and an
// endpoint that is owed nothing costs nothing at start. The row also carries a
// position below which every owed event has a row: where to go on reading.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Options configure a Ledger. Log and DB are required.
type Options struct {
	Log wal.Log
	DB  *kv.DB // may be the one that the log is in

	// Follower is told what was applied; nil = nobody.
	Follower Follower

	// Logger; nil = slog.Default().
	Logger *slog.Logger
}

// Follower is told what has been applied, after it can be read. It is called
// by the apply goroutine of a partition, one group at a time and in order, and
// must not block: the next POST waits behind it. The slices of what it is given
// are reused; what they point to is immutable and may be kept.
type Follower interface {
	Applied(p int, what *Applied)
}

// Applied is what one group of records of a partition changed, for those who
// deliver.
type Applied struct {
	UpTo      wal.Pos
	Owed      []Owed               // in log order
	Settled   []Settled            // outcomes, in log order
	Endpoints []*endpoint.Endpoint // created, changed, deleted: the new snapshot
	Requeued  []Due                // put back in line by a person
	Canceled  []Ref                // by a person
}

// Owed says that an endpoint is owed an event that has just been applied.
type Owed struct {
	Endpoint endpoint.Key
	Pos      wal.Pos
	Event    *event.Event // shared by all endpoints that are owed it
	Matched  int          // how many those are
}

// Settled is an outcome as apply took it.
type Settled struct {
	Ref
	State delivery.State // after the transition: a cancel wins over a failure; 0 = there is no such delivery any more
	Next  int64          // due time of the next attempt, Unix ms, with Retrying
}

// Due says when a delivery's next attempt may start, Unix ms.
type Due struct {
	Ref
	At int64
}

// Ref names a delivery inside its partition.
type Ref struct {
	Endpoint endpoint.Key
	Pos      wal.Pos // of the event
	Replay   uint32
}

// Ledger holds the state of all partitions. Reads are safe for concurrent use.
type Ledger struct {
	log      wal.Log
	db       *kv.DB
	follower Follower
	logger   *slog.Logger
	parts    []*partition
	tenants  *tenants

	submissions sync.Pool // of *submission

	failed  atomic.Pointer[error]
	stopped chan struct{} // closed when Run ends: nobody answers any more
}

// ErrStopped says that the ledger no longer applies anything: a storage
// failure or damaged data. The process should not go on.
var ErrStopped = errors.New("ledger: stopped after a failure of the storage")

// Open loads the ledger's memory from its rows. Nothing is applied yet: see Run.
func Open(o Options) (*Ledger, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	l := &Ledger{log: o.Log, db: o.DB, follower: o.Follower, logger: o.Logger, tenants: newTenants(), stopped: make(chan struct{})}
	for p := range o.Log.Partitions() {
		part := newPartition(l, p)
		if err := part.load(); err != nil {
			return nil, fmt.Errorf("load ledger of partition %d: %w", p, err)
		}
		l.parts = append(l.parts, part)
	}
	return l, nil
}

// Run applies the log until ctx ends or applying fails; then it returns the
// cause, nil after a cancellation. It may be called once.
func (l *Ledger) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var tails sync.WaitGroup
	for _, part := range l.parts {
		tails.Go(func() {
			err := l.log.Tail(ctx, part.p, part.appliedTo(), part.apply)
			if err != nil && ctx.Err() == nil {
				err = fmt.Errorf("apply partition %d: %w", part.p, err)
				l.failed.CompareAndSwap(nil, &err)
				cancel(err)
			}
		})
	}
	tails.Wait()
	close(l.stopped)
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Applied is the position up to which partition p is applied.
func (l *Ledger) Applied(p int) wal.Pos { return l.parts[p].appliedTo() }

// Follow returns once Run has applied everything that was in the log, or with
// the error of ctx, or with ErrStopped. Before it has, what is submitted may be
// applied without its writer being answered.
func (l *Ledger) Follow(ctx context.Context) error {
	for _, part := range l.parts {
		select {
		case <-part.following:
		case <-l.stopped:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Failed is why the ledger has stopped applying; nil while it runs.
func (l *Ledger) Failed() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Partitions is the log's.
func (l *Ledger) Partitions() int { return len(l.parts) }

// PartitionOf is where an organization lives.
func (l *Ledger) PartitionOf(organization string) int {
	return wal.PartitionOf(organization, len(l.parts))
}

func (l *Ledger) partition(organization string) *partition {
	return l.parts[l.PartitionOf(organization)]
}
