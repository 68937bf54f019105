package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// DeleteOrganization deletes an organization with its endpoints, events, history,
// keys and clients. First it is marked as deleted, from when on its keys are of
// no use; what a crash leaves of the rest the eraser removes. When it returns,
// nothing of it can be read or sent any more. Its bytes leave the files of the
// store afterwards, which ledger.Deleting and the audit tell; of backups they are
// a part until the backups are deleted.
func (e *Engine) DeleteOrganization(ctx context.Context, id string, audit ledger.Audit) error {
	for {
		now, err := e.organization(id)
		if err != nil {
			return err
		}
		gone := &ledger.Organization{ID: id, Livemode: now.Livemode, CreatedAt: now.CreatedAt, DeletedAt: e.now()}
		_, err = e.ledger.Change(ctx, &ledger.Change{Audit: audit, Base: now.Version, Organization: gone})
		if errors.Is(err, ledger.ErrChanged) {
			continue
		}
		if err != nil {
			return err
		}
		signal(e.deleted)
		return e.eraseRows(ctx, id)
	}
}

// eraseRows removes an organization's rows and waits until the loops know.
func (e *Engine) eraseRows(ctx context.Context, id string) error {
	p := e.ledger.PartitionOf(id)
	loops := map[*shard]endpoint.Key{}
	for _, key := range e.ledger.EndpointKeys(id) {
		loops[e.shardOf(p, key)] = key
	}
	if _, err := e.ledger.Command(ctx, &ledger.Command{Audit: engineAudit, Verb: ledger.Erase, Organization: id}); err != nil {
		return err
	}
	for _, key := range loops {
		if err := e.barrier(ctx, p, key); err != nil {
			return err
		}
	}
	return nil
}

// erased reports whether the lane's organization is gone.
func (l *lane) erased() bool {
	s := l.settings.Load()
	if s.DeletedAt == 0 {
		return false
	}
	_, alive := l.shard.engine.ledger.Organization(s.Organization)
	return !alive
}

// erasePause is the time between two looks for something to erase, unasked.
const erasePause = time.Minute

// eraser makes the bytes of deleted organizations leave the disk, see package
// ledger for the steps. Which organizations these are is in the ledger, so what a
// stop or a crash interrupts begins anew with the next start. It has a goroutine
// of its own because it can take long: it reads the log of the partitions
// concerned and rewrites the tables that have something of them.
type eraser struct {
	*Engine

	// What was wiped before may have bytes on disk still: the last run was not
	// finished, or an earlier process may have left it so.
	unsure bool
}

func (e *eraser) run() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-e.quit:
			return
		case <-pause.C:
		case <-e.deleted:
		}
		next := erasePause
		wait, err := e.eraseDue(e.life)
		if err != nil && e.life.Err() == nil {
			e.logger.Error("deleted organizations could not be erased, it is tried again in a minute", "error", err)
		} else if wait > 0 {
			next = wait
		}
		pause.Reset(next)
	}
}

// eraseDue erases what is due. What was under way when an organization was
// deleted, a request that was let in before, has an end after twice the append
// timeout: until then it waits, and says for how long.
func (e *eraser) eraseDue(ctx context.Context) (wait time.Duration, err error) {
	list, err := e.ledger.Erasing()
	if err != nil {
		return 0, fmt.Errorf("look for deleted organizations: %w", err)
	}
	var due []*ledger.Organization
	settled := 2 * e.options.Log.AppendTimeout.Milliseconds()
	for _, o := range list {
		left := o.DeletedAt + settled - e.now()
		if left <= 0 || left > settled { // the clock was set back
			due = append(due, o)
			continue
		}
		wait = max(wait, time.Duration(left)*time.Millisecond)
		if e.unsure { // a crash may have come between the deletion and this
			if err := e.eraseRows(ctx, o.ID); err != nil {
				return 0, fmt.Errorf("erase the rows of organization %s: %w", o.ID, err)
			}
		}
	}
	e.metrics.erasing.Set(float64(len(list)))
	if len(due) > 0 {
		if err = e.erase(ctx, due); err == nil {
			e.metrics.erasing.Set(float64(len(list) - len(due)))
		}
		e.unsure = err != nil
	}
	return wait, err
}

// erase takes some organizations through all steps at once, since
// most of the work is the same for one or many.
func (e *eraser) erase(ctx context.Context, list []*ledger.Organization) error {
	started := time.Now()
	byPartition := map[int][]string{}
	for _, o := range list {
		if o.ErasedAt != 0 {
			if err := e.note(ctx, ledger.StartErase, o.ID); err != nil {
				return err
			}
		}
		if err := e.eraseRows(ctx, o.ID); err != nil {
			return fmt.Errorf("erase the rows of organization %s: %w", o.ID, err)
		}
		p := e.ledger.PartitionOf(o.ID)
		byPartition[p] = append(byPartition[p], o.ID)
	}
	for _, sh := range e.shards {
		if err := sh.await(ctx, true); err != nil {
			return err
		}
	}
	var ranges []wal.Range
	var spans []kv.Span
	for p, ids := range byPartition {
		erased, err := e.eraseRecords(ctx, p, ids)
		if err != nil {
			return fmt.Errorf("erase events in the log of partition %d: %w", p, err)
		}
		ranges = append(ranges, erased...)
		spans = append(spans, e.ledger.ErasedSpans(p)...)
	}
	if err := e.absorb(ctx); err != nil {
		return err
	}
	if err := e.store.Purge(ctx, ranges, spans...); err != nil {
		return err
	}
	for _, o := range list {
		if err := e.note(ctx, ledger.FinishErase, o.ID); err != nil {
			return err
		}
		e.metrics.erased.Inc()
		e.logger.Info("organization erased, no file of the store has anything of it", "organization", o.ID, "took", time.Since(started).Round(time.Millisecond))
	}
	return nil
}

// note tells the tenants' partition how far the erasure of an organization is.
func (e *eraser) note(ctx context.Context, verb ledger.Verb, id string) error {
	_, err := e.ledger.CommandAt(ctx, ledger.TenantsPartition, &ledger.Command{Audit: engineAudit, Verb: verb, Organization: id})
	if err != nil {
		return fmt.Errorf("note the erasure of organization %s: %w", id, err)
	}
	return nil
}

const (
	// eraseBatch is how many records are erased at a time.
	eraseBatch = 10_000

	// purgeRange is how many positions are purged at a time: some 256 MB of the
	// log, if events are of 1 KB.
	purgeRange = 1 << 18
)

// eraseRecords wipes the events of organizations in the log of a partition, and
// returns where they were.
func (e *eraser) eraseRecords(ctx context.Context, p int, ids []string) (ranges []wal.Range, err error) {
	var batch []wal.Pos
	flush := func() {
		if err == nil && len(batch) > 0 {
			err = e.owners[p].Erase(ctx, batch...)
			batch = batch[:0]
		}
	}
	scanErr := e.ledger.RecordsOf(p, ids, e.ledger.Applied(p), func(at wal.Pos, wiped bool) {
		if wiped && !e.unsure {
			return
		}
		if last := len(ranges) - 1; last >= 0 && at-ranges[last].First < purgeRange {
			ranges[last].Last = at
		} else {
			ranges = append(ranges, wal.Range{First: at, Last: at})
		}
		if !wiped {
			batch = append(batch, at)
		}
		if len(batch) == eraseBatch {
			flush()
		}
	})
	flush()
	return slices.Clip(ranges), errors.Join(scanErr, err)
}
