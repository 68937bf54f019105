package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// model is what a ledger should know, kept in the simplest way there is: every
// owed delivery on its own. The real one may be stopped, crash and forget
// memory at any time, and has to agree after every step (G1, G2, G11).
type model struct {
	f       *fixture
	trims   bool // the log forgets what the ledger has absorbed
	ids     int
	all     []*modelEndpoint
	events  []modelEvent
	keys    map[string]bool
	expired wal.Pos
}

type modelEvent struct {
	pos wal.Pos
	org string
}

type modelEndpoint struct {
	*endpoint.Endpoint // as created
	types              []string
	enabled, deleted   bool
	owed               map[wal.Pos]*modelDelivery
	ended              [delivery.States]uint64 // of events that retention took
	expired            uint64
}

type modelDelivery struct {
	state    delivery.State // 0 = not started
	attempts int
	row      bool
	replays  []*modelDelivery // of an original, in order
}

// newest is the delivery that decides what can be done by hand.
func (d *modelDelivery) newest() *modelDelivery {
	if n := len(d.replays); n > 0 {
		return d.replays[n-1]
	}
	return d
}

// all is an original and its replays.
func (d *modelDelivery) all() []*modelDelivery { return append([]*modelDelivery{d}, d.replays...) }

func (m *modelEndpoint) owes(org, eventType string) bool {
	return m.Organization == org && m.enabled && !m.deleted && (len(m.types) == 0 || slices.Contains(m.types, eventType))
}

var (
	someOrgs   = rapid.SampledFrom([]string{"org_a", "org_b"})
	someStates = rapid.SampledFrom([]delivery.StateSet{
		delivery.SetOf(delivery.Failed, delivery.Exhausted), delivery.SetOf(delivery.Failed), delivery.SetOf(delivery.Succeeded, delivery.Canceled, delivery.Failed),
	})
	someTypes = rapid.SampledFrom([][]string{nil, {"a"}, {"b"}, {"a", "b"}})
)

func (m *model) endpoint(t *rapid.T) *modelEndpoint {
	if len(m.all) == 0 {
		t.Skip("no endpoint")
	}
	return rapid.SampledFrom(m.all).Draw(t, "endpoint")
}

func (m *model) create(t *rapid.T) {
	if len(m.all) >= 6 {
		t.Skip("enough endpoints")
	}
	m.ids++
	types := someTypes.Draw(t, "types")
	e := m.f.create(someOrgs.Draw(t, "organization"), fmt.Sprintf("ed_%d", m.ids), types...)
	m.all = append(m.all, &modelEndpoint{Endpoint: e, types: types, enabled: true, owed: map[wal.Pos]*modelDelivery{}})
}

func (m *model) update(t *rapid.T) {
	e := m.endpoint(t)
	types := someTypes.Draw(t, "types")
	next := wanted(e.Organization, e.ID, types...)
	next.Spans[0].Enabled = e.enabled
	err := m.f.change(m.f.now(e.Organization, e.ID).Version, next)
	if e.deleted {
		checkErr(t, "change a deleted endpoint", err, ErrNotFound)
		return
	}
	checkErr(t, "change", err, nil)
	e.types = types
}

func (m *model) verb(t *rapid.T) {
	e := m.endpoint(t)
	verb := rapid.SampledFrom([]Verb{Enable, Disable, Pause, Resume, Delete}).Draw(t, "verb")
	err := m.f.command(e.Endpoint, verb)
	if e.deleted {
		checkErr(t, string(verb), err, ErrNotFound)
		return
	}
	checkErr(t, string(verb), err, nil)
	switch verb {
	case Enable, Disable:
		e.enabled = verb == Enable
	case Delete:
		e.deleted = true
		for _, original := range e.owed {
			for _, d := range original.all() {
				if d.row && !d.state.Terminal() {
					d.state = delivery.Canceled
				}
			}
		}
	}
}

