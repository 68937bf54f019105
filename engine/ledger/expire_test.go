package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

func (f *fixture) expire(before wal.Pos) {
	f.t.Helper()
	_, err := f.Command(f.ctx(), &Command{Verb: Expire, Organization: "org_a", Before: before})
	f.mustDo(err)
}

// count is the number of rows of a table of partition 0.
func (f *fixture) count(table byte) (n int) {
	f.t.Helper()
	f.mustDo(f.walk(f.parts[0].key(table), f.parts[0].key(table+1), func(_, _ []byte) error { n++; return nil }))
	return n
}

// G2: what retention takes while it is owed is counted.
func TestExpireCountsWhatWasOwed(t *testing.T) {
	f := newLedger(t, 1)
	e, idle := f.create("org_a", "ed_1"), f.create("org_a", "ed_2", "never")
	deleted := f.create("org_a", "ed_3")
	var at []wal.Pos
	for range 8 {
		at = append(at, f.postType("org_a", "a"))
		f.clock.Add(120_000)
	}
	f.mustDo(f.command(deleted, Delete))
	last := f.postType("org_a", "a")
	f.settle(e, at[0], 1, delivery.Succeeded)
	f.settle(e, at[1], 1, delivery.Retrying)
	f.settle(e, at[2], 1, delivery.Exhausted)
	f.settle(e, at[2], 2, delivery.Exhausted) // late, so that it has a row of its own
	f.settle(e, at[7], 1, delivery.Retrying)

	f.expire(at[5])
	for _, crash := range []bool{false, true} {
		lane := f.lane(e)
		check(t, "expired: a retry and two that were never tried", lane.Expired, uint64(3))
		check(t, "skipped", lane.Skipped, uint64(2))
		check(t, "backlog", lane.Backlog(), uint64(3))
		check(t, "first expired", lane.FirstExpired != 0 && lane.FirstExpired <= lane.LastExpired, true)
		check(t, "waiting", len(f.waiting(e)), 1)
		check(t, "expired of one that was owed nothing", f.lane(idle).Expired, uint64(0))
		check(t, "deliveries", f.count(tableDelivery), 1)
		check(t, "attempts", f.count(tableAttempt), 0)
		check(t, "listed", f.count(tableTerminal), 0)
		check(t, "events by type", f.count(tableByType), 4)
		check(t, "events", f.count(tableEvent), 4)
		check(t, "the deleted endpoint is known", f.now("org_a", "ed_3") != nil, true)
		f.restart(crash)
	}
	state := f.hash(0)
	f.settle(e, at[3], 1, delivery.Retrying) // was under way
	check(t, "rows of what is gone", f.count(tableDelivery), 1)
	f.settle(e, at[1], 2, delivery.Retrying)
	f.expire(at[5])
	f.expire(at[2])
	check(t, "state after late outcomes and expiries of what is gone", f.hash(0), state)

	f.expire(last)
	check(t, "the deleted endpoint is known", f.now("org_a", "ed_3") != nil, false)
	check(t, "expired", f.lane(e).Expired, uint64(6))
	check(t, "backlog", f.lane(e).Backlog(), uint64(1))
	f.restart(true)
	check(t, "backlog", f.lane(e).Backlog(), uint64(1))
}

// A retention by size takes young events: what it leaves must stay findable.
func TestExpireKeepsEventsAfterTheCut(t *testing.T) { // G11
	f := newLedger(t, 1)
	ev := f.newEvent("org_a", "a")
	f.post(ev)
	f.clock.Add(7_200_000)
	cut := f.postType("org_a", "a")
	kept := f.newEvent("org_a", "a")
	f.post(kept)
	f.clock.Add(7_200_000)
	_, err := f.Command(t.Context(), &Command{Verb: Expire, Organization: "org_a", Before: cut, BeforeTime: f.clock.Load()})
	f.mustDo(err)
	for id, want := range map[event.ID]bool{ev.ID: false, kept.ID: true} {
		_, found, err := f.parts[0].eventRow("org_a", id)
		f.mustDo(err)
		check(t, "found", found, want)
	}
}

// The log's time never goes back, so after a clock was set back what comes in has
// the time of before. Its id would be older than it is, and go with what is.
func TestExpireAfterTheClockWasSetBack(t *testing.T) { // G11
	f := newLedger(t, 1)
	f.clock.Add(365 * 86_400_000)
	cut := f.postType("org_a", "a")
	f.clock.Add(-365 * 86_400_000)
	var kept []event.ID
	for range 2 {
		ev := f.newEvent("org_a", "a")
		f.post(ev)
		kept = append(kept, ev.ID)
		f.restart(true)
	}
	f.expire(cut)
	for _, id := range kept {
		_, found, err := f.Event("org_a", id)
		f.mustDo(err)
		check(t, "found", found, true)
	}
}

