package wal

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// groupBytes is when a group is closed. Larger ones gain nothing (128 records
// of 1 KB already cost 2.6 µs each) and make the first in them wait.
const groupBytes = 1 << 20

// committer turns submissions into durable packs.
//
// # The problem
//
// An fsync takes 0.1–5 ms, whatever it covers. So it has to cover many appends,
// without anyone waiting for a group to fill. And whoever reads the log must
// see one order, see it without holes, and see nothing that a crash can take
// back while the writer was told that it is safe.
//
// # Invariants
//
//  1. One goroutine (run) gives positions, writes packs and publishes them. So
//     positions become visible in their own order; with two writers, a reader
//     could pass a position that appears behind it later.
//  2. Nothing is published or acknowledged before Commit has returned, because
//     Pebble shows a batch to readers before it is synced.
//  3. Acknowledged means synced (in Sync mode Always), except for groups of
//     Outcome records only: those are published when written, and synced with
//     the next group or after OutcomeSync. One WAL in sequence makes every sync
//     cover all that came before, so a crash takes a suffix, and no event ever
//     disappears from between two outcomes.
//  4. A position that was published is never given to another record, not even
//     after a crash (see state).
//  5. The log's other writes (trim, absorb, erase, claim) are jobs in the same
//     queue: they have a place in the order and need no lock.
//
// # The way of a group
//
//	take      everything that waits, up to groupBytes; while the disk syncs one
//	          group the next one gathers, which is all the batching there is
//	encode    by partition: positions, times, packs of their own memory
//	commit    one batch, synced if the group holds more than outcomes
//	publish   the watermark and the records, to the tails, under one lock
//	answer    done of every submission, from this goroutine
//
// # Tried elsewhere and left out
//
// Overlapping the encoding of a group with the sync of the one before gains 15 %
// at 256 writers and loses 7 % at 64. A minimum interval between syncs costs a
// third. Several committers would break invariant 1.
type committer struct {
	s       *Store
	batch   *kv.Batch
	state   *state
	next    Pos // the position of the next record
	saveAt  Pos // the state row is due when next gets there
	stopped chan struct{}

	dropped [2]dropped  // what was deleted of the event range and the other one
	dropDue *time.Timer // set while that is to be deleted once more

	recs []Rec  // the group's records, by partition
	runs []run  // where in recs each partition's are
	pack []*Rec // scratch: those of the pack to write
	key  []byte // scratch

	unsynced time.Time   // since when something is; zero if nothing
	syncDue  *time.Timer // set while unsynced is, if the mode sets a delay
}

// dropAgain is how long after a range was last deleted that is done once more.
// When Pebble learns of a deletion, it removes the tables below as files, but not
// those that it is compacting, and does not come back to them: 49 MiB of 258
// stayed for as long as nothing else was written. By then that is over.
const dropAgain = 30 * time.Second

// dropped is the front of a range that was deleted.
type dropped struct {
	upTo Pos
	end  []byte // the key of the first pack that was left
}

// run is the part of a group that belongs to one partition.
type run struct {
	p    int
	recs []Rec
}

// newCommitter makes the committer of a log that goes on at position next, and
// reserves positions.
func newCommitter(s *Store, st *state, next Pos) *committer {
	c := &committer{s: s, batch: s.db.LargeBatch(4 * groupBytes), state: st, next: next, stopped: make(chan struct{})}
	c.syncDue, c.dropDue = time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	c.syncDue.Stop()
	c.dropDue.Stop()
	c.saveState()
	must(c.batch.Commit(true))
	c.batch.Reset()
	return c
}

// run works until the queue is closed and empty, and leaves everything synced.
func (c *committer) run() {
	defer close(c.stopped)
	for {
		group, open := c.s.queue.take(groupBytes)
		switch {
		case len(group) > 0:
			c.commit(group)
		case open:
			c.wait()
		default:
			c.saveState()
			c.write(0, true)
			c.batch.Close()
			return
		}
	}
}

// wait sleeps until something was submitted, and in the meantime syncs what must
// not stay unsynced for longer, and deletes once more what was deleted.
func (c *committer) wait() {
	select {
	case <-c.s.queue.wake:
	case <-c.syncDue.C:
		c.s.queue.startWriting() // so that a disk that hangs is noticed
		c.s.db.Sync()
		c.s.queue.endWriting()
		c.setSynced()
	case <-c.dropDue.C:
		for i, d := range c.dropped {
			if d.end != nil {
				c.batch.DeleteRange(kv.Key{eventRange + byte(i)}, d.end)
			}
		}
		c.s.queue.startWriting()
		c.write(0, false)
		c.s.queue.endWriting()
	}
}

