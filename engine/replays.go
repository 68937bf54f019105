package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// Bounds of replays.
const (
	MaxRunningReplays  = 10   // of one organization at a time
	MaxReplayEndpoints = 1000 // that one replay names

	// When it has looked at so many events, the count of what a filter chooses
	// ends.
	maxCounted = 10_000
)

// StartReplay begins to make new deliveries of past events, chosen by the
// filter of spec: EndpointIDs, States (none = failed and exhausted), Types,
// From and To, and no faster than Rate. It goes on by itself, over restarts,
// until nothing is left or the job is canceled; the Replay* methods of
// ledger.Ledger show how far it is. The error may be *InvalidError, or
// ledger.ErrBusy if MaxRunningReplays are running.
func (e *Engine) StartReplay(ctx context.Context, org string, spec *ledger.ReplayJob, audit ledger.Audit) (*ledger.ReplayJob, error) {
	job, err := e.PlanReplay(org, spec)
	if err != nil {
		return nil, err
	}
	job.ID = ledger.NewID()
	if _, err := e.ledger.Command(ctx, &ledger.Command{
		Audit: audit, Verb: ledger.StartReplay, Organization: org, Job: job, Limit: MaxRunningReplays,
	}); err != nil {
		return nil, err
	}
	defer e.goReplay(org, job.ID)
	return e.replayJob(org, job.ID)
}

// PlanReplay says what StartReplay would do, and does nothing: Matched and
// MatchedMore of the job are how many deliveries it would begin with.
func (e *Engine) PlanReplay(org string, spec *ledger.ReplayJob) (*ledger.ReplayJob, error) {
	if _, err := e.organization(org); err != nil {
		return nil, err
	}
	job := &ledger.ReplayJob{
		Organization: org, EndpointIDs: slices.Clone(spec.EndpointIDs), States: spec.States,
		Types: slices.Clone(spec.Types), From: spec.From, To: spec.To, Rate: spec.Rate,
		UpTo: e.ledger.Applied(e.ledger.PartitionOf(org)) + 1,
	}
	if job.States == 0 {
		job.States = givenUp
	}
	if err := e.checkReplay(job); err != nil {
		return nil, err
	}
	return job, e.countReplay(job)
}

func (e *Engine) checkReplay(job *ledger.ReplayJob) error {
	var faults []endpoint.FieldError
	check := func(ok bool, field, detail string, args ...any) {
		if !ok {
			faults = append(faults, endpoint.FieldError{Field: field, Detail: fmt.Sprintf(detail, args...)})
		}
	}
	_, faults = e.named(job.Organization, job.EndpointIDs)
	for s := delivery.State(0); s < delivery.States; s++ {
		check(s.Terminal() || !job.States.Has(s), "states", "can be succeeded, failed, exhausted and canceled: %v is on its way by itself", s)
	}
	check(len(job.Types) <= endpoint.MaxPatterns, "types", "must be at most %d patterns", endpoint.MaxPatterns)
	for i, text := range job.Types[:min(len(job.Types), endpoint.MaxPatterns)] {
		_, err := endpoint.ParsePattern(text)
		check(err == nil, fmt.Sprintf("types/%d", i), "%v", err)
	}
	check(job.To == 0 || job.From < job.To, "to", "must be after from")
	check(job.Rate == 0 || job.Rate >= endpoint.MinPerSecond && job.Rate <= endpoint.MaxPerSecond, "rate_per_second", "must lie between %v and %d", endpoint.MinPerSecond, endpoint.MaxPerSecond)
	if len(faults) > 0 {
		return &InvalidError{Fields: faults}
	}
	return nil
}

// named are the living endpoints that a replay names, and what is wrong with the
// names. Without faults each key stands where its name does.
func (e *Engine) named(org string, ids []string) (keys []endpoint.Key, faults []endpoint.FieldError) {
	if len(ids) > MaxReplayEndpoints {
		return nil, []endpoint.FieldError{{Field: "endpoint_ids", Detail: fmt.Sprintf("must be at most %d", MaxReplayEndpoints)}}
	}
	for i, id := range ids {
		field := fmt.Sprintf("endpoint_ids/%d", i)
		to, found := e.ledger.FindEndpoint(org, id)
		switch {
		case !found:
			faults = append(faults, endpoint.FieldError{Field: field, Detail: "no such endpoint"})
		case slices.Contains(keys, to.Key):
			faults = append(faults, endpoint.FieldError{Field: field, Detail: "is named twice"})
		default:
			keys = append(keys, to.Key)
		}
	}
	return keys, faults
}

// countReplay counts what a job chooses, as far as it may look.
func (e *Engine) countReplay(job *ledger.ReplayJob) error {
	looked := 0
	for _, key := range e.replayEndpoints(job) {
		for from, more := wal.Pos(0), true; more; more = from != 0 {
			if looked >= maxCounted {
				job.MatchedMore = true
				return nil
			}
			chosen, err := e.ledger.ChooseReplays(job, key, from, bulkChunk)
			if err != nil {
				return err
			}
			job.Matched += len(chosen.Events)
			looked += chosen.Examined
			from = chosen.Next
		}
	}
	return nil
}

