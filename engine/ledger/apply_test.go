package ledger

import (
	"bytes"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
)

// BenchmarkApply applies 64 events of 1 KB that are owed to one endpoint, then
// the outcomes of their deliveries. One op is all of that.
func BenchmarkApply(b *testing.B) {
	const group = 64
	f := newFixture(b, 1)
	e := f.create("org_a", "ed_1", "a")
	part, at := f.parts[0], f.catchUp(0)
	f.end() // from here on the benchmark applies, and the log is not asked
	if err := <-f.ended; err != nil {
		b.Fatal(err)
	}
	ev := f.newEvent("org_a", "a")
	ev.Data = bytes.Repeat([]byte("x"), 1024)
	data := ev.Append(nil)
	apply := func(recs []wal.Rec) {
		if err := part.apply(recs); err != nil {
			b.Fatal(err)
		}
	}
	events, outcomes := make([]wal.Rec, group), make([]wal.Rec, group)
	b.ReportAllocs()
	for b.Loop() {
		for i := range group {
			at++
			events[i] = wal.Rec{Pos: at, At: startTime, Kind: wal.Event, ID: NewID(), Data: data}
			o := f.outcome(e, at, 1, delivery.Succeeded)
			outcomes[i] = wal.Rec{Pos: at + group, At: startTime, Kind: wal.Outcome, ID: NewID(), Data: o.Append(outcomes[i].Data[:0])}
		}
		at += group
		apply(events)
		apply(outcomes)
	}
	if got, want := f.lane(e).Rows[delivery.Succeeded], uint64(b.N*group); got != want {
		b.Errorf("got %d deliveries that succeeded, want %d", got, want)
	}
	if err := f.db.Close(); err != nil {
		b.Error(err)
	}
	f.log.Close()
}

// BenchmarkNewID makes the id of an event.
func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		NewID()
	}
}