// commit takes one group through to its answers.
func (c *committer) commit(group []submission) {
	sync := c.encode(group)
	c.s.queue.startWriting()
	if !c.batch.Empty() {
		c.write(len(group), sync || c.syncOverdue())
	}
	idle := c.s.feeds.publish(&c.s.published, c.state.end, c.runs)
	c.s.queue.release(idle)
	clear(c.recs) // let go of Data and Local
	clear(c.runs)
	c.recs, c.runs = c.recs[:0], c.runs[:0]

	now := time.Now()
	written := c.s.queue.endWriting()
	for _, s := range written {
		if s.done == nil {
			continue // its deadline has passed
		}
		if s.err == nil && s.job == nil {
			c.s.opts.Observer.Append(now.Sub(s.since))
		}
		s.done(s.err)
	}
	clear(written)

	// Those just answered often have the next record ready. Letting them run
	// before the next group is taken makes it larger: 65 % more records a second
	// with 8 writers on two cores, 25 % with 64.
	runtime.Gosched()
}

// encode gives the group's records their positions and times, puts their packs
// and what its jobs write into the batch, and says whether that must be synced.
//
// Submissions are sorted by partition, those of one stay in order. So each
// partition's positions in the group are adjacent, and packs do not overlap.
func (c *committer) encode(group []submission) (sync bool) {
	slices.SortStableFunc(group, func(a, b submission) int { return cmp.Compare(a.p, b.p) })
	save := false
	now := max(c.s.opts.Now().UnixMilli(), c.state.at)
	total := 0
	for i := range group {
		total += len(group[i].recs)
	}
	c.recs = slices.Grow(c.recs, total) // runs point into it
	for i := range group {
		s := &group[i]
		switch {
		case s.err != nil:
		case s.job != nil:
			s.err = s.job()
			save = true
		default:
			sync = c.add(s, now) || sync
		}
	}
	for _, r := range c.runs {
		c.addPacks(eventRange, r)
		c.addPacks(otherRange, r)
	}
	if save || c.next >= c.saveAt {
		c.saveState()
		return true
	}
	return sync && c.s.opts.Sync == Always
}

// add appends the records of one submission to the group.
func (c *committer) add(s *submission, now int64) (sync bool) {
	start := len(c.recs)
	for _, r := range s.recs {
		r.Pos, r.At = c.next, now
		c.next++
		c.recs = append(c.recs, r)
		c.state.note(s.p, &r)
		sync = sync || r.Kind != Outcome
	}
	if n := len(c.runs); n > 0 && c.runs[n-1].p == s.p {
		c.runs[n-1].recs = c.recs[start-len(c.runs[n-1].recs):]
	} else if len(s.recs) > 0 {
		c.runs = append(c.runs, run{p: s.p, recs: c.recs[start:]})
	}
	return sync
}

// addPacks puts those records of a run that belong into a range into the batch.
func (c *committer) addPacks(rng byte, r run) {
	size := 0
	flush := func() {
		if len(c.pack) > 0 {
			c.key = packKey(c.key[:0], rng, c.pack[0].Pos, r.p)
			c.batch.Set(c.key, encodePack(c.key, c.pack))
			c.pack, size = c.pack[:0], 0
		}
	}
	for i := range r.recs {
		rec := &r.recs[i]
		if rangeOf(rec.Kind) != rng {
			continue
		}
		if size+recSize(rec) > maxPack {
			flush()
		}
		c.pack = append(c.pack, rec)
		size += recSize(rec)
	}
	flush()
}

// saveState puts the state into the batch and reserves positions ahead. The
// batch must then be synced before it is published.
func (c *committer) saveState() {
	c.saveAt = c.next + stateInterval
	c.state.ceiling = c.saveAt + stateInterval
	c.batch.Set(stateKey, c.state.encode())
}

// write commits the batch.
func (c *committer) write(submissions int, sync bool) {
	g := Group{Submissions: submissions, Records: len(c.recs), Bytes: c.batch.Len(), Synced: sync}
	start := time.Now()
	must(c.batch.Commit(false))
	g.Commit = time.Since(start)
	c.batch.Reset()
	c.s.opts.Observer.Group(g)
	c.s.keeper.kick() // there is less space, synced or not
	if sync {
		c.setSynced()
		return
	}
	if c.unsynced.IsZero() {
		c.unsynced = time.Now()
		if d := c.s.opts.syncDelay(); d >= 0 {
			c.syncDue.Reset(d)
		}
	}
}

// setSynced notes that all that was written is durable.
func (c *committer) setSynced() {
	c.unsynced = time.Time{}
	c.syncDue.Stop()
	c.s.synced.Store(uint64(c.state.end))
	c.s.keeper.kick()
}

// syncOverdue says whether the group that is about to be written should take
// along what has been unsynced for long enough. (The timer alone would never
// come to its turn while groups follow each other.)
func (c *committer) syncOverdue() bool {
	d := c.s.opts.syncDelay()
	return !c.unsynced.IsZero() && d >= 0 && time.Since(c.unsynced) >= d
}

func must(err error) {
	if err != nil {
		panic("BUG: log: " + err.Error())
	}
}
