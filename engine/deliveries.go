package engine

import (
	"cmp"
	"context"
	"errors"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// RetryDelivery puts a delivery back in line, due at once, and lets it have one
// attempt more than it was meant to have. The error is ledger.ErrForbidden for
// one that has succeeded, and for one that stands in line anyway: never tried,
// due, or under way, which nobody can tell from due without asking the loop,
// and which a retry would not make any faster.
func (e *Engine) RetryDelivery(ctx context.Context, org string, id delivery.ID, audit ledger.Audit) error {
	at, err := e.locate(org, id)
	if err != nil {
		return err
	}
	now := e.now()
	if at.found && at.row.State == delivery.Retrying && at.row.Next <= now {
		return ledger.ErrForbidden
	}
	return e.command(ctx, at.command(org, ledger.Retry, now, audit))
}

// CancelDelivery ends a delivery that waits or was never tried. An attempt that
// is under way is not broken off: what comes of it is recorded, and a success
// counts. The error is ledger.ErrForbidden for a delivery that has ended.
func (e *Engine) CancelDelivery(ctx context.Context, org string, id delivery.ID, audit ledger.Audit) error {
	at, err := e.locate(org, id)
	if err != nil {
		return err
	}
	return e.command(ctx, at.command(org, ledger.Cancel, 0, audit))
}

// A command puts at most so many deliveries in line, so that no one's events
// wait long behind it.
const bulkChunk = 1000

// RetryFailed puts every delivery of an organization back in line that failed
// or was exhausted, and returns how many. Of an event that was replayed the last
// replay counts. A fifo endpoint gets no more than stand in its line at once;
// what is left stays as it is, for another call. After an error those that were
// counted are in line. The error is ledger.ErrBusy while another call does the
// same for the organization: a thousand callers make its line no longer than one.
func (e *Engine) RetryFailed(ctx context.Context, org string, audit ledger.Audit) (n int, err error) {
	if _, err := e.organization(org); err != nil {
		return 0, err
	}
	if _, already := e.retrying.LoadOrStore(org, true); already {
		return 0, ledger.ErrBusy
	}
	defer e.retrying.Delete(org)
	// The choice is that of a replay, but what it finds is not made anew.
	choice := &ledger.ReplayJob{Organization: org, States: givenUp, UpTo: e.ledger.Applied(e.ledger.PartitionOf(org)) + 1}
	for _, key := range e.ledger.EndpointKeys(org) {
		more, err := e.retryFailed(ctx, choice, key, audit)
		if n += more; err != nil {
			return n, err
		}
	}
	return n, nil
}

// givenUp are the states of what was not delivered and is not tried any more.
var givenUp = delivery.SetOf(delivery.Failed, delivery.Exhausted)

// retryFailed is RetryFailed for one endpoint.
func (e *Engine) retryFailed(ctx context.Context, choice *ledger.ReplayJob, key endpoint.Key, audit ledger.Audit) (n int, err error) {
	for from, more := wal.Pos(0), true; more; {
		to, lane, alive := e.ledger.Lookup(e.ledger.PartitionOf(choice.Organization), key)
		if !alive {
			break
		}
		room := roomInLine(to, &lane)
		if room == 0 {
			break
		}
		chosen, err := e.ledger.ChooseReplays(choice, key, from, room)
		if err != nil {
			return n, err
		}
		from, more = chosen.Next, chosen.Next != 0
		if len(chosen.Events) == 0 {
			continue
		}
		order := &ledger.Command{
			Audit: audit, Verb: ledger.RetryAll, Organization: choice.Organization, Endpoint: key, Events: chosen.Events, Due: e.now(),
		}
		if to.Ordering == endpoint.FIFO {
			order.Limit = bulkChunk
		}
		v, err := e.ledger.Command(ctx, order)
		if errors.Is(err, ledger.ErrNotFound) {
			break // deleted in the meantime
		}
		if n += v.Count; err != nil {
			return n, err
		}
	}
	return n, nil
}

// RetryFailedOf is RetryFailed for one event, each delivery as RetryDelivery does
// it. It returns their ids, in the order in which the endpoints were created.
// Deliveries to deleted endpoints stay as they are, and an event that retention
// took has none.
func (e *Engine) RetryFailedOf(ctx context.Context, org string, id event.ID, audit ledger.Audit) ([]delivery.ID, error) {
	var again []delivery.ID
	var last uint64 // endpoint; its newest delivery comes first
	page := ledger.Page{Limit: bulkChunk}
	for {
		list, err := e.ledger.Deliveries(org, ledger.DeliveryFilter{Event: id}, page)
		if err != nil {
			return again, err
		}
		for _, d := range list.Items {
			replayed := d.ID.Endpoint == last
			last = d.ID.Endpoint
			if replayed || !givenUp.Has(d.State) {
				continue
			}
			switch err := e.RetryDelivery(ctx, org, d.ID, audit); {
			case err == nil:
				again = append(again, d.ID)
			case errors.Is(err, ledger.ErrForbidden), errors.Is(err, ledger.ErrNotFound):
				// somebody or retention was faster, or the endpoint is deleted
			default:
				return again, err
			}
		}
		if page.After = list.After; page.After == nil {
			return again, nil
		}
	}
}

// roomInLine is how many deliveries of the past an endpoint is given at once. A
// fifo line is put in order in memory, and has to fit in there.
func roomInLine(to *endpoint.Endpoint, known *ledger.Lane) int {
	if to.Ordering != endpoint.FIFO {
		return bulkChunk
	}
	return bulkChunk - int(min(known.Waiting(), bulkChunk))
}

// located is a delivery that exists, with a row or without.
type located struct {
	ledger.Ref
	event event.ID
	row   delivery.Row
	found bool // it has a row
}

func (d *located) command(org string, verb ledger.Verb, due int64, audit ledger.Audit) *ledger.Command {
	return &ledger.Command{
		Audit: audit, Verb: verb, Organization: org,
		Endpoint: d.Endpoint, Event: d.Pos, EventID: d.event, Replay: d.Replay, Due: due,
	}
}

// locate finds a delivery by its id, which can be made up: it exists if it has
// a row, or if its endpoint is owed its event. What waited for an endpoint that
// was deleted has ended with it: ledger.ErrForbidden.
func (e *Engine) locate(org string, id delivery.ID) (d located, err error) {
	to, found := e.ledger.FindAlias(org, endpoint.Alias(id.Endpoint))
	if !found {
		return d, ledger.ErrNotFound
	}
	at, found, err := e.ledger.FindEvent(org, id.Event)
	if err != nil {
		return d, err
	}
	if !found {
		return d, ledger.ErrNotFound
	}
	d = located{Ref: ledger.Ref{Endpoint: to.Key, Pos: at, Replay: id.Replay}, event: id.Event}
	p := e.ledger.PartitionOf(org)
	if d.row, d.found, err = e.ledger.Row(p, d.Ref); err != nil {
		return d, err
	}
	if !d.found {
		owed, err := e.owes(p, to, d.Ref)
		if err != nil {
			return d, err
		}
		if !owed {
			return d, ledger.ErrNotFound
		}
	}
	if to.DeletedAt != 0 {
		return d, ledger.ErrForbidden
	}
	return d, nil
}

// owes reports whether a delivery without a row exists nevertheless.
func (e *Engine) owes(p int, to *endpoint.Endpoint, ref ledger.Ref) (bool, error) {
	if ref.Replay != 0 {
		return false, nil // a replay begins with a row
	}
	ev, err := e.ledger.EventAt(p, ref.Pos)
	if errors.Is(err, wal.ErrNotFound) {
		return false, nil
	}
	return err == nil && to.Owes(uint64(ref.Pos), ev) == endpoint.Owed, err
}

// TestEndpoint sends an event to one endpoint alone, whatever it subscribes to,
// and returns the id of the delivery, which names the event. Of ev it takes
// what a producer could give: Type (default "hookwheel.test"), Data (valid
// JSON, default {}) and so on, but no idempotency key. Source is event.Test
// unless it is event.Ping. The error is ledger.ErrForbidden for a disabled
// endpoint, or *InvalidError; to a paused one it is sent once it is resumed.
func (e *Engine) TestEndpoint(ctx context.Context, org, id string, ev *event.Event) (delivery.ID, error) {
	to, err := e.endpoint(org, id)
	if err != nil {
		return delivery.ID{}, err
	}
	if !to.Enabled() {
		return delivery.ID{}, ledger.ErrForbidden
	}
	ev.ID, ev.Organization, ev.Livemode, ev.Target = ledger.NewID(), org, to.Livemode, uint64(to.Key)
	ev.Idempotency = event.Idempotency{}
	ev.Type = cmp.Or(ev.Type, "hookwheel.test")
	if len(ev.Data) == 0 {
		ev.Data = []byte("{}")
	}
	if ev.Source != event.Ping {
		ev.Source = event.Test
	}
	if faults := ev.Validate(); len(faults) > 0 {
		return delivery.ID{}, &InvalidError{Fields: faults}
	}
	var room [1]ledger.Verdict
	verdicts, err := e.Post(ctx, []*event.Event{ev}, false, room[:0])
	switch {
	case err != nil:
		return delivery.ID{}, err
	case verdicts[0].Matched == 0: // disabled or deleted in between
		return delivery.ID{}, ledger.ErrForbidden
	}
	return delivery.ID{Event: ev.ID, Endpoint: uint64(to.Alias)}, nil
}
