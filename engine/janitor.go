package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

const (
	// The janitor looks so often, and ten times in a retention that is shorter
	// than ten minutes.
	tidyEvery = time.Minute

	// The log sheds what the ledger has absorbed when so many records have come
	// together (some 100 MB), or after so long.
	absorbRecords = 1 << 20
	absorbEvery   = time.Hour

	// After a start, retention takes no more than a tenth of the log for so
	// long, in case the clock is wrong, but not for longer than the retention.
	clockGrace = time.Hour
)

// tidied is what the janitor remembers from one round to the next.
type tidied struct {
	forgot   time.Time
	absorbed time.Time
	records  uint64 // written to the log when it last shed something
}

// tidy is the janitor: now and then it looks whether there is something that
// need not be kept any more. It decides by the clock and writes Commands; apply
// carries them out. An engine that has nothing to do writes nothing.
func (e *Engine) tidy() {
	ctx := e.life
	every := tidyEvery
	if keep := e.options.Retention; keep > 0 {
		every = min(every, keep/10)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	done := tidied{forgot: e.clock.began, absorbed: e.clock.began}
	for {
		select {
		case <-e.quit:
			return
		case <-tick.C:
		}
		if err := e.tidyRound(ctx, &done); err != nil && ctx.Err() == nil {
			e.logger.Error("retention failed, it is tried again", "error", err)
		}
	}
}

func (e *Engine) tidyRound(ctx context.Context, done *tidied) error {
	if err := e.resumeReplays(); err != nil {
		return fmt.Errorf("look for replays: %w", err)
	}
	if err := e.expire(ctx); err != nil {
		return err
	}
	if err := e.noteUses(ctx); err != nil {
		return err
	}
	now := time.Now()
	if now.Sub(done.forgot) >= time.Hour { // keys expire by the hour
		if err := e.forget(ctx); err != nil {
			return err
		}
		done.forgot = now
	}
	written := e.metrics.records.Get()
	if more := written - done.records; more >= absorbRecords || more > 0 && now.Sub(done.absorbed) >= absorbEvery {
		if err := e.absorb(ctx); err != nil {
			return err
		}
		done.absorbed, done.records = now, e.metrics.records.Get()
	}
	return nil
}

// expire takes the events that retention does not keep.
func (e *Engine) expire(ctx context.Context) error {
	cut, before, err := e.retentionCut()
	if err != nil {
		return fmt.Errorf("find what retention does not keep: %w", err)
	}
	if cut == 0 {
		return nil
	}
	owed := e.expiredSoFar()
	for p, owner := range e.owners {
		order := &ledger.Command{Audit: engineAudit, Verb: ledger.Expire, Before: cut, BeforeTime: before}
		if _, err := e.ledger.CommandAt(ctx, p, order); err != nil {
			return fmt.Errorf("expire in partition %d: %w", p, err)
		}
		if err := owner.Trim(ctx, cut); err != nil {
			return fmt.Errorf("trim partition %d: %w", p, err)
		}
	}
	if more := e.expiredSoFar() - owed; more > 0 {
		e.logger.Warn("retention took events that were still owed", "deliveries", more, "before", time.UnixMilli(before).UTC())
	}
	return nil
}

// expiredSoFar is how many deliveries retention has taken while they were owed.
func (e *Engine) expiredSoFar() (n int64) {
	for p := range e.owners {
		n += int64(e.ledger.Totals(p).Counts.Expired)
	}
	return n
}

// forget drops expired idempotency keys and old entries of the audit.
func (e *Engine) forget(ctx context.Context) error {
	for p := range e.owners {
		order := &ledger.Command{Audit: engineAudit, Verb: ledger.Forget, BeforeTime: e.now()}
		if keep := e.options.AuditRetention; keep > 0 {
			order.AuditBefore = order.BeforeTime - keep.Milliseconds()
		}
		if _, err := e.ledger.CommandAt(ctx, p, order); err != nil {
			return fmt.Errorf("forget what has expired in partition %d: %w", p, err)
		}
	}
	return nil
}

// absorb lets the log shed outcomes, changes and commands that the ledger has.
func (e *Engine) absorb(ctx context.Context) error {
	for p, owner := range e.owners {
		if err := owner.Absorbed(ctx, e.ledger.Applied(p)); err != nil {
			return fmt.Errorf("shed the log of partition %d: %w", p, err)
		}
	}
	return nil
}

// engineAudit marks what the engine does of its own accord.
var engineAudit = ledger.Audit{Actor: "hookwheel"}

// retentionCut is the position before which nothing is kept, and the time of
// the first event from there on; 0 if everything is to stay. It waits until a
// hundredth of the retention has come together, so that the work is done in few
// large steps.
func (e *Engine) retentionCut() (cut wal.Pos, before int64, err error) {
	_, oldest, found, err := e.store.OldestEvent()
	if err != nil || !found {
		return 0, 0, err
	}
	if keep := e.options.Retention; keep > 0 {
		before = e.now() - keep.Milliseconds()
		step := min(keep/100, time.Hour).Milliseconds()
		if oldest < before-step {
			if cut, err = e.store.CutByTime(before); err != nil {
				return 0, 0, err
			}
			if cut > 0 && e.mistrustsClock(cut) {
				cut = 0
			}
		}
	}
	if bytes := e.options.RetentionBytes; bytes > 0 {
		all, err := e.store.EventBytes(0)
		if err != nil {
			return 0, 0, err
		}
		if all > bytes+bytes/100 {
			byBytes, err := e.store.CutByBytes(bytes)
			if err != nil {
				return 0, 0, err
			}
			if byBytes > cut {
				cut, before = byBytes, e.now()
			}
		}
	}
	return cut, before, nil
}

// mistrustsClock holds back the first large cut after a start: a clock that was
// set forward would otherwise take everything at once.
func (e *Engine) mistrustsClock(cut wal.Pos) bool {
	grace := min(clockGrace, e.options.Retention)
	if e.clock.running() > grace {
		return false
	}
	all, err := e.store.EventBytes(0)
	if err != nil || all == 0 {
		return true
	}
	kept, err := e.store.EventBytes(cut)
	if err != nil || kept < all-all/10 {
		e.logger.Warn("retention would drop over a tenth of all events right after a start; it waits: check the clock",
			"wait", grace, "drop_bytes", all-kept, "all_bytes", all)
		return true
	}
	return false
}

// disable disables an endpoint on the engine's own account, without waiting.
func (e *Engine) disable(p int, ep *endpoint.Endpoint, reason string) {
	id := laneID{p, ep.Key}
	if _, already := e.disabling.LoadOrStore(id, true); already {
		return
	}
	e.background.Go(func() {
		defer e.disabling.Delete(id)
		ctx, cancel := context.WithTimeout(e.life, 2*e.options.Log.AppendTimeout)
		defer cancel()
		_, err := e.ledger.Command(ctx, &ledger.Command{
			Audit: engineAudit, Verb: ledger.Disable, Organization: ep.Organization, Endpoint: ep.Key, Reason: reason,
		})
		if e.life.Err() != nil {
			return
		}
		if errors.Is(err, ledger.ErrNotFound) {
			return // it was deleted in the meantime
		}
		if err != nil {
			e.logger.Error("endpoint could not be disabled", "endpoint", ep.ID, "reason", reason, "error", err)
			return
		}
		e.metrics.disabled.Inc()
		e.logger.Warn("endpoint disabled", "endpoint", ep.ID, "organization", ep.Organization, "reason", reason)
	})
}

// storageFailed reports a read that failed. What writes fail the store itself
// deals with.
func (e *Engine) storageFailed(err error) {
	e.metrics.storageErrors.Inc()
	last := e.lastComplaint.Load()
	if now := e.now(); now-last > 10_000 && e.lastComplaint.CompareAndSwap(last, now) {
		e.logger.Error("the store cannot be read; lanes that need it wait", "error", err)
	}
}

// The key check lies in the log's store, outside of all partitions.
var keyCheckRow = []byte{math.MaxUint8, 'k'}

// checkKey refuses a master key that is not the one that the store's secrets
// are sealed with.
func (e *Engine) checkKey() error {
	db := e.store.DB()
	check, found, err := db.Get(nil, keyCheckRow)
	if err != nil {
		return err
	}
	if found {
		if err := e.box.VerifyKeyCheck(check); err != nil {
			return fmt.Errorf("%w: the secrets in %s are sealed with another one; give the key file that was in use", err, e.options.Log.Dir)
		}
		return nil
	}
	b := db.Batch()
	defer b.Close()
	b.Set(keyCheckRow, e.box.KeyCheck())
	return b.Commit(true)
}