// replayEndpoints are the living endpoints that a job names, or all. Those that
// have been deleted since are left out.
func (e *Engine) replayEndpoints(job *ledger.ReplayJob) []endpoint.Key {
	if len(job.EndpointIDs) == 0 {
		return e.ledger.EndpointKeys(job.Organization)
	}
	keys, _ := e.named(job.Organization, job.EndpointIDs)
	return keys
}

// replayJob finds a job.
func (e *Engine) replayJob(org string, id event.ID) (*ledger.ReplayJob, error) {
	job, found, err := e.ledger.ReplayJob(org, id)
	if err == nil && !found {
		err = ledger.ErrNotFound
	}
	return job, err
}

// CancelReplay ends a job: when it returns, no delivery is made any more. Those
// that were made, and of which at most 1,000 per endpoint have not been tried,
// are deliveries like any other. The error is ledger.ErrForbidden for a job that
// is done.
func (e *Engine) CancelReplay(ctx context.Context, org string, id event.ID, audit ledger.Audit) (*ledger.ReplayJob, error) {
	_, err := e.ledger.Command(ctx, &ledger.Command{Audit: audit, Verb: ledger.CancelReplay, Organization: org, JobID: id})
	if err != nil {
		return nil, err
	}
	return e.replayJob(org, id)
}

// ReplayEvent makes a new delivery of one event to each of some endpoints, or to
// all living ones that were owed it, and returns their ids. Where the newest
// delivery has not ended yet, its id is among waiting instead. The error is
// *InvalidError if one of the endpoints does not exist, was not owed the event,
// or if there are over MaxReplayEndpoints.
func (e *Engine) ReplayEvent(ctx context.Context, org string, id event.ID, endpointIDs []string, audit ledger.Audit) (made, waiting []delivery.ID, err error) {
	a, found, err := e.ledger.Event(org, id)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, ledger.ErrNotFound
	}
	to, err := e.owedTo(&a, endpointIDs)
	for len(to) > 0 && err == nil {
		var orders []*ledger.Command
		if orders, waiting, err = e.replayOrders(&a, to, waiting, audit); err != nil || len(orders) == 0 {
			break
		}
		var verdicts []ledger.Verdict
		verdicts, err = e.ledger.Commands(ctx, org, orders)
		to = to[:0]
		for i, v := range verdicts {
			switch c := orders[i]; {
			case v.Err == nil:
				made = append(made, e.deliveryID(org, id, c.Endpoint, c.Replay))
			case !errors.Is(v.Err, ledger.ErrNotFound): // somebody else was faster; else the endpoint is deleted
				to = append(to, c.Endpoint)
			}
		}
	}
	e.metrics.replayed.Add(len(made))
	return made, waiting, err
}

// owedTo are the living endpoints that were owed an event, or those of them
// that are named.
func (e *Engine) owedTo(a *ledger.Accepted, ids []string) (keys []endpoint.Key, err error) {
	candidates, faults := e.named(a.Organization, ids)
	if len(faults) > 0 {
		return nil, &InvalidError{Fields: faults}
	}
	if len(ids) == 0 {
		candidates = e.ledger.EndpointKeys(a.Organization)
	}
	for i, key := range candidates {
		to, found := e.ledger.FindKey(a.Organization, key)
		if !found {
			continue
		}
		reason := to.Owes(uint64(a.Pos), a.Event)
		switch {
		case reason == endpoint.Owed:
			keys = append(keys, key)
		case len(ids) > 0:
			faults = append(faults, endpoint.FieldError{
				Field: fmt.Sprintf("endpoint_ids/%d", i), Detail: fmt.Sprintf("the endpoint was not owed the event: %v", reason),
			})
		}
	}
	if len(keys) > MaxReplayEndpoints {
		faults = append(faults, endpoint.FieldError{
			Field: "endpoint_ids", Detail: fmt.Sprintf("the event went to %d endpoints: name at most %d of them", len(keys), MaxReplayEndpoints),
		})
	}
	if len(faults) > 0 {
		return nil, &InvalidError{Fields: faults}
	}
	return keys, nil
}

// deliveryID names a delivery to an endpoint that is known by its key.
func (e *Engine) deliveryID(org string, id event.ID, to endpoint.Key, replay uint32) delivery.ID {
	named := delivery.ID{Event: id, Replay: replay}
	if known, found := e.ledger.FindKey(org, to); found { // else it is forgotten, and so is the delivery
		named.Endpoint = uint64(known.Alias)
	}
	return named
}

// replayOrders are the commands that make new deliveries of an event. Where one
// is on its way, its id is added to waiting instead.
func (e *Engine) replayOrders(a *ledger.Accepted, to []endpoint.Key, waiting []delivery.ID, audit ledger.Audit) ([]*ledger.Command, []delivery.ID, error) {
	var orders []*ledger.Command
	for _, key := range to {
		newest, row, found, err := e.ledger.NewestDelivery(a.Organization, key, a.Pos)
		if err != nil {
			return nil, waiting, err
		}
		if !found || !row.State.Terminal() {
			waiting = append(waiting, e.deliveryID(a.Organization, a.ID, key, newest.Replay))
			continue
		}
		orders = append(orders, &ledger.Command{
			Audit: audit, Verb: ledger.Replay, Organization: a.Organization,
			Endpoint: key, Event: a.Pos, EventID: a.ID, Replay: newest.Replay + 1, Due: e.now(),
		})
	}
	return orders, waiting, nil
}
