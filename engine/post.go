package engine

import (
	"context"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// Post makes events of one organization durable, all or none, and appends to
// dst what became of each. It is ledger.Ledger.Post, counted; the same errors
// and the same rules of ownership apply. It allocates nothing of its own.
func (e *Engine) Post(ctx context.Context, events []*event.Event, withEndpoints bool, dst []ledger.Verdict) ([]ledger.Verdict, error) {
	before := len(dst)
	dst, err := e.ledger.Post(ctx, events, withEndpoints, dst)
	if err != nil {
		e.metrics.refused(err, len(events))
		return dst, err
	}
	var bytes, duplicates int
	for i := range events {
		if dst[before+i].Duplicate {
			duplicates++
		} else {
			bytes += events[i].Size()
		}
	}
	e.metrics.accepted.Add(len(events) - duplicates)
	e.metrics.acceptedBytes.Add(bytes)
	e.metrics.duplicates.Add(duplicates)
	return dst, nil
}