func (m *model) post(t *rapid.T) {
	org := someOrgs.Draw(t, "organization")
	var events []*event.Event
	for range rapid.IntRange(1, 5).Draw(t, "events") {
		ev := m.f.newEvent(org, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "type"))
		if key := rapid.IntRange(0, 8).Draw(t, "key"); key < 3 {
			withKey(ev, fmt.Sprint(key), 1, 1<<40)
		}
		events = append(events, ev)
	}
	verdicts, err := m.f.Post(m.f.ctx(), events, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		ev := events[i]
		key := org + ev.Idempotency.Key
		check(t, "duplicate", v.Duplicate, ev.Idempotency.Key != "" && m.keys[key])
		if v.Duplicate {
			continue
		}
		m.keys[key] = true
		m.events = append(m.events, modelEvent{v.Pos, org})
		for _, e := range m.all {
			if e.owes(org, ev.Type) {
				e.owed[v.Pos] = &modelDelivery{}
			}
		}
	}
}

// delivery draws one that the ledger has not forgotten.
func (m *model) delivery(t *rapid.T) (*modelEndpoint, wal.Pos, *modelDelivery) {
	e := m.endpoint(t)
	var all []wal.Pos
	for at := range e.owed {
		all = append(all, at)
	}
	if len(all) == 0 {
		t.Skip("nothing is owed")
	}
	slices.Sort(all)
	at := rapid.SampledFrom(all).Draw(t, "event")
	return e, at, e.owed[at]
}

func (m *model) outcome(t *rapid.T) {
	e, at, original := m.delivery(t)
	replay := rapid.IntRange(0, len(original.replays)).Draw(t, "replay")
	d := original.all()[replay]
	if d.state == delivery.Succeeded {
		t.Skip("nothing is sent after a success")
	}
	next := rapid.SampledFrom([]delivery.State{delivery.Retrying, delivery.Retrying, delivery.Succeeded, delivery.Failed, delivery.Exhausted}).Draw(t, "state")
	d.attempts++
	o := m.f.outcome(e.Endpoint, at, d.attempts, next)
	o.Replay = uint32(replay)
	o.Repeated = rapid.Bool().Draw(t, "repeated")
	m.f.write(0, wal.Outcome, o.Append(nil))
	if rapid.IntRange(0, 4).Draw(t, "twice") == 0 {
		o.Repeated = true
		m.f.write(0, wal.Outcome, o.Append(nil))
	}
	d.row, d.state = true, d.state.After(next)
	if e.deleted && !d.state.Terminal() {
		d.state = delivery.Canceled
	}
}

func (m *model) cancel(t *rapid.T) {
	e, at, d := m.delivery(t)
	err := m.f.onDelivery(e.Endpoint, at, Cancel)
	switch {
	case e.deleted:
		checkErr(t, "cancel", err, ErrNotFound)
	case d.state.Terminal():
		checkErr(t, "cancel", err, ErrForbidden)
	default:
		checkErr(t, "cancel", err, nil)
		d.state, d.row = delivery.Canceled, true
	}
}

func (m *model) retry(t *rapid.T) {
	e, at, d := m.delivery(t)
	err := m.f.onDelivery(e.Endpoint, at, Retry)
	switch {
	case e.deleted:
		checkErr(t, "retry", err, ErrNotFound)
	case !d.row || !d.state.Retriable():
		checkErr(t, "retry", err, ErrForbidden)
	default:
		checkErr(t, "retry", err, nil)
		d.state = delivery.Pending
	}
}

func (m *model) retryAll(t *rapid.T) {
	e := m.endpoint(t)
	v, err := m.f.Command(m.f.ctx(), &Command{Verb: RetryAll, Organization: e.Organization, Endpoint: e.Key, Events: slices.Sorted(maps.Keys(e.owed))})
	if e.deleted {
		checkErr(t, "retry all", err, ErrNotFound)
		return
	}
	checkErr(t, "retry all", err, nil)
	want := 0
	for _, original := range e.owed {
		if d := original.newest(); indexed(d.state) {
			d.state = delivery.Pending
			want++
		}
	}
	check(t, "retried", v.Count, want)
}

