package engine

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

const (
	// readChunk is how many events one pass over the log looks at: enough that
	// the cost of an iterator does not show.
	readChunk = 512

	// readSpan is over how many positions of the log one pass goes at most. Most
	// of them can be those of other partitions: then it finds little, and other
	// lanes wait for it.
	readSpan = 1 << 17

	// A lane that was owed less than one in so many of them is sparse: it goes
	// on by the index of types. An event costs 0.4 µs in passing and 40 µs when
	// it is fetched alone, with the pack of 64 KiB that it lies in; where few
	// events come in and packs are small, 1 and 15.
	sparseBelow = 64
)

// readRequest asks for what a lane is owed after a position, or, with retries,
// for what waits in its part of the retry index.
type readRequest struct {
	lane *lane // only its p and key are used; the rest is the loop's
	want int

	after   wal.Pos
	recheck wal.Pos // up to here, leave out what has a row
	bytes   int64   // enough once the payloads found take so many

	retries bool
	inLine  bool // in the order of a fifo line
	from    int64
}

// readResult: the lane is owed found, and nothing else, after after up to upTo.
type readResult struct {
	lane  *lane
	after wal.Pos
	upTo  wal.Pos
	bytes int64 // the request's
	found []foundEvent
	err   error
}

type foundEvent struct {
	pos   wal.Pos
	event *event.Event
}

// loadResult: found begins with the earliest entry, due at first; rest is when
// the first one after them is due. Both are ledger.Forever if there is none. In
// a fifo line found begins with its head instead, and more says whether there is
// somebody behind them.
type loadResult struct {
	lane        *lane
	first, rest int64
	more        bool
	found       []ledger.Waiting
	err         error
}

// reader is a shard's access to the disk, in a goroutine of its own so that the
// loop never waits for it. Lanes that are behind at about the same place are
// served by one pass over the log, and each event is matched once for all.
//
// A lane that is owed next to nothing of what a pass has seen goes on from there
// by the index of types, as part of the same request. So nothing need be
// remembered of how much a lane is owed, nor can it be out of date: each request
// begins with the log and sees for itself. Such lanes take turns, one between
// two passes: they do not hold up the others, nor these them.
type reader struct {
	shard  *shard
	sparse []*taker // to be served from the index; only run touches it
	mu     struct {
		sync.Mutex
		requests []readRequest
	}
	wake chan struct{}
}

func (r *reader) request(q readRequest) {
	r.mu.Lock()
	r.mu.requests = append(r.mu.requests, q)
	r.mu.Unlock()
	signal(r.wake)
}

func (r *reader) run(quit <-chan struct{}) {
	for {
		if len(r.sparse) == 0 {
			select {
			case <-quit:
				return
			case <-r.wake:
			}
		}
		r.mu.Lock()
		requests := r.mu.requests
		r.mu.requests = nil
		r.mu.Unlock()
		r.serve(requests)
		if len(r.sparse) > 0 {
			r.seek(r.sparse[0])
			r.sparse = slices.Delete(r.sparse, 0, 1)
		}
	}
}

func (r *reader) serve(requests []readRequest) {
	var behind []readRequest
	for _, q := range requests {
		if q.retries {
			r.shard.loaded(r.load(q))
		} else {
			behind = append(behind, q)
		}
	}
	slices.SortFunc(behind, func(a, b readRequest) int {
		return cmp.Or(cmp.Compare(a.lane.p, b.lane.p), cmp.Compare(a.after, b.after))
	})
	for len(behind) > 0 {
		n := r.pass(behind)
		behind = behind[n:]
	}
}

func (r *reader) load(q readRequest) loadResult {
	res := loadResult{lane: q.lane, first: ledger.Forever, rest: ledger.Forever}
	if q.inLine {
		var line ledger.Line
		line, res.err = r.shard.engine.ledger.LineFrom(q.lane.p, q.lane.key, q.from, q.want)
		res.found, res.first, res.more = line.First, line.Due, line.More
		return res
	}
	res.found, res.err = r.shard.engine.ledger.WaitingFrom(q.lane.p, q.lane.key, q.from, q.want+1, nil)
	if len(res.found) > 0 {
		res.first = res.found[0].At
	}
	if len(res.found) > q.want {
		res.rest = res.found[q.want].At
		res.found = res.found[:q.want]
	}
	return res
}

