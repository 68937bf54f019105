// Package waltest holds what tests of a wal.Log, and of its users, need: a log in
// memory that does on demand what real ones do once a year, and the suite that
// every implementation has to pass.
package waltest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hookwheel/hookwheel/wal"
)

// Options configures a Memory. The zero value is usable.
type Options struct {
	Partitions int              // default 4
	Gap        uint64           // positions left out before each record; default 0
	Now        func() time.Time // default time.Now

	// OnSubmit, if set, decides on every submission, also those of owners:
	// whether it is written, and how it is answered. Written and answered
	// ErrTimeout is what a writer meets whose answer was lost, and who will
	// append the same records again.
	OnSubmit func(p int, recs []wal.Rec) (write bool, answer error)
}

// Memory is a log in memory, which forgets with the process. It can leave gaps
// between positions, refuse, lie about what was written, and take an ownership
// away. Answers come from a goroutine of its own, which Close ends. It works
// inside testing/synctest.
type Memory struct {
	opts    Options
	stopped chan struct{}

	mu      sync.Mutex
	parts   []part
	end     wal.Pos
	at      int64
	changed chan struct{} // closed and replaced when anything changes
	answers []func()      // not yet given
	closed  bool
}

// part is one partition.
type part struct {
	recs     []wal.Rec
	owner    *owner
	tailing  bool
	trimmed  wal.Pos
	absorbed wal.Pos
}

var _ wal.Log = (*Memory)(nil)

// NewMemory returns an empty log.
func NewMemory(o Options) *Memory {
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnSubmit == nil {
		o.OnSubmit = func(int, []wal.Rec) (bool, error) { return true, nil }
	}
	m := &Memory{
		opts:    o,
		parts:   make([]part, o.Partitions),
		changed: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	go m.answer()
	return m
}

// Close ends tails with wal.ErrClosed and all ownerships.
func (m *Memory) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return wal.ErrClosed
	}
	m.closed = true
	for p := range m.parts {
		m.dropOwner(p)
	}
	m.notify()
	m.mu.Unlock()
	<-m.stopped
	return nil
}

// Fence ends the partition's ownership as another process's Claim would.
func (m *Memory) Fence(p int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropOwner(p)
}

// notify wakes everyone who waits. The lock is held.
func (m *Memory) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *Memory) dropOwner(p int) {
	if o := m.parts[p].owner; o != nil {
		close(o.lost)
		m.parts[p].owner = nil
	}
}

// answer calls done functions, in order.
func (m *Memory) answer() {
	defer close(m.stopped)
	for {
		m.mu.Lock()
		answers, changed, closed := m.answers, m.changed, m.closed
		m.answers = nil
		m.mu.Unlock()
		for _, a := range answers {
			a()
		}
		if len(answers) > 0 {
			continue
		}
		if closed {
			return
		}
		<-changed
	}
}

// Partitions implements wal.Log.
func (m *Memory) Partitions() int { return len(m.parts) }

// Submit implements wal.Log.
func (m *Memory) Submit(p int, recs []wal.Rec, done func(error)) { m.submit(p, nil, recs, done) }

func (m *Memory) submit(p int, by *owner, recs []wal.Rec, done func(error)) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		done(wal.ErrClosed)
		return
	}
	defer m.mu.Unlock()
	var err error
	if by != nil && by != m.parts[p].owner {
		err = wal.ErrFenced
	} else {
		var write bool
		if write, err = m.opts.OnSubmit(p, recs); write {
			m.write(p, recs)
		}
	}
	m.answers = append(m.answers, func() { done(err) })
	m.notify()
}

func (m *Memory) write(p int, recs []wal.Rec) {
	m.at = max(m.at, m.opts.Now().UnixMilli())
	for _, r := range recs {
		m.end += 1 + wal.Pos(m.opts.Gap)
		r.Pos, r.At, r.Data = m.end, m.at, bytes.Clone(r.Data)
		m.parts[p].recs = append(m.parts[p].recs, r)
	}
}

// after returns the index of the first record behind a position.
func (q *part) after(pos wal.Pos) int {
	i, _ := slices.BinarySearchFunc(q.recs, pos, func(r wal.Rec, pos wal.Pos) int {
		if r.Pos <= pos {
			return -1
		}
		return 1
	})
	return i
}

