package ledger

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// A replay makes a new delivery of an event to an endpoint that has had one
// before. It is a row that is born Pending and due, beside the one of the
// original and with the next higher number; from then on it is a delivery like
// any other. What counts for the decision whether to make one is the newest
// delivery, the original or the last replay: while that is on its way, there is
// no point in another one.
//
// A replay job makes many, chosen by a filter. The job's record and each
// endpoint's line, which says how far the job has come with it, change in the
// same batch as the rows. So whatever a crash interrupts, no event is passed
// over or replayed twice, and the records need no more than to name the events.

// ReplayJob makes new deliveries of past events to the endpoints that were owed
// them.
type ReplayJob struct {
	ID           event.ID `json:"id"`
	Version      uint64   `json:"version"`
	Organization string   `json:"organization"`

	// What it chooses: events before UpTo whose newest delivery to one of the
	// endpoints is in one of the states.
	EndpointIDs []string          `json:"endpoint_ids,omitempty"` // none = all
	States      delivery.StateSet `json:"states"`                 // terminal ones, at least one
	Types       []string          `json:"types,omitempty"`        // patterns of event types; none = all
	From        int64             `json:"from,omitempty"`         // the events came in then or later, Unix ms; 0 = no bound
	To          int64             `json:"to,omitempty"`           // they came in earlier; 0 = no bound
	UpTo        wal.Pos           `json:"up_to"`                  // where it was started

	Rate float64 `json:"rate,omitempty"` // most deliveries made per second; 0 = as the endpoints take them

	// Matched is how many deliveries the filter chose before the start. Only so
	// many are looked at: with MatchedMore there may be more. When the job is
	// done, it is what there really were.
	Matched     int  `json:"matched"`
	MatchedMore bool `json:"matched_more,omitempty"`

	State     ReplayState `json:"state"`
	Replayed  int         `json:"replayed"` // deliveries made
	Skipped   int         `json:"skipped"`  // chosen, but not in one of the states any more when their turn came
	CreatedAt int64       `json:"created_at"`
	UpdatedAt int64       `json:"updated_at"`
}

// ReplayState is where a job stands.
type ReplayState string

// A job runs until everything is done or a person cancels it. It is kept until
// retention has taken all events from before its end, or there are too many.
const (
	ReplayRunning  ReplayState = "running"
	ReplayDone     ReplayState = "done"
	ReplayCanceled ReplayState = "canceled"
)

// MaxReplays is how many jobs of one organization are kept, those that run
// included. When one more is started, the first that has ended is forgotten.
const MaxReplays = 1000

const replayIDPrefix = "rpl_"

// FormatReplayID is how people see the id of a job.
func FormatReplayID(id event.ID) string { return replayIDPrefix + id.String() }

// ErrBadReplayID says that a text is no id of a replay job.
var ErrBadReplayID = errors.New("not a replay id: expected rpl_ and 26 characters")

// ParseReplayID is the inverse of FormatReplayID.
func ParseReplayID(text string) (event.ID, error) {
	rest, ok := strings.CutPrefix(text, replayIDPrefix)
	id, err := ulid.ParseStrict(rest)
	if !ok || err != nil || rest != id.String() {
		return event.ID{}, ErrBadReplayID
	}
	return id, nil
}

func (pt *partition) replayKey(org string, id event.ID) kv.Key {
	return text(pt.key(tableReplay), org).Raw(id[:])
}

func (pt *partition) runningKey(org string, id event.ID) kv.Key {
	return text(pt.key(tableRunning), org).Raw(id[:])
}

// replayLines begins the keys of all lines of a job.
func (pt *partition) replayLines(org string, id event.ID) kv.Key {
	return text(pt.key(tableReplayLine), org).Raw(id[:])
}

// replayJob reads a job.
func (pt *partition) replayJob(org string, id event.ID) (job *ReplayJob, found bool, err error) {
	value, found, err := pt.db.Get(nil, pt.replayKey(org, id))
	if err != nil || !found {
		return nil, false, err
	}
	job = new(ReplayJob)
	return job, true, json.Unmarshal(value, job)
}

