package ledger

import (
	"errors"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// ReplayJob finds a replay job of an organization.
func (l *Ledger) ReplayJob(org string, id event.ID) (job *ReplayJob, found bool, err error) {
	return l.partition(org).replayJob(org, id)
}

// ReplayJobs lists the replay jobs of an organization.
func (l *Ledger) ReplayJobs(org string, page Page) (*List[ReplayJob], error) {
	pt := l.partition(org)
	r := newReader[ReplayJob](page)
	err := r.rows(l, text(pt.key(tableReplay), org), nil, nil, len(event.ID{}), func(part, value []byte) (bool, error) {
		return r.offer(part, func() (*ReplayJob, error) {
			job := new(ReplayJob)
			return job, json.Unmarshal(value, job)
		})
	})
	return r.result(), err
}

// RunningReplays visits the replay jobs of partition p that are not at their
// end.
func (l *Ledger) RunningReplays(p int, visit func(org string, id event.ID)) error {
	all := l.parts[p].key(tableRunning)
	return l.walk(all, kv.PrefixEnd(all), func(k, _ []byte) error {
		at := len(k) - len(event.ID{})
		visit(string(k[headLen:at-1]), event.ID(k[at:]))
		return nil
	})
}

// ReplayLine is the position from which on a job has not replayed anything to
// an endpoint.
func (l *Ledger) ReplayLine(org string, id event.ID, ep endpoint.Key) (wal.Pos, error) {
	return l.partition(org).replayLine(org, id, ep)
}

// NewestDelivery is the newest delivery of an event to an endpoint: the
// original, which may have no row yet, or its last replay.
func (l *Ledger) NewestDelivery(org string, ep endpoint.Key, at wal.Pos) (ref Ref, row delivery.Row, found bool, err error) {
	past, err := l.partition(org).history(ep)
	if err != nil {
		return ref, row, false, err
	}
	defer past.Close()
	return past.newest(at)
}

// lastReplay is how often an event was replayed to an endpoint.
func (pt *partition) lastReplay(ep endpoint.Key, at wal.Pos) (n uint32, err error) {
	pt.mu.RLock()
	m := pt.mu.members[ep]
	never := m == nil || m.Replays == 0
	pt.mu.RUnlock()
	if never {
		return 0, nil
	}
	past, err := pt.history(ep)
	if err != nil {
		return 0, err
	}
	defer past.Close()
	newest, _, _, err := past.newest(at)
	return newest.Replay, err
}

// Chosen is a part of the deliveries to one endpoint that a job is to replay.
type Chosen struct {
	Events   []wal.Pos // in log order
	Next     wal.Pos   // where to go on looking; 0 = this was all
	Examined int       // events that were looked at
}

// maxCandidates bounds how many events ChooseReplays examines.
const maxCandidates = 1000

// ChooseReplays looks from a position on for what a job is to replay to one of
// its endpoints, at most most events. It examines no more than 1,000, and reads
// those whose type or time matters: a part with few events, or none, is not the
// end unless Next says so.
func (l *Ledger) ChooseReplays(job *ReplayJob, ep endpoint.Key, from wal.Pos, most int) (c Chosen, err error) {
	pt := l.partition(job.Organization)
	if pt.rows(ep, job.States) == 0 {
		return Chosen{}, nil
	}
	past, err := pt.history(ep)
	if err != nil {
		return Chosen{}, err
	}
	defer past.Close()
	patterns, err := job.patterns()
	if err != nil {
		return Chosen{}, err
	}
	candidates, next, err := pt.candidates(job, ep, from, maxCandidates)
	if err != nil {
		return Chosen{}, err
	}
	for _, at := range candidates {
		if len(c.Events) == most {
			next = at
			break
		}
		c.Examined++
		_, row, found, err := past.newest(at)
		if err != nil {
			return Chosen{}, err
		}
		if !found || !job.States.Has(row.State) {
			continue
		}
		wanted, err := pt.wants(job, patterns, at)
		if err != nil {
			return Chosen{}, err
		}
		if wanted {
			c.Events = append(c.Events, at)
		}
	}
	c.Next = next
	return c, nil
}

func (j *ReplayJob) patterns() (list []endpoint.Pattern, err error) {
	for _, text := range j.Types {
		p, err := endpoint.ParsePattern(text)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// wants reports whether an event has the type and the time that a job wants.
func (pt *partition) wants(job *ReplayJob, patterns []endpoint.Pattern, at wal.Pos) (bool, error) {
	if len(patterns) == 0 && job.From == 0 && job.To == 0 {
		return true, nil
	}
	ev, err := pt.EventAt(pt.p, at)
	if errors.Is(err, wal.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	match := func(p endpoint.Pattern) bool { return p.Match(ev.Type) }
	return (len(patterns) == 0 || slices.ContainsFunc(patterns, match)) && timeRange{job.From, job.To}.has(ev.ReceivedAt), nil
}

// candidates are the next events, from a position on, of which there is a
// delivery in one of a job's states, but not necessarily the newest one. next
// is where there may be more; 0 = nowhere.
func (pt *partition) candidates(job *ReplayJob, ep endpoint.Key, from wal.Pos, limit int) (at []wal.Pos, next wal.Pos, err error) {
	lower, upper, err := pt.positions(timeRange{job.From, job.To})
	if err != nil {
		return nil, 0, err
	}
	if lower != nil {
		from = max(from, wal.Pos(keyU64(lower, 0)))
	}
	upTo := job.UpTo
	if upper != nil {
		upTo = min(upTo, wal.Pos(keyU64(upper, 0)))
	}
	for _, prefix := range pt.whereEnded(ep, job.States) {
		found, more, err := pt.eventsBelow(prefix, from, upTo, limit)
		if err != nil {
			return nil, 0, err
		}
		at = append(at, found...)
		if more != 0 && (next == 0 || more < next) {
			next = more
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	if len(at) > limit {
		next = at[limit]
	}
	if next != 0 {
		cut, _ := slices.BinarySearch(at, next)
		at = at[:cut]
	}
	return at, next, nil
}

// whereEnded are the beginnings of the keys by which deliveries in some states
// are found: in the index if it has them all, else among all rows.
func (pt *partition) whereEnded(ep endpoint.Key, states delivery.StateSet) (prefixes []kv.Key) {
	for s := delivery.Pending; s < delivery.States; s++ {
		switch {
		case !states.Has(s):
		case !indexed(s):
			return []kv.Key{pt.endpointKey(tableDelivery, ep)}
		default:
			prefixes = append(prefixes, pt.endpointKey(tableTerminal, ep).U8(byte(s)))
		}
	}
	return prefixes
}

// eventsBelow are the positions that stand behind a prefix in keys, each once,
// at most limit of those from one up to another; more is the next one, 0 if
// there is none.
func (pt *partition) eventsBelow(prefix kv.Key, from, upTo wal.Pos, limit int) (at []wal.Pos, more wal.Pos, err error) {
	if from >= upTo {
		return nil, 0, nil
	}
	prefix = slices.Clip(prefix)
	it, err := pt.db.Iter(prefix.U64(uint64(from)), prefix.U64(uint64(upTo)))
	if err != nil {
		return nil, 0, err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		pos := wal.Pos(keyU64(it.Key(), len(prefix)))
		switch {
		case len(at) > 0 && at[len(at)-1] == pos: // another replay of it
		case len(at) == limit:
			return at, pos, nil
		default:
			at = append(at, pos)
		}
	}
	return at, 0, it.Err()
}
