package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// G4: a lane that is owed next to nothing gets to the end of the log in one turn
// after the first pass, however far that is, and one that is owed more does not
// go that way.
func TestSparseLanesGoByType(t *testing.T) {
	r := newRig(t, nil)
	defer r.stop()
	owed := []int{0, 1, readChunk / sparseBelow / 2, 2 * readChunk / sparseBelow, readChunk}
	var lanes []*endpoint.Endpoint
	for i := range owed {
		lanes = append(lanes, r.endpoint(fmt.Sprint(i), func(e *endpoint.Endpoint) { e.Spans[0].EventTypes = []string{fmt.Sprintf("type_%d.*", i)} }))
		r.verb(ledger.Pause, lanes[i])
	}
	p := r.ledger.PartitionOf(org)
	began := r.ledger.Applied(p)
	for range 4 { // so many of each type among as many events as a pass looks at
		var events []*event.Event
		for i, n := range owed {
			for range n {
				events = append(events, &event.Event{ID: ledger.NewID(), Organization: org, Type: fmt.Sprintf("type_%d.x", i), Data: []byte("1")})
			}
		}
		if _, err := r.ledger.Post(context.Background(), events[:readChunk], false, nil); err != nil {
			t.Fatal(err)
		}
	}
	end := r.ledger.Applied(p)

	for i, e := range lanes {
		rd := &reader{shard: &shard{engine: r.Engine}}
		rd.shard.inbox.wake = make(chan struct{}, 1)
		rd.serve([]readRequest{{lane: &lane{p: p, key: e.Key}, after: began, want: readChunk, bytes: readMuch}})
		sparse := owed[i] < readChunk/sparseBelow
		r.want(fmt.Sprintf("owed %d of %d: goes by type", owed[i], readChunk), len(rd.sparse) == 1, sparse)
		if !sparse {
			continue
		}
		rd.seek(rd.sparse[0])
		got := rd.shard.inbox.read[0]
		r.want(fmt.Sprintf("owed %d: error", owed[i]), got.err, nil)
		r.want(fmt.Sprintf("owed %d: events found", owed[i]), len(got.found), 4*owed[i])
		r.want(fmt.Sprintf("owed %d: read to the end", owed[i]), got.upTo, end)
	}
}

// G4: where most of the log is of other partitions, a lane that reads on there
// does not hold up the others for long: it gets no further than so far in one
// turn.
func TestPassesAreShort(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills the log")
	}
	r := newRig(t, nil)
	defer r.stop()
	e := r.endpoint("a", nil)
	r.verb(ledger.Pause, e)
	p := r.ledger.PartitionOf(org)
	elsewhere := "other"
	for n := 0; r.ledger.PartitionOf(elsewhere) == p; n++ {
		elsewhere = fmt.Sprint("other", n)
	}
	post := func(org string, n int) wal.Pos {
		events := make([]*event.Event, n)
		for i := range events {
			events[i] = &event.Event{ID: ledger.NewID(), Organization: org, Type: "a.b", Data: []byte("1")}
		}
		verdicts, err := r.ledger.Post(context.Background(), events, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		return verdicts[n-1].Pos
	}
	began := r.ledger.Applied(p)
	for end := began; end <= began+readSpan; end = post(elsewhere, 5000) {
	}
	last := post(org, 1)

	rd := &reader{shard: &shard{engine: r.Engine}}
	rd.shard.inbox.wake = make(chan struct{}, 1)
	read := func(after wal.Pos) readResult {
		rd.serve([]readRequest{{lane: &lane{p: p, key: e.Key}, after: after, want: readChunk, bytes: readMuch}})
		results := rd.shard.inbox.read
		return results[len(results)-1]
	}
	first := read(began)
	r.want("the first pass: read to", first.upTo, began+readSpan)
	r.want("the first pass: events found", len(first.found), 0)
	second := read(first.upTo)
	r.want("the second pass: read to", second.upTo, last)
	r.want("the second pass: events found", len(second.found), 1)
}