// replay makes one delivery once more, or several by a job.
func (m *model) replay(t *rapid.T) {
	e, at, d := m.delivery(t)
	_, err := m.f.Command(m.f.ctx(), &Command{Verb: Replay, Organization: e.Organization, Endpoint: e.Key, Event: at, Replay: uint32(len(d.replays)) + 1})
	switch {
	case e.deleted || !d.row:
		checkErr(t, "replay", err, ErrNotFound)
	case !d.newest().state.Terminal():
		checkErr(t, "replay", err, ErrForbidden)
	default:
		checkErr(t, "replay", err, nil)
		d.replays = append(d.replays, &modelDelivery{state: delivery.Pending, row: true})
	}
}

func (m *model) replayJob(t *rapid.T) {
	e := m.endpoint(t)
	if e.deleted {
		t.Skip("deleted")
	}
	job := &ReplayJob{ID: NewID(), Organization: e.Organization, States: someStates.Draw(t, "states")}
	order := &Command{Verb: StartReplay, Organization: e.Organization, Job: job, Limit: 1}
	_, err := m.f.Command(m.f.ctx(), order)
	checkErr(t, "start", err, nil)
	job, _, err = m.f.ReplayJob(e.Organization, job.ID)
	checkErr(t, "read job", err, nil)
	made := 0
	for from, limit := wal.Pos(0), rapid.IntRange(1, 3).Draw(t, "limit"); ; {
		c, err := m.f.ChooseReplays(job, e.Key, from, limit)
		checkErr(t, "choose", err, nil)
		if len(c.Events) > 0 {
			v, err := m.f.Command(m.f.ctx(), &Command{Verb: ContinueReplay, Organization: e.Organization, Endpoint: e.Key, JobID: job.ID, Events: c.Events})
			checkErr(t, "continue", err, nil)
			made += v.Count
		}
		if from = c.Next; from == 0 {
			break
		}
	}
	_, err = m.f.Command(m.f.ctx(), &Command{Verb: FinishReplay, Organization: e.Organization, JobID: job.ID})
	checkErr(t, "finish", err, nil)
	want := 0
	for _, d := range e.owed {
		if d.row && job.States.Has(d.newest().state) {
			d.replays = append(d.replays, &modelDelivery{state: delivery.Pending, row: true})
			want++
		}
	}
	check(t, "replayed by the job", made, want)
}

func (m *model) expire(t *rapid.T) {
	if len(m.events) == 0 || rapid.IntRange(0, 2).Draw(t, "expire") > 0 {
		t.Skip("not now")
	}
	before := rapid.SampledFrom(m.events).Draw(t, "before").pos
	_, err := m.f.Command(m.f.ctx(), &Command{Verb: Expire, Organization: "org_a", Before: before})
	checkErr(t, "expire", err, nil)
	if before <= m.expired {
		return
	}
	m.expired = before
	for _, e := range m.all {
		for at, original := range e.owed {
			if at >= before {
				continue
			}
			for _, d := range original.all() {
				switch {
				case d.state.Terminal():
					e.ended[d.state]++
				case !e.deleted:
					e.expired++
				}
			}
			delete(e.owed, at)
		}
	}
	m.all = slices.DeleteFunc(m.all, func(e *modelEndpoint) bool {
		now := m.f.now(e.Organization, e.ID)
		if now == nil && !e.deleted {
			t.Errorf("%s has disappeared", e.ID)
		}
		return now == nil
	})
	if m.trims {
		m.trim(t)
	}
}

// trim does what the janitor does behind an expiry.
func (m *model) trim(t *rapid.T) {
	owner, err := m.f.log.Claim(m.f.ctx(), 0)
	if err != nil {
		t.Fatal(err)
	}
	m.f.db.Sync()
	err = errors.Join(owner.Absorbed(m.f.ctx(), m.f.Applied(0)), owner.Trim(m.f.ctx(), m.expired))
	checkErr(t, "trim", err, nil)
}

