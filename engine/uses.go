package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwheel/hookwheel/engine/ledger"
)

// useResolution is how exactly it is known when a key was used last.
const useResolution = time.Hour

// uses remembers when API keys were used last, to find out which of them nobody
// needs any more. For that an hour is exact enough, and so a key that is in use
// all the time costs a look into memory for every request and a record an hour.
// What was noted in the minute before the process dies is lost.
type uses struct {
	keys sync.Map // of id to *use
	news atomic.Bool
}

type use struct {
	last    atomic.Int64 // Unix ms
	written int64        // the same, as the ledger has it; the janitor's
}

// KeyUsed notes that a key was used. It is cheap and safe for concurrent use.
func (e *Engine) KeyUsed(id string) {
	known, ok := e.uses.keys.Load(id)
	if !ok {
		known, _ = e.uses.keys.LoadOrStore(id, new(use))
	}
	u, now := known.(*use), e.now()
	if before := u.last.Load(); now-before >= useResolution.Milliseconds() && u.last.CompareAndSwap(before, now) {
		e.uses.news.Store(true)
	}
}

// noteUses writes down what is new. What could not be written is still new.
func (e *Engine) noteUses(ctx context.Context) error {
	if !e.uses.news.Swap(false) {
		return nil
	}
	uses := e.uses.unwritten()
	order := &ledger.Command{Audit: engineAudit, Verb: ledger.NoteUses, Uses: uses}
	if _, err := e.ledger.CommandAt(ctx, ledger.TenantsPartition, order); err != nil {
		e.uses.news.Store(true)
		return fmt.Errorf("note when keys were used: %w", err)
	}
	for id, last := range uses {
		known, _ := e.uses.keys.Load(id)
		known.(*use).written = last
	}
	return nil
}

// unwritten is when keys were used, of those of which the ledger does not know
// it.
func (u *uses) unwritten() map[string]int64 {
	list := map[string]int64{}
	for id, known := range u.keys.Range {
		of := known.(*use)
		if last := of.last.Load(); last != of.written {
			list[id.(string)] = last
		}
	}
	return list
}