func (pt *partition) putReplayJob(b *kv.Batch, r *wal.Rec, job *ReplayJob) {
	job.Version, job.UpdatedAt = uint64(r.Pos), r.At
	b.Set(pt.replayKey(job.Organization, job.ID), encode(job))
}

var errDamagedLine = errors.New("line of a replay is damaged")

// replayLine is the position from which on a job has not replayed anything to
// an endpoint.
func (pt *partition) replayLine(org string, id event.ID, ep endpoint.Key) (wal.Pos, error) {
	value, found, err := pt.db.Get(nil, pt.replayLines(org, id).U64(uint64(ep)))
	if err != nil || !found {
		return 0, err
	}
	if len(value) != 8 {
		return 0, errDamagedLine
	}
	return wal.Pos(binary.BigEndian.Uint64(value)), nil
}

// startReplay stores a new job.
func (pt *partition) startReplay(b *kv.Batch, r *wal.Rec, c *Command) (refusal, err error) {
	job := c.Job
	if _, found, err := pt.replayJob(job.Organization, job.ID); err != nil || found {
		return ErrExists, err
	}
	running, err := pt.keysBelow(text(pt.key(tableRunning), job.Organization))
	if err != nil {
		return nil, err
	}
	if len(running) >= c.Limit {
		return ErrBusy, nil
	}
	if err := pt.makeRoom(b, job.Organization); err != nil {
		return nil, err
	}
	job.UpTo, job.CreatedAt, job.State = r.Pos, r.At, ReplayRunning
	b.Set(pt.runningKey(job.Organization, job.ID), nil)
	pt.putReplayJob(b, r, job)
	return nil, nil
}

// makeRoom forgets jobs of an organization that have ended, those that began
// first, until there is room for one more.
func (pt *partition) makeRoom(b *kv.Batch, org string) error {
	jobs, err := pt.keysBelow(text(pt.key(tableReplay), org))
	if err != nil {
		return err
	}
	for excess := len(jobs) + 1 - MaxReplays; excess > 0 && len(jobs) > 0; jobs = jobs[1:] {
		id := event.ID(jobs[0][len(jobs[0])-len(event.ID{}):])
		runs, err := pt.db.Has(pt.runningKey(org, id))
		if err != nil {
			return err
		}
		if !runs {
			b.Delete(jobs[0])
			excess--
		}
	}
	return nil
}

// keysBelow are the keys that begin with a prefix.
func (pt *partition) keysBelow(prefix kv.Key) (keys [][]byte, err error) {
	err = pt.walk(prefix, kv.PrefixEnd(prefix), func(k, _ []byte) error {
		keys = append(keys, slices.Clone(k))
		return nil
	})
	return keys, err
}

// endReplay is idempotent.
func (pt *partition) endReplay(b *kv.Batch, r *wal.Rec, c *Command) (refusal, err error) {
	job, found, err := pt.replayJob(c.Organization, c.JobID)
	if err != nil || !found {
		return ErrNotFound, err
	}
	end := ReplayCanceled
	if c.Verb == FinishReplay {
		end = ReplayDone
	}
	switch job.State {
	case end:
		return nil, nil
	case ReplayRunning:
	default:
		return ErrForbidden, nil
	}
	job.State = end
	if end == ReplayDone {
		job.Matched, job.MatchedMore = job.Replayed+job.Skipped, false
	}
	pt.putReplayJob(b, r, job)
	b.Delete(pt.runningKey(job.Organization, job.ID))
	lines := pt.replayLines(job.Organization, job.ID)
	b.DeleteRange(lines, kv.PrefixEnd(lines))
	return nil, nil
}

