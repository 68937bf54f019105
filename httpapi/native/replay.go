package native

import (
	"errors"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// replayView is a replay job as clients see it. One that was only tried out has
// no id, state or times.
type replayView struct {
	ID           *string   `json:"id"`
	Organization string    `json:"organization_id"`
	State        *string   `json:"state"`        // running, done, canceled
	EndpointIDs  []string  `json:"endpoint_ids"` // [] = all
	States       []string  `json:"states"`
	Types        []string  `json:"types"` // [] = all
	From         wire.Time `json:"from"`
	To           wire.Time `json:"to"`
	Rate         *float64  `json:"rate_per_second"` // null = as fast as the endpoints take them
	Matched      int       `json:"matched"`
	MatchedMore  bool      `json:"matched_more"` // there may be more than matched
	Replayed     int       `json:"replayed"`
	Skipped      int       `json:"skipped"`
	CreatedAt    wire.Time `json:"created_at"`
	UpdatedAt    wire.Time `json:"updated_at"`
}

func viewReplay(j *ledger.ReplayJob) replayView {
	v := replayView{
		Organization: j.Organization, State: wire.OrNull(string(j.State)), EndpointIDs: wire.OrEmpty(j.EndpointIDs),
		States: []string{}, Types: wire.OrEmpty(j.Types), From: wire.Time(j.From), To: wire.Time(j.To), Rate: wire.OrNull(j.Rate),
		Matched: j.Matched, MatchedMore: j.MatchedMore, Replayed: j.Replayed, Skipped: j.Skipped,
		CreatedAt: wire.Time(j.CreatedAt), UpdatedAt: wire.Time(j.UpdatedAt),
	}
	if j.State != "" {
		v.ID = wire.OrNull(ledger.FormatReplayID(j.ID))
	}
	for s := delivery.Pending; s < delivery.States; s++ {
		if j.States.Has(s) {
			v.States = append(v.States, s.String())
		}
	}
	return v
}

type replayRequest struct {
	EndpointIDs []string  `json:"endpoint_ids"` // default all
	States      []string  `json:"states"`       // default failed and exhausted
	Types       []string  `json:"types"`        // patterns; default all
	From        wire.Time `json:"from"`
	To          wire.Time `json:"to"`
	Rate        *float64  `json:"rate_per_second"`
	DryRun      bool      `json:"dry_run"`
}

// spec is the job that a request asks for.
func (r *replayRequest) spec() (*ledger.ReplayJob, error) {
	job := &ledger.ReplayJob{EndpointIDs: r.EndpointIDs, Types: r.Types, From: int64(r.From), To: int64(r.To)}
	for _, name := range r.States {
		state, known := delivery.ParseState(name)
		if !known {
			return nil, wire.Invalid(wire.Field{Pointer: "/states", Detail: "can be succeeded, failed, exhausted and canceled"})
		}
		job.States |= delivery.SetOf(state)
	}
	if r.Rate != nil {
		if *r.Rate == 0 {
			return nil, wire.Invalid(wire.Field{Pointer: "/rate_per_second", Detail: "must not be 0; null is as fast as the endpoints take them"})
		}
		job.Rate = *r.Rate
	}
	return job, nil
}

// createReplay begins to make new deliveries of past events, or only counts
// them.
func (a *api) createReplay(c *wire.Ctx) error {
	var r replayRequest
	if err := c.DecodeOptional(&r); err != nil {
		return err
	}
	spec, err := r.spec()
	if err != nil {
		return err
	}
	if r.DryRun {
		plan, err := a.engine.PlanReplay(c.Organization, spec)
		if err != nil {
			return wire.Absent(err, "organization")
		}
		return c.JSON(fasthttp.StatusOK, viewReplay(plan))
	}
	job, err := a.engine.StartReplay(c.Context(), c.Organization, spec, c.Audit())
	if errors.Is(err, ledger.ErrBusy) {
		return wire.Conflict(wire.CodeConflict, "too many replays are running; cancel one, or wait until one is done").Because(err)
	}
	if err != nil {
		return wire.Absent(err, "organization")
	}
	v := viewReplay(job)
	c.SetHeader("Location", "/v1/replays/"+*v.ID)
	return c.JSON(fasthttp.StatusAccepted, v)
}

const replayList = "replays"

// listReplays shows the replay jobs of an organization.
func (a *api) listReplays(c *wire.Ctx) error {
	page, err := c.Page(replayList, wire.DefaultLimit, wire.MaxLimit)
	if err != nil {
		return err
	}
	found, err := a.ledger.ReplayJobs(c.Organization, ledger.Page(page))
	if err != nil {
		return err
	}
	answer := list[replayView]{Data: []replayView{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, viewReplay(&found.Items[i]))
	}
	answer.Next, answer.Prev = wire.Around{Next: found.After, Prev: found.Before}.Cursors(c, replayList)
	return c.JSON(fasthttp.StatusOK, answer)
}

// replayID reads the id in the path. What is no id is not found.
func replayID(c *wire.Ctx) (event.ID, error) {
	id, err := ledger.ParseReplayID(c.Param("id"))
	if err != nil {
		return id, wire.NotFound("replay").Because(err)
	}
	return id, nil
}

func (a *api) getReplay(c *wire.Ctx) error {
	id, err := replayID(c)
	if err != nil {
		return err
	}
	job, found, err := a.ledger.ReplayJob(c.Organization, id)
	if err != nil {
		return err
	}
	if !found {
		return wire.NotFound("replay")
	}
	return c.JSON(fasthttp.StatusOK, viewReplay(job))
}

// cancelReplay ends a job. What it has made stays.
func (a *api) cancelReplay(c *wire.Ctx) error {
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return err
	}
	id, err := replayID(c)
	if err != nil {
		return err
	}
	job, err := a.engine.CancelReplay(c.Context(), c.Organization, id, c.Audit())
	if errors.Is(err, ledger.ErrForbidden) {
		return wire.Conflict(wire.CodeConflict, "the replay is done").Because(err)
	}
	if err != nil {
		return wire.Absent(err, "replay")
	}
	return c.JSON(fasthttp.StatusOK, viewReplay(job))
}

