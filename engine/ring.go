package engine

import (
	"slices"
	"sync"
	"time"
)

// ring hands attempts from the loop to the lane's delivery goroutines. It is
// the only state that both touch.
//
// stopped is read and the start time taken in the same critical section as the
// attempt: what starts has started before halt returns. That is what lets a
// disable promise that nothing starts after its answer (G6).
type ring struct {
	mu      sync.Mutex
	ready   []*attempt // the next one first
	limit   int        // how many delivery goroutines may run
	running int        // how many do
	stopped bool
	healthy bool // the last attempt succeeded
}

// fill appends attempts, sets the limit, and returns how many goroutines the
// caller must start, for each of which it has taken a slot. If it gets fewer
// slots than it wants, it calls starve, so that it is told of others, and tries
// once more: one that was given back before that has woken nobody.
func (r *ring) fill(more []*attempt, limit int, slots *slots, starve func()) (start int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = append(r.ready, more...)
	r.limit = limit
	for starved := false; !r.stopped && start < len(r.ready) && r.running < limit; {
		switch {
		case slots.admit(r.running, r.healthy):
			r.running++
			start++
		case starved:
			return start
		default:
			starve()
			starved = true
		}
	}
	return start
}

// take returns the next attempt, started now, or nil when the goroutine must
// end: nothing is ready, the lane is stopped, or it has too many of them; then
// left is how many go on.
func (r *ring) take(slots *slots) (a *attempt, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ready) == 0 || r.stopped || r.running > r.limit || !slots.keep(r.running-1, r.healthy) {
		r.running--
		return nil, r.running
	}
	a = r.ready[0]
	r.ready = slices.Delete(r.ready, 0, 1)
	a.start = time.Now()
	return a, r.running
}

// load is how many attempts wait and how many goroutines run.
func (r *ring) load() (ready, running int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ready), r.running
}

// empty takes out the attempts that were ready and returns them, in order.
func (r *ring) empty() (unstarted []*attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unstarted, r.ready = r.ready, nil
	return unstarted
}

// withdraw takes an attempt out that has not started; nil if there is none.
func (r *ring) withdraw(key openKey) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.ready, func(a *attempt) bool { return a.key() == key })
	if i < 0 {
		return nil
	}
	a := r.ready[i]
	r.ready = slices.Delete(r.ready, i, i+1)
	return a
}

// settle notes how the last attempt ended.
func (r *ring) settle(healthy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.healthy = healthy
}

// halt lets no more attempts start: what has started has done so before it
// returns. It leaves the ready ones where they are.
func (r *ring) halt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

// resume undoes halt.
func (r *ring) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = false
}