func TestExpirePrunesSpans(t *testing.T) {
	f := newLedger(t, 1)
	f.create("org_a", "ed_1", "a")
	f.mustDo(f.change(f.now("org_a", "ed_1").Version, wanted("org_a", "ed_1", "b")))
	at := f.postType("org_a", "a")
	f.mustDo(f.change(f.now("org_a", "ed_1").Version, wanted("org_a", "ed_1", "c")))
	version := f.now("org_a", "ed_1").Version
	f.expire(at)
	for range 2 {
		e := f.now("org_a", "ed_1")
		check(t, "spans", len(e.Spans), 2)
		check(t, "version", e.Version, version)
		check(t, "types then", e.SpanAt(uint64(at)).EventTypes[0], "b")
		f.restart(true)
	}
}

func TestErase(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	other := f.create("org_b", "ed_2")
	v := f.post(withKey(f.newEvent("org_a", "a"), "k", 1, 1<<40))
	f.settle(e, v.Pos, 1, delivery.Retrying)
	kept := f.post(withKey(f.newEvent("org_b", "a"), "k", 1, 1<<40))
	f.settle(other, kept.Pos, 1, delivery.Retrying)

	erased := &recorder{}
	f.stop()
	f.db = openDB(t, f.fs.FS, "/db")
	l, err := Open(Options{Log: f.log, DB: f.db, Logger: quiet, Follower: erased})
	f.mustDo(err)
	f.run(l)
	_, err = f.Command(t.Context(), &Command{Verb: Erase, Organization: "org_a"})
	f.mustDo(err)
	check(t, "endpoints that the follower was told of", len(erased.endpoints), 1)
	check(t, "told to be deleted at", erased.endpoints[0].DeletedAt, int64(startTime))
	check(t, "enabled", erased.endpoints[0].Enabled(), false)
	check(t, "owed an event from before", erased.endpoints[0].Owes(uint64(v.Pos), &event.Event{Type: "a"}), endpoint.Owed)

	owner, err := f.log.Claim(t.Context(), 0)
	f.mustDo(err)
	f.mustDo(owner.Erase(t.Context(), v.Pos))
	for _, crash := range []bool{false, true} {
		check(t, "endpoint is known", f.now("org_a", "ed_1") != nil, false)
		for table, want := range map[byte]int{tableEvent: 1, tableByType: 1, tableIdempotency: 1, tableDelivery: 1, tableRetry: 1, tableLane: 1, tableObject: 1} {
			check(t, fmt.Sprintf("rows of table %d", table), f.count(table), want)
		}
		_, err = f.EventAt(0, v.Pos)
		checkErr(t, "read the event", err, wal.ErrNotFound)
		seen := 0
		f.mustDo(f.EventsAfter(0, 0, f.Applied(0), func(wal.Pos, *event.Event) bool { seen++; return true }))
		check(t, "events in the log", seen, 1)
		check(t, "backlog of another organization", f.lane(other).Waiting(), uint64(1))
		f.restart(crash)
	}
	replay(t, f, 7) // without the data; fails if it takes that for damage
}

// recorder is a follower that keeps what it is told of endpoints.
type recorder struct{ endpoints []*endpoint.Endpoint }

func (r *recorder) Applied(_ int, what *Applied) {
	r.endpoints = append(r.endpoints, what.Endpoints...)
}

// The ledger stops for good, and says so to everyone who waits, when it meets a
// record that it cannot read (G10).
func TestDamagedRecordStops(t *testing.T) {
	f := newFixture(t, 1)
	done := make(chan error, 1)
	f.log.Submit(0, []wal.Rec{{Kind: wal.Event, Data: []byte{99}}}, func(err error) { done <- err })
	f.mustDo(<-done)
	err := <-f.ended
	checkErr(t, "run", err, event.ErrDamaged)
	checkErr(t, "failed", f.Failed(), event.ErrDamaged)
	_, err = f.Post(t.Context(), []*event.Event{f.newEvent("org_a", "a")}, false, nil)
	checkErr(t, "post", err, ErrStopped)
	f.mustDo(errors.Join(f.db.Close(), f.log.Close()))
}