type eventReplayRequest struct {
	EndpointIDs []string `json:"endpoint_ids"` // default all that were owed the event
}

type eventReplayAnswer struct {
	EventID    string         `json:"event_id"`
	Deliveries []deliveryView `json:"deliveries"` // new ones
	Waiting    []deliveryView `json:"waiting"`    // on their way as it is: these endpoints get no new one
}

// replayEvent makes new deliveries of one event.
func (a *api) replayEvent(c *wire.Ctx) error {
	var r eventReplayRequest
	if err := c.DecodeOptional(&r); err != nil {
		return err
	}
	ev, err := a.event(c)
	if err != nil {
		return err
	}
	made, waiting, err := a.engine.ReplayEvent(c.Context(), c.Organization, ev.ID, r.EndpointIDs, c.Audit())
	if err != nil {
		return wire.Absent(err, "event")
	}
	answer := eventReplayAnswer{EventID: event.FormatID(ev.ID, ev.Livemode)}
	if answer.Deliveries, err = a.viewDeliveries(c.Organization, made); err != nil {
		return err
	}
	if answer.Waiting, err = a.viewDeliveries(c.Organization, waiting); err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusAccepted, answer)
}

// viewDeliveries shows those deliveries that are still there.
func (a *api) viewDeliveries(org string, ids []delivery.ID) ([]deliveryView, error) {
	views := make([]deliveryView, 0, len(ids))
	for _, id := range ids {
		d, found, err := a.ledger.Delivery(org, id)
		if err != nil {
			return nil, err
		}
		if found {
			views = append(views, a.viewDelivery(d))
		}
	}
	return views, nil
}