// continueReplay makes the next deliveries of a job to one endpoint. A record
// that repeats what another one has done, because its writer did not learn of
// it, is refused with ErrChanged.
func (pt *partition) continueReplay(b *kv.Batch, r *wal.Rec, c *Command, m *member) (made int, refusal, err error) {
	job, found, err := pt.replayJob(c.Organization, c.JobID)
	if err != nil || !found || job.State != ReplayRunning || len(c.Events) == 0 {
		return 0, ErrForbidden, err
	}
	line, err := pt.replayLine(c.Organization, c.JobID, m.Key)
	if err != nil || c.Events[0] < line {
		return 0, ErrChanged, err
	}
	past, err := pt.history(m.Key)
	if err != nil {
		return 0, nil, err
	}
	defer past.Close()
	for _, at := range c.Events {
		newest, row, found, err := past.newest(at)
		if err != nil {
			return made, nil, err
		}
		if !found || at < pt.expired || !job.States.Has(row.State) {
			job.Skipped++
			continue
		}
		newest.Replay++
		due := pt.replayRow(b, r, c, m, newest, row.Render)
		if made == 0 { // one word is enough: the lane reads what is due from the index
			pt.scratch.applied.Requeued = append(pt.scratch.applied.Requeued, due)
		}
		made++
	}
	job.Replayed += made
	pt.putReplayJob(b, r, job)
	next := kv.Key(nil).U64(uint64(c.Events[len(c.Events)-1]) + 1)
	b.Set(pt.replayLines(c.Organization, c.JobID).U64(uint64(m.Key)), next)
	return made, nil, nil
}

// replay makes the delivery that a person asked for. ErrChanged means that it is
// there already, and ErrForbidden that the one before it is still on its way.
func (pt *partition) replay(b *kv.Batch, r *wal.Rec, c *Command, m *member) (refusal, err error) {
	past, err := pt.history(m.Key)
	if err != nil {
		return nil, err
	}
	defer past.Close()
	newest, row, found, err := past.newest(c.Event)
	switch {
	case err != nil || !found || c.Event < pt.expired:
		return ErrNotFound, err
	case newest.Replay+1 != c.Replay:
		return ErrChanged, nil
	case !row.State.Terminal():
		return ErrForbidden, nil
	}
	newest.Replay++
	pt.scratch.applied.Requeued = append(pt.scratch.applied.Requeued, pt.replayRow(b, r, c, m, newest, row.Render))
	return nil, nil
}

// replayRow writes the row of a new delivery. How the body was rendered it has
// from the one before, so that the bytes are the same (G7).
func (pt *partition) replayRow(b *kv.Batch, r *wal.Rec, c *Command, m *member, ref Ref, render event.Rendering) Due {
	row := delivery.Row{
		State: delivery.Pending, Render: render,
		Next: cmp.Or(c.Due, r.At), Updated: r.At, Created: r.At, Queue: uint64(r.Pos),
	}
	m.Replays++
	pt.putRow(b, m, ref, 0, &row)
	return Due{Ref: ref, At: row.Next}
}

// history walks the deliveries of one endpoint that have a row.
type history struct {
	*kv.Iter
	endpoint endpoint.Key
	prefix   kv.Key
}

func (pt *partition) history(ep endpoint.Key) (history, error) {
	prefix := pt.endpointKey(tableDelivery, ep)
	it, err := pt.db.Iter(prefix, kv.PrefixEnd(prefix))
	return history{it, ep, prefix}, err
}

// newest is the newest delivery of the event at a position: the original, not
// found if it has no row, or its last replay.
func (h history) newest(at wal.Pos) (ref Ref, row delivery.Row, found bool, err error) {
	ref = Ref{Endpoint: h.endpoint, Pos: at}
	if !h.SeekLT(slices.Clip(h.prefix).U64(uint64(at)+1)) || keyU64(h.Key(), deliveryPosAt) != uint64(at) {
		return ref, row, false, h.Err()
	}
	ref.Replay = keyU32(h.Key(), deliveryPosAt+8)
	return ref, row, true, row.Decode(h.Value())
}

// dropReplays forgets the jobs that ended before a position.
func (pt *partition) dropReplays(b *kv.Batch, before wal.Pos) error {
	all := pt.key(tableReplay)
	return pt.walk(all, kv.PrefixEnd(all), func(k, v []byte) error {
		var job ReplayJob
		if err := json.Unmarshal(v, &job); err != nil {
			return err
		}
		if job.State != ReplayRunning && wal.Pos(job.Version) < before {
			b.Delete(k)
		}
		return nil
	})
}