// pass reads one chunk of the log, from where the first request is, and serves
// every request of its partition that begins within the chunk. It returns how
// many those are, at least one.
func (r *reader) pass(requests []readRequest) (served int) {
	l := r.shard.engine.ledger
	p := requests[0].lane.p
	applied := l.Applied(p) // read before the endpoints, so that these know of every change up to here
	end := min(applied, requests[0].after+readSpan)
	var takers []*taker
	join := func(at wal.Pos) {
		for served < len(requests) && requests[served].lane.p == p && requests[served].after < at {
			takers = append(takers, newTaker(l, requests[served]))
			served++
		}
	}
	seen, upTo := 0, end
	err := l.EventsAfter(p, requests[0].after, end, func(at wal.Pos, ev *event.Event) bool {
		join(at)
		seen++
		var kept *event.Event // one copy for all
		hungry := false
		for _, t := range takers {
			hungry = t.offer(l, at, ev, &kept) || hungry
		}
		if seen == readChunk || !hungry {
			upTo = at
			return false
		}
		return true
	})
	if upTo == end {
		join(end + 1)
	}
	for _, t := range takers {
		t.result.err = errors.Join(t.result.err, err)
		t.result.upTo = min(t.result.upTo, upTo)
		if t.end = applied; t.isSparse() {
			r.sparse = append(r.sparse, t)
		} else {
			r.shard.read(t.result)
		}
	}
	return served
}

// seek serves a lane from the index of types, from where the pass has ended.
func (r *reader) seek(t *taker) {
	l := r.shard.engine.ledger
	upTo, err := l.EventsFor(t.lane.p, t.endpoint, t.result.upTo, t.end, func(at wal.Pos, ev *event.Event) bool {
		return t.offer(l, at, ev, &ev)
	})
	t.result.upTo, t.result.err = upTo, errors.Join(t.result.err, err)
	r.shard.read(t.result)
}

// taker is a request that is being served.
type taker struct {
	readRequest
	endpoint *endpoint.Endpoint // nil = gone
	seen     int                // events that were offered
	end      wal.Pos            // the endpoint knows of every change up to here
	full     bool               // it has what it wants
	result   readResult
}

// isSparse reports whether the lane was owed so little that the index of types
// is the shorter way to more.
func (t *taker) isSparse() bool {
	return !t.full && t.endpoint != nil && t.result.err == nil && t.result.upTo < t.end &&
		t.seen >= readChunk/2 && len(t.result.found) < t.seen/sparseBelow
}

func newTaker(l *ledger.Ledger, q readRequest) *taker {
	e, _, _ := l.Lookup(q.lane.p, q.lane.key)
	return &taker{readRequest: q, endpoint: e, result: readResult{lane: q.lane, after: q.after, upTo: math.MaxUint64, bytes: q.bytes}}
}

// offer takes an event if the lane is owed it, and says whether it wants more.
func (t *taker) offer(l *ledger.Ledger, at wal.Pos, ev *event.Event, kept **event.Event) (more bool) {
	if t.endpoint == nil || t.full || t.result.err != nil {
		return false
	}
	t.seen++
	if t.endpoint.Organization != ev.Organization || t.endpoint.Owes(uint64(at), ev) != endpoint.Owed {
		return true
	}
	if at <= t.recheck {
		var started bool
		started, t.result.err = l.Started(t.lane.p, ledger.Ref{Endpoint: t.lane.key, Pos: at})
		if started || t.result.err != nil {
			return t.result.err == nil
		}
	}
	if *kept == nil {
		*kept = ev.Clone()
	}
	t.result.found = append(t.result.found, foundEvent{at, *kept})
	t.bytes -= int64(len(ev.Data))
	if len(t.result.found) == t.want || t.bytes <= 0 {
		t.full, t.result.upTo = true, at
	}
	return !t.full
}
