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
	hungry  bool // counted in slots.hungry
}

// fill appends attempts, sets the limit, and returns how many goroutines the
// caller must start, for each of which it has taken a slot. If it gets fewer
// slots than it wants, it calls starve, so that it is told of others, and tries
// once more: one that was given back before that has woken nobody. hungry says
// that the lane has none at all.
func (r *ring) fill(more []*attempt, limit int, slots *slots, starve func()) (start int, hungry bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = append(r.ready, more...)
	r.limit = limit
	refused := false
	for !r.stopped && start < len(r.ready) && r.running < limit {
		if slots.admit(r.running, r.hungry, r.healthy) {
			r.running++
			start++
			continue
		}
		if refused {
			break
		}
		starve()
		refused = true
	}
	r.goHungry(refused && r.running == 0, slots)
	return start, r.hungry
}

// goHungry notes whether the lane wants a slot and holds none.
func (r *ring) goHungry(hungry bool, slots *slots) {
	switch {
	case hungry && !r.hungry:
		slots.hungry.Add(1)
	case !hungry && r.hungry:
		slots.hungry.Add(-1)
	}
	r.hungry = hungry
}

// take returns the next attempt, started now, or nil when the goroutine must
// end: nothing is ready, the lane is stopped, it has too many of them, or others
// want the slot and it is overdue; then left is how many go on.
func (r *ring) take(slots *slots, overdue bool) (a *attempt, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ready) == 0 || r.stopped || r.running > r.limit || !slots.keep(r.running-1, r.healthy, overdue) {
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
func (r *ring) empty(slots *slots) (unstarted []*attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.goHungry(false, slots)
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
