// Package wheel keeps very many timers and says which of them are due.
//
// It is a hierarchical timer wheel that neither reads a clock nor starts a
// goroutine: its owner tells it the time, asks when the next timer is due, and
// arms one real timer for that. Nothing here allocates; a timer is a struct
// that lives inside the thing that waits.
//
//	level 0   64 slots of 1 ms     what shares all but the last 6 bits with now
//	level 1   64 slots of 64 ms    … all but the last 12 bits
//	   ⋮
//	level 10  16 slots of 36 million years
//
// Setting, moving and stopping a timer cost the same few nanoseconds whether
// one is set or a million. A timer moves down at most once per level before it
// fires: a ten-hour delay lies on level 4 and moves at most four times.
package wheel

import "math/bits"

const (
	slotBits = 6             // one uint64 tells which slots of a level are occupied
	slots    = 1 << slotBits // per level
	levels   = 11            // ⌈63 bits of a due time / slotBits⌉: every int64 has a slot, so there is no horizon

	overdue = levels * slots // the first of the two lists of timers set to a moment already past
)

// Wheel is a set of timers ordered by the moment they are due, in Unix
// milliseconds.
//
// A timer lies on the level of the highest group of six bits in which its due
// time differs from now, in the slot that those six bits name. From this
// follow the facts that everything below relies on:
//
//   - On each level all occupied slots lie after the one now is in (on level 0
//     at it or after it), because a due time is never before now.
//   - Everything on a level is due before anything on the levels above. So the
//     earliest slot is the first occupied one of the lowest occupied level, two
//     bit scans away however long nothing happens.
//   - While now moves within the time before the earliest slot begins, no timer
//     changes its place. When now reaches a slot above level 0, its timers are
//     spread over the levels below.
//
// A wheel with a fixed number of levels and slots counted from the turn of the
// wheel needs a list for what is beyond its horizon, and slots that wrap
// around; levels for all 63 bits cost 6 KB and need neither.
//
// A timer set to a moment that has passed waits in a list of its own for the
// next Advance. There are two such lists, used in turn, so that a callback
// that sets timers to the past cannot keep Advance from ending.
//
// A Wheel is not safe for concurrent use: one goroutine owns it together with
// its timers.
type Wheel[T any] struct {
	now      int64
	count    int
	late     int                    // the overdue list that Set uses now: overdue or overdue+1
	occupied [levels + 1]uint64     // per level a bit for every slot that is not empty; last, the overdue lists
	heads    [overdue + 2]*Timer[T] // per slot the first of a ring of timers, or nil
}

// Timer is one moment to be woken at. The zero value is a timer that is not
// set. It must not be copied while set, and belongs to the one wheel it was
// set on until it fires or is stopped.
type Timer[T any] struct {
	Value T // the owner's, usually a pointer to what the timer is part of; never touched here

	next, prev *Timer[T]
	due        int64
	place      uint16 // slot + 1; 0 while not set
}

// Due returns the moment the timer is set to, in Unix milliseconds, and
// whether it is set at all.
func (t *Timer[T]) Due() (due int64, ok bool) {
	if t.place == 0 {
		return 0, false
	}
	return t.due, true
}

// New returns an empty wheel whose time is now, in Unix milliseconds. Times
// before 1970 count as 1970.
func New[T any](now int64) *Wheel[T] {
	return &Wheel[T]{now: max(now, 0), late: overdue}
}

// Len returns how many timers are set.
func (w *Wheel[T]) Len() int { return w.count }

// Set makes t due at the given Unix millisecond, moving it if it was set
// before. A moment that has passed counts as the wheel's present one.
func (w *Wheel[T]) Set(t *Timer[T], due int64) {
	w.Stop(t)
	if due <= w.now {
		t.due = w.now
		w.link(t, w.late)
		return
	}
	t.due = due
	w.link(t, w.slot(due))
}

