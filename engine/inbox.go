package engine

import (
	"context"
	"sync"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// inbox is what others leave for the loop, in the order in which it was left
// within each list.
type inbox struct {
	mu sync.Mutex
	inboxes
	wake chan struct{} // one token
}

type inboxes struct {
	applied  []appliedPart
	finished []*attempt
	ended    []*lane // a delivery goroutine of it has ended
	read     []readResult
	loaded   []loadResult
	wrote    []wroteResult
	barriers []barrier
	stop     bool // start no more attempts
	last     bool // no attempt is under way any more
	starved  bool // there are slots again
}

// appliedPart is what one group of records means for one shard.
type appliedPart struct {
	p         int
	upTo      wal.Pos // the last record of the group
	endpoints []*endpoint.Endpoint
	owed      []ledger.Owed
	settled   []ledger.Settled
	canceled  []ledger.Ref
}

func (a *appliedPart) empty() bool {
	return len(a.endpoints)+len(a.owed)+len(a.settled)+len(a.canceled) == 0
}

// likeIt is an empty part with room for about as much: groups that follow one
// another are alike, and growing a list from nothing costs more than the rest.
func (a *appliedPart) likeIt() appliedPart {
	const most = 1024
	return appliedPart{
		owed:    make([]ledger.Owed, 0, min(len(a.owed), most)),
		settled: make([]ledger.Settled, 0, min(len(a.settled), most)),
	}
}

type wroteResult struct {
	p   int
	err error
}

// signal wakes a loop that waits, or that will look again anyway.
func signal(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// leave puts a message into the inbox.
func (sh *shard) leave(message func(*inboxes)) {
	sh.inbox.mu.Lock()
	message(&sh.inbox.inboxes)
	sh.inbox.mu.Unlock()
	signal(sh.inbox.wake)
}

func (sh *shard) finished(a *attempt) {
	sh.inbox.mu.Lock()
	sh.inbox.finished = append(sh.inbox.finished, a)
	sh.inbox.mu.Unlock()
	signal(sh.inbox.wake)
}

func (sh *shard) ended(l *lane) { sh.leave(func(in *inboxes) { in.ended = append(in.ended, l) }) }
func (sh *shard) read(r readResult) {
	sh.leave(func(in *inboxes) { in.read = append(in.read, r) })
}
func (sh *shard) loaded(r loadResult) {
	sh.leave(func(in *inboxes) { in.loaded = append(in.loaded, r) })
}
func (sh *shard) wrote(p int, err error) {
	sh.leave(func(in *inboxes) { in.wrote = append(in.wrote, wroteResult{p, err}) })
}

// barrier is somebody who waits for the loop.
type barrier struct {
	passed  chan<- struct{} // closed when everything that was left before is taken
	written bool            // and the outcomes among it are in the log
}

// pass returns when the loop has taken everything that was left before.
func (sh *shard) pass(ctx context.Context) error { return sh.await(ctx, false) }

// await is pass, or returns when the outcomes that were left before are written.
func (sh *shard) await(ctx context.Context, written bool) error {
	passed := make(chan struct{})
	sh.leave(func(in *inboxes) { in.barriers = append(in.barriers, barrier{passed, written}) })
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-sh.engine.quit:
		return ErrClosed
	}
}

// reset empties the lists and keeps their memory.
func (in inboxes) reset() inboxes {
	clear(in.applied)
	clear(in.finished)
	clear(in.ended)
	clear(in.read)
	clear(in.loaded)
	clear(in.barriers)
	return inboxes{
		applied: in.applied[:0], finished: in.finished[:0], ended: in.ended[:0], read: in.read[:0],
		loaded: in.loaded[:0], wrote: in.wrote[:0], barriers: in.barriers[:0],
	}
}