func (m *model) erase(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "erase") > 0 {
		t.Skip("not now")
	}
	org := someOrgs.Draw(t, "organization")
	_, err := m.f.Command(m.f.ctx(), &Command{Verb: Erase, Organization: org})
	checkErr(t, "erase", err, nil)
	m.all = slices.DeleteFunc(m.all, func(e *modelEndpoint) bool { return e.Organization == org })
	m.events = slices.DeleteFunc(m.events, func(ev modelEvent) bool { return ev.org == org })
	for i := range 3 {
		delete(m.keys, org+fmt.Sprint(i))
	}
}

// interrupt stops the ledger, or lets it write out its lanes as it does every
// so many records.
func (m *model) interrupt(t *rapid.T) {
	switch rapid.SampledFrom([]string{"restart", "crash", "flush", "time"}).Draw(t, "what") {
	case "flush":
		m.f.flushSoon()
	case "restart":
		m.restart(t, false)
	case "crash":
		m.restart(t, true)
	case "time":
		m.f.clock.Add(90_000)
	}
}

func (m *model) restart(t *rapid.T, crash bool) {
	before := m.f.hash(0)
	m.f.restart(crash)
	check(t, "state after a restart", m.f.hash(0), before)
}

func (m *model) check(t *rapid.T) {
	for _, fault := range m.f.faults() {
		t.Errorf("verify: %s", fault)
	}
	for _, e := range m.all {
		lane := m.f.lane(e.Endpoint)
		rows := e.ended
		var backlog, waiting uint64
		var listed int
		for at, original := range e.owed {
			if !original.row {
				backlog++
				continue
			}
			for n, d := range original.all() {
				rows[d.state]++
				if !d.state.Terminal() {
					waiting++
				}
				if indexed(d.state) {
					listed++
				}
				m.checkRow(t, e, Ref{Endpoint: e.Key, Pos: at, Replay: uint32(n)}, d)
			}
		}
		check(t, "tallies of "+e.ID, lane.Rows, rows)
		check(t, "expired of "+e.ID, lane.Expired, e.expired)
		check(t, "waiting of "+e.ID, lane.Waiting(), waiting)
		check(t, "retries of "+e.ID, len(m.f.waiting(e.Endpoint)), int(waiting))
		check(t, "listed of "+e.ID, m.f.terminals(e.Endpoint), listed)
		if !e.deleted {
			check(t, "backlog of "+e.ID, lane.Backlog(), backlog)
		}
	}
}

func (m *model) checkRow(t *rapid.T, e *modelEndpoint, ref Ref, want *modelDelivery) {
	row, found, err := m.f.Row(0, ref)
	if err != nil || !found {
		t.Fatalf("row of %s at %d: found %t, error %v", e.ID, ref.Pos, found, err)
	}
	check(t, fmt.Sprintf("attempts of %s at %d, replay %d", e.ID, ref.Pos, ref.Replay), row.Attempts, want.attempts)
	if got := (&member{Endpoint: m.f.now(e.Organization, e.ID)}).state(row.State); got != want.state {
		t.Errorf("state of %s at %d, replay %d: got %v, want %v", e.ID, ref.Pos, ref.Replay, got, want.state)
	}
}

func TestLedgerAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{f: newFixture(t, 1), keys: map[string]bool{}, trims: rapid.Bool().Draw(t, "trims")}
		defer m.f.close()
		t.Repeat(map[string]func(*rapid.T){
			"": m.check, "create": m.create, "update": m.update, "verb": m.verb,
			"post": m.post, "post more": m.post, "outcome": m.outcome, "outcome too": m.outcome, "outcome again": m.outcome,
			"cancel": m.cancel, "retry": m.retry, "retry all": m.retryAll, "replay": m.replay, "replay job": m.replayJob, "expire": m.expire, "erase": m.erase, "interrupt": m.interrupt,
		})
		if !m.trims {
			for _, group := range []int{1, 7, 1 << 20} {
				check(t, fmt.Sprintf("state after a replay in groups of %d", group), replay(t, m.f, group), m.f.hash(0))
			}
		}
	})
}
