package engine

import (
	"context"
	"errors"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// A replayer looks again after so long when it could do nothing: soon, then
// ever less often.
const (
	replayPause    = 20 * time.Millisecond
	maxReplayPause = time.Second
)

// replayer carries out a replay job, in a goroutine of its own. For each
// endpoint it goes through the past in log order and has apply make up to 1,000
// deliveries by one command. The next command for that endpoint waits until half
// of them have been tried: so a replay of millions does not flood the log, takes
// turns with the events that come in, and is soon over when it is canceled; and
// an endpoint that is slow, paused or disabled delays only its own part.
//
// It keeps nothing that must not be lost. Where each endpoint's line stands is
// in the ledger, written with the deliveries; what was looked at and not chosen
// is looked at again after a restart.
type replayer struct {
	engine *Engine
	job    *ledger.ReplayJob // as it was at the beginning of the round
	lines  []replayLine      // that are not at their end; nil = not read yet
	ready  int64             // Unix ms; nothing is made before, for the job's rate
}

type replayLine struct {
	endpoint endpoint.Key
	next     wal.Pos // where to go on
}

// goReplay starts the goroutine of a job, unless it runs.
func (e *Engine) goReplay(org string, id event.ID) {
	if _, already := e.replaying.LoadOrStore(id, true); already {
		return
	}
	e.background.Go(func() {
		defer e.replaying.Delete(id)
		e.metrics.replays.Inc()
		defer e.metrics.replays.Dec()
		r := &replayer{engine: e}
		r.run(e.life, org, id)
	})
}

// resumeReplays starts the jobs that are to run: those of before this process,
// and those whose start timed out.
func (e *Engine) resumeReplays() error {
	for p := range e.ledger.Partitions() {
		if err := e.ledger.RunningReplays(p, e.goReplay); err != nil {
			return err
		}
	}
	return nil
}

// errReplayEnded says that the job is done, was canceled, or went with its
// organization.
var errReplayEnded = errors.New("the replay has ended")

// run works until the job has ended. It looks at least once a second whether it
// has been canceled.
func (r *replayer) run(ctx context.Context, org string, id event.ID) {
	failing := false
	for pause := replayPause; ctx.Err() == nil; {
		moved, err := r.round(ctx, org, id)
		switch {
		case errors.Is(err, errReplayEnded) || errors.Is(err, ledger.ErrStopped):
			return
		case err != nil:
			if !failing && ctx.Err() == nil {
				r.engine.logger.Warn("replay is interrupted, it is tried again", "replay", ledger.FormatReplayID(id), "organization", org, "error", err)
			}
			r.lines = nil // whether the last command counts is not known: look again
			pause = maxReplayPause
		case moved:
			pause = replayPause
		}
		failing = err != nil
		if moved && err == nil {
			continue
		}
		wait := pause
		if ahead := time.Duration(r.ready-r.engine.now()) * time.Millisecond; ahead > 0 {
			wait = min(ahead, maxReplayPause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		pause = min(2*pause, maxReplayPause)
	}
}

// round does for every line what can be done now. Those that had to wait, for
// the job's rate, come first in the next one.
func (r *replayer) round(ctx context.Context, org string, id event.ID) (moved bool, err error) {
	var found bool
	r.job, found, err = r.engine.ledger.ReplayJob(org, id)
	if err != nil {
		return false, err
	}
	if !found || r.job.State != ledger.ReplayRunning {
		return false, errReplayEnded
	}
	if r.lines == nil {
		if r.lines, err = r.begin(); err != nil {
			return false, err
		}
	}
	var waited, advanced []replayLine
	for _, line := range r.lines {
		went, done, err := r.step(ctx, &line)
		moved = moved || went
		switch {
		case err != nil:
			return moved, err
		case done:
		case went:
			advanced = append(advanced, line)
		default:
			waited = append(waited, line)
		}
	}
	r.lines = append(waited, advanced...)
	if len(r.lines) > 0 {
		return moved, nil
	}
	_, err = r.engine.ledger.Command(ctx, r.command(ledger.FinishReplay))
	if err == nil || errors.Is(err, ledger.ErrForbidden) || errors.Is(err, ledger.ErrNotFound) {
		err = errReplayEnded
	}
	return true, err
}

// begin reads where the lines stand.
func (r *replayer) begin() ([]replayLine, error) {
	lines := []replayLine{}
	for _, key := range r.engine.replayEndpoints(r.job) {
		next, err := r.engine.ledger.ReplayLine(r.job.Organization, r.job.ID, key)
		if err != nil {
			return nil, err
		}
		lines = append(lines, replayLine{key, next})
	}
	return lines, nil
}

func (r *replayer) command(verb ledger.Verb) *ledger.Command {
	return &ledger.Command{Audit: engineAudit, Verb: verb, Organization: r.job.Organization, JobID: r.job.ID}
}

// step makes the next deliveries of a line, or only looks for them.
func (r *replayer) step(ctx context.Context, line *replayLine) (moved, done bool, err error) {
	e := r.engine
	to, known, alive := e.ledger.Lookup(e.ledger.PartitionOf(r.job.Organization), line.endpoint)
	if !alive {
		return true, true, nil
	}
	now := e.now()
	limit := r.limit(to, &known)
	if limit == 0 || now < r.ready {
		return false, false, nil
	}
	chosen, err := e.ledger.ChooseReplays(r.job, line.endpoint, line.next, limit)
	if err != nil {
		return false, false, err
	}
	if len(chosen.Events) > 0 {
		order := r.command(ledger.ContinueReplay)
		order.Endpoint, order.Events, order.Due = line.endpoint, chosen.Events, now
		v, err := e.ledger.Command(ctx, order)
		switch {
		case errors.Is(err, ledger.ErrForbidden):
			return true, false, errReplayEnded
		case errors.Is(err, ledger.ErrNotFound):
			return true, true, nil // deleted in the meantime
		case err != nil:
			return false, false, err
		}
		e.metrics.replayed.Add(v.Count)
		if r.job.Rate > 0 {
			r.ready = now + int64(float64(v.Count)*1000/r.job.Rate)
		}
	}
	line.next = chosen.Next
	return true, chosen.Next == 0, nil
}

// limit is how many deliveries to make next, 0 = none for now: a second's
// worth of the job's rate at most, and not while the endpoint has enough to do.
func (r *replayer) limit(to *endpoint.Endpoint, known *ledger.Lane) int {
	room := roomInLine(to, known)
	if to.Ordering != endpoint.FIFO {
		room -= int(min(known.Rows[delivery.Pending], bulkChunk))
	}
	least := bulkChunk / 2
	if r.job.Rate > 0 {
		second := int(max(1, r.job.Rate))
		room, least = min(room, second), min(least, second)
	}
	if room < least {
		return 0
	}
	return room
}
