package engine

import (
	"time"

	"github.com/hookwheel/hookwheel/engine/ledger"
)

// Deliveries that are due are read from the index this many at a time; a fifo
// lane, for which all that wait are looked at, takes more of them.
const (
	loadChunk     = 64
	loadChunkFIFO = 1024
)

// A lane that is behind reads at most so many bytes of payload at a time, and
// one event at least: much while there is room in memory, else only what it
// needs to go on.
const (
	readMuch   = 1 << 20
	readLittle = 64 << 10
)

// A lane that has had nothing to do for so long is forgotten.
const idleAfter = 30_000 // ms

// pump does all that the lane can do now: it fills the ring, starts delivery
// goroutines, asks the reader for more, and sets the timer for what has to
// wait. It never blocks.
func (l *lane) pump(now int64) {
	s := l.settings.Load()
	if l.forgotten || !s.Sends() || l.shard.stopping {
		l.shard.wheel.Stop(&l.timer)
		return
	}
	if until := l.heldUntil(now); until > now {
		l.takeBack() // what is ready must not start either
		l.arm(until)
		return
	}
	limit := l.breaker.Limit(l.window.Limit(s.maxInFlight))
	room := l.room(s, limit)
	var ready []*attempt
	wake := int64(ledger.Forever)
	for len(ready) < room {
		a, due := l.next(s, now)
		if a == nil {
			wake = due
			break
		}
		if wait := l.reserve(now); wait > 0 {
			l.putBack(a)
			wake = now + wait
			break
		}
		l.launch(a)
		ready = append(ready, a)
	}
	start, hungry := l.ring.fill(ready, limit, &l.shard.engine.slots, func() { l.shard.starve(l) })
	for range start {
		l.shard.engine.deliveries.Add(1)
		go l.deliver()
	}
	l.ask(s, now, len(ready) < room)
	if hungry { // it is told of slots, but not of one that was left to somebody who went away
		wake = min(wake, now+slotTurn.Milliseconds())
	}
	if l.nextDue > now { // otherwise it is being read, or waits its turn behind what was
		wake = min(wake, l.nextDue)
	}
	l.rest(now, wake)
}

// heldUntil is when the lane may start something, if nothing else is in the way.
func (l *lane) heldUntil(now int64) int64 {
	until := max(l.hold, l.shard.outboxes[l.p].blockedUntil(now))
	if ok, at := l.breaker.Allows(now); !ok {
		until = max(until, at)
	}
	return until
}

// room is how many attempts more to put into the ring. A second helping of the
// limit is kept ready so that no goroutine waits for the loop; but not while the
// lane stands still, nor with a rate limit, whose tokens are for attempts that
// start now; an attempt of a lane that fails goes alone, and so does the head of
// a fifo line.
func (l *lane) room(s *settings, limit int) int {
	ready, running := l.ring.load()
	switch {
	case s.fifo():
		if len(l.open) > len(l.due) {
			return 0 // until apply has settled it
		}
		return 1 - ready - running
	case l.breaker.Alone():
		return 1 - ready - running
	case l.still, l.limiter != nil:
		return limit - ready - running
	}
	return limit - ready
}

// next takes the attempt whose turn it is; or says when to ask again.
func (l *lane) next(s *settings, now int64) (a *attempt, due int64) {
	if s.fifo() {
		return l.head(now)
	}
	l.turn = !l.turn
	if len(l.due) > 0 && (l.turn || len(l.queue) == 0) {
		return l.popDue(), 0
	}
	return l.dequeue(), ledger.Forever
}

// head is the first in a fifo line: the delivery with the smallest place, be it
// an event or one that failed. If that one is not due, the line waits for it.
func (l *lane) head(now int64) (a *attempt, due int64) {
	if l.nextDue != ledger.Forever || l.loading {
		return nil, ledger.Forever // first see who else stands in line, see ask
	}
	if len(l.due) == 0 {
		return l.dequeue(), ledger.Forever
	}
	first := l.due[0]
	if len(l.queue) > 0 && l.queue[0].Pos < first.place || len(l.queue) == 0 && l.behind && l.scan < first.place {
		return l.dequeue(), ledger.Forever
	}
	if l.waits(first.due, now) {
		return nil, first.due
	}
	return l.popDue(), 0
}

func (l *lane) popDue() *attempt {
	a := l.due[0]
	l.due[0] = nil
	l.due = l.due[1:]
	l.shard.engine.metrics.due.Dec()
	return a
}

func (l *lane) dequeue() *attempt {
	if len(l.queue) == 0 {
		return nil
	}
	a := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return a
}

// ask sends the reader for what the lane needs soon; short says that it could
// not make ready as much as there is room for.
func (l *lane) ask(s *settings, now int64, short bool) {
	room, bytes := l.shard.engine.memory.has(), int64(readLittle)
	if room {
		bytes = readMuch
	}
	hungry := len(l.queue) == 0 || room && len(l.queue) <= l.appetite()/4
	if l.still {
		hungry = short && len(l.queue) == 0
	}
	if l.behind && !l.reading && hungry {
		l.reading, l.overtaken = true, false
		l.shard.engine.memory.take(bytes) // until it is known what was found
		l.shard.reader.request(readRequest{lane: l, after: l.scan, recheck: l.recheck, want: l.appetite(), bytes: bytes})
	}
	chunk, wanted := loadChunk, l.nextDue <= now && len(l.due) == 0
	if s.fifo() {
		chunk, wanted = loadChunkFIFO, l.nextDue != ledger.Forever || l.more && len(l.due) == 0
	}
	if wanted && !l.loading {
		l.loading, l.arrived = true, ledger.Forever
		// What is open is still in the index, and must not hide what follows.
		l.shard.reader.request(readRequest{lane: l, retries: true, inLine: s.fifo(), from: l.low, want: chunk + len(l.open)})
	}
}

// rest sets the timer for the next thing to do, or counts the time in which
// there is nothing.
func (l *lane) rest(now, wake int64) {
	if !l.idle(now) {
		if l.idleSince != 0 { // until now it had nothing to do
			l.moved, l.idleSince = now, 0
		}
		if wake == ledger.Forever {
			l.shard.wheel.Stop(&l.timer)
		} else {
			l.arm(max(wake, now+1))
		}
		return
	}
	if l.idleSince == 0 || l.owesPause(now) {
		l.idleSince = now
	}
	if now >= l.idleSince+idleAfter {
		l.shard.forget(l)
		return
	}
	l.arm(l.idleSince + idleAfter) // what it was touched for may have taken the timer
}

func (l *lane) arm(at int64) { l.shard.wheel.Set(&l.timer, at) }

// reserve takes a token of the rate limit, or says in how many ms there is one.
func (l *lane) reserve(now int64) (wait int64) {
	if l.limiter == nil {
		return 0
	}
	at := time.UnixMilli(now)
	r := l.limiter.ReserveN(at, 1)
	if !r.OK() {
		return 1000
	}
	if delay := r.DelayFrom(at); delay > 0 {
		r.CancelAt(at)
		return delay.Milliseconds() + 1
	}
	return 0
}