// Stop makes sure that t does not fire. Stopping a timer that is not set does
// nothing.
func (w *Wheel[T]) Stop(t *Timer[T]) {
	if t.place != 0 {
		w.unlink(t)
	}
}

// Next returns a moment at which Advance is worth calling, or false when no
// timer is set. It is never after the earliest due time; it is exactly that
// when the earliest timer is due within the present 64 ms or is alone in its
// slot. Otherwise it is where the slot begins, and Advance then finds a closer
// answer: at most one such call per level.
func (w *Wheel[T]) Next() (due int64, ok bool) {
	if t := w.heads[w.late]; t != nil {
		return t.due, true
	}
	slot, start := w.earliest()
	if slot < 0 {
		return 0, false
	}
	if t := w.heads[slot]; t.next == t {
		return t.due, true
	}
	return start, true
}

// Advance moves the wheel's time to now and calls fire for every timer that is
// due, in the order of their due times; those of one millisecond in no
// particular order. A now before the wheel's time counts as the wheel's time.
//
// A timer is not set any more when fire gets it. fire may set and stop any
// timer, that one included, but may not call Advance. What it sets to a moment
// after the millisecond being fired and not after now fires during this call;
// what it sets to an earlier moment fires during the next one, and Next says
// so.
func (w *Wheel[T]) Advance(now int64, fire func(*Timer[T])) {
	late := w.late
	w.late ^= overdue ^ (overdue + 1)
	w.drain(late, fire)
	for {
		slot, start := w.earliest()
		if slot < 0 || start > now {
			break
		}
		w.now = start
		if slot < slots {
			w.drain(slot, fire)
		} else {
			w.cascade(slot)
		}
	}
	w.now = max(w.now, now)
}

// drain fires a whole list. It takes one timer at a time, so that fire can
// stop those that are still in it.
func (w *Wheel[T]) drain(slot int, fire func(*Timer[T])) {
	for t := w.heads[slot]; t != nil; t = w.heads[slot] {
		w.unlink(t)
		fire(t)
	}
}

// cascade spreads the timers of a slot that now has reached over the levels
// below.
func (w *Wheel[T]) cascade(slot int) {
	for t := w.heads[slot]; t != nil; t = w.heads[slot] {
		w.unlink(t)
		w.link(t, w.slot(t.due))
	}
}

// earliest returns the slot whose time comes next and when it begins; -1 when
// all are empty. Overdue timers are in none.
func (w *Wheel[T]) earliest() (slot int, start int64) {
	for level := range levels {
		if occupied := w.occupied[level]; occupied != 0 {
			i := bits.TrailingZeros64(occupied)
			above := (level + 1) * slotBits
			return level*slots + i, w.now>>above<<above | int64(i)<<(level*slotBits)
		}
	}
	return -1, 0
}

// slot returns where a timer due at that time lies while now is what it is.
func (w *Wheel[T]) slot(due int64) int {
	level := (bits.Len64(uint64(due^w.now)|1) - 1) / slotBits
	return level*slots + int(due>>(level*slotBits))&(slots-1)
}

func (w *Wheel[T]) link(t *Timer[T], slot int) {
	if head := w.heads[slot]; head == nil {
		t.next, t.prev = t, t
		w.heads[slot] = t
		w.occupied[slot/slots] |= 1 << (slot % slots)
	} else {
		t.next, t.prev = head, head.prev
		head.prev.next, head.prev = t, t
	}
	t.place = uint16(slot + 1)
	w.count++
}

func (w *Wheel[T]) unlink(t *Timer[T]) {
	slot := int(t.place - 1)
	if t.next == t {
		w.heads[slot] = nil
		w.occupied[slot/slots] &^= 1 << (slot % slots)
	} else {
		t.prev.next, t.next.prev = t.next, t.prev
		if w.heads[slot] == t {
			w.heads[slot] = t.next
		}
	}
	t.next, t.prev, t.place = nil, nil, 0
	w.count--
}