// kept says whether a record still counts as there.
func (q *part) kept(r wal.Rec) bool {
	if r.Kind == wal.Event {
		return r.Pos >= q.trimmed
	}
	return r.Pos > q.absorbed
}

// Tail implements wal.Log.
func (m *Memory) Tail(ctx context.Context, p int, after wal.Pos, apply func([]wal.Rec) error) error {
	m.mu.Lock()
	if m.parts[p].tailing {
		m.mu.Unlock()
		return errors.New("a tail of this partition runs already")
	}
	m.parts[p].tailing = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.parts[p].tailing = false
		m.mu.Unlock()
	}()
	for following := false; ; {
		recs, changed, closed := m.take(p, after)
		if len(recs) == 0 && !following {
			following = true
			if err := apply(nil); err != nil {
				return err
			}
		}
		if len(recs) > 0 {
			after = recs[len(recs)-1].Pos
			if err := apply(recs); err != nil {
				return err
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case len(recs) > 0:
			continue
		case closed:
			return wal.ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// take returns what is there behind a position. Local is handed out once.
func (m *Memory) take(p int, after wal.Pos) (recs []wal.Rec, changed chan struct{}, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := &m.parts[p]
	for i := q.after(after); i < len(q.recs); i++ {
		if q.kept(q.recs[i]) {
			recs = append(recs, q.recs[i])
		}
		q.recs[i].Local = nil
	}
	return recs, m.changed, m.closed
}

// Get implements wal.Log.
func (m *Memory) Get(p int, at wal.Pos) (wal.Rec, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := &m.parts[p]
	i := q.after(at - 1)
	if i == len(q.recs) || q.recs[i].Pos != at || q.recs[i].Kind != wal.Event || !q.kept(q.recs[i]) {
		return wal.Rec{}, wal.ErrNotFound
	}
	r := q.recs[i]
	r.Data, r.Local = bytes.Clone(r.Data), nil
	return r, nil
}

// Scan implements wal.Log.
func (m *Memory) Scan(p int, after, upTo wal.Pos, visit func(wal.Rec) bool) error {
	m.mu.Lock()
	q := m.parts[p]
	recs := slices.Clone(q.recs[q.after(after):])
	m.mu.Unlock()
	for _, r := range recs {
		r.Local = nil
		if r.Pos > upTo {
			break
		}
		if r.Kind == wal.Event && q.kept(r) && !visit(r) {
			break
		}
	}
	return nil
}

// Claim implements wal.Log.
func (m *Memory) Claim(ctx context.Context, p int) (wal.Owner, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, wal.ErrClosed
	}
	m.dropOwner(p)
	o := &owner{m: m, p: p, lost: make(chan struct{})}
	if recs := m.parts[p].recs; len(recs) > 0 {
		o.from = recs[len(recs)-1].Pos
	}
	m.parts[p].owner = o
	return o, nil
}

type owner struct {
	m    *Memory
	p    int
	from wal.Pos
	lost chan struct{}
}

func (o *owner) From() wal.Pos         { return o.from }
func (o *owner) Lost() <-chan struct{} { return o.lost }

func (o *owner) Commit(recs []wal.Rec, done func(error)) { o.m.submit(o.p, o, recs, done) }

func (o *owner) Trim(_ context.Context, before wal.Pos) error {
	return o.change(func(q *part) { q.trimmed = max(q.trimmed, min(before, o.m.end+1)) })
}

func (o *owner) Absorbed(_ context.Context, upTo wal.Pos) error {
	return o.change(func(q *part) { q.absorbed = max(q.absorbed, min(upTo, o.m.end)) })
}

func (o *owner) Erase(_ context.Context, at ...wal.Pos) error {
	return o.change(func(q *part) {
		for i := range q.recs {
			if q.recs[i].Kind == wal.Event && slices.Contains(at, q.recs[i].Pos) {
				q.recs[i].Data = nil
			}
		}
	})
}

// change applies fn to the partition if it is still owned.
func (o *owner) change(fn func(*part)) error {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	q := &o.m.parts[o.p]
	if q.owner != o {
		return wal.ErrFenced
	}
	fn(q)
	return nil
}

func (o *owner) Release() {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	if o.m.parts[o.p].owner == o {
		o.m.dropOwner(o.p)
	}
}
