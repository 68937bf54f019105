package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
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
