package engine

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// G2, G3, G5, G6, G11: whatever is done to endpoints and deliveries, and however
// often the engine is stopped and started, each event reaches each endpoint that
// was enabled and subscribed when it was accepted, or shows why it did not;
// exactly once, unless somebody sends it again; and nothing arrives anywhere
// else, out of turn, or after a stop. Live lanes, lanes that are behind and lanes
// that were restarted mix as chance has it.
func TestWhatIsOwedArrives(t *testing.T) {
	seeded(t, 20, func(t *testing.T, seed uint64) { live(t, seed, steps) })
}

// The same when in between the power goes and retention takes what is old: what
// was answered holds, and only what had just ended at a cut is done again.
func TestPowerCutsAmidCommands(t *testing.T) {
	seeded(t, 8, func(t *testing.T, seed uint64) { live(t, seed, slices.Concat(steps, disasters)) })
}

func live(t *testing.T, seed uint64, steps []step) {
	w := newWorld(t, seed)
	defer func() { w.rig.stop() }()
	odds := 0
	for _, s := range steps {
		odds += s.odds
	}
	s := w.endpoints[0]
	for range 120 {
		if w.rng.IntN(8) == 0 { // most come in a row, so that they have to do with each other
			s = w.endpoints[w.rng.IntN(len(w.endpoints))]
		}
		n, i := w.rng.IntN(odds), 0
		for ; n >= steps[i].odds; i++ {
			n -= steps[i].odds
		}
		w.Logf("%v: %s, %s", time.Now().Format(time.StampMilli), steps[i].name, s.ID)
		steps[i].do(w, s)
	}
	w.settle()
	w.check()
	w.rig.verify()
}

// step is something that can happen, mostly to one endpoint.
type step struct {
	name string
	odds int
	do   func(*world, *subject)
}

var steps = []step{
	{"post", 4, func(w *world, _ *subject) { w.post(1 + w.rng.IntN(10)) }},
	{"post many", 1, func(w *world, _ *subject) { w.post(100) }},
	{"wait for seconds", 3, func(w *world, _ *subject) { after(time.Duration(w.rng.IntN(3000)) * time.Millisecond) }},
	{"wait for minutes", 2, func(w *world, _ *subject) { after(time.Duration(w.rng.IntN(60)) * time.Minute) }},
	{"pause or resume", 4, func(w *world, s *subject) {
		w.control(s, map[bool]ledger.Verb{false: ledger.Pause, true: ledger.Resume}[s.paused])
	}},
	{"disable or enable", 1, func(w *world, s *subject) {
		w.control(s, map[bool]ledger.Verb{false: ledger.Enable, true: ledger.Disable}[s.enabled])
	}},
	{"change mood", 3, func(w *world, s *subject) { w.setMood(s, mood(w.rng.IntN(int(moods)))) }},
	{"change sizes of answers", 1, func(w *world, _ *subject) { w.rig.receiver.oversized.Store(w.rng.IntN(2) == 0) }},
	{"update", 1, (*world).update},
	{"restart", 2, func(w *world, _ *subject) { w.rig.restart() }},

	{"cancel", 1, func(w *world, s *subject) { w.some(s, w.cancel) }},
	{"cancel all", 4, func(w *world, s *subject) { w.all(s, w.cancel) }},
	{"retry", 2, func(w *world, s *subject) { w.some(s, w.retry) }},
	{"cancel and retry", 1, func(w *world, s *subject) {
		w.some(s, func(id delivery.ID) { w.cancel(id); w.retry(id) })
	}},
	{"retry all that failed", 1, func(w *world, _ *subject) {
		_, err := w.rig.RetryFailed(w.Context(), org, ledger.Audit{})
		w.done("retry failed", err)
	}},
	{"replay", 1, func(w *world, s *subject) { w.some(s, func(id delivery.ID) { w.replay(s, id) }) }},
	{"start a replay job", 1, (*world).startReplay},
	{"cancel replay jobs", 1, func(w *world, _ *subject) { w.cancelReplays() }},
}

var disasters = []step{
	{"power cut", 2, func(w *world, _ *subject) { w.cutPower() }},
	{"retention", 1, func(w *world, _ *subject) { w.expire() }},
}

// update changes the order and the pace in which an endpoint is sent events.
func (w *world) update(s *subject) {
	if s.measured {
		return
	}
	_, err := w.rig.UpdateEndpoint(w.Context(), org, s.ID, func(e *endpoint.Endpoint) error {
		e.Ordering = []endpoint.Ordering{endpoint.Unordered, endpoint.FIFO}[w.rng.IntN(2)]
		e.RateLimit = []*endpoint.RateLimit{nil, {PerSecond: 0.5, Burst: 1}, {PerSecond: 20, Burst: 5}}[w.rng.IntN(3)]
		e.MaxInFlight = 1 + w.rng.IntN(64)
		return nil
	}, 0, ledger.Audit{})
	if err != nil {
		w.Fatalf("update: %v", err)
	}
}

// done reports whether a verb had an effect. It may come too late, or too often.
func (w *world) done(verb string, err error) bool {
	w.Helper()
	if err != nil && !errors.Is(err, ledger.ErrForbidden) && !errors.Is(err, ledger.ErrNotFound) && !errors.Is(err, ledger.ErrBusy) {
		w.Errorf("%s: %v", verb, err)
	}
	return err == nil
}

// some does something to a few of an endpoint's deliveries, the newer the rather.
func (w *world) some(s *subject, do func(delivery.ID)) {
	for range 5 {
		if n := len(s.deliveries); n > 0 {
			do(s.deliveries[n-1-w.rng.IntN(1+w.rng.IntN(n))])
		}
	}
}

// all does something to all of an endpoint's deliveries that may wait.
func (w *world) all(s *subject, do func(delivery.ID)) {
	for _, id := range s.deliveries[max(0, len(s.deliveries)-100):] {
		do(id)
	}
}

func (w *world) cancel(id delivery.ID) {
	w.elsewhere[id.String()] = true
	if w.done("cancel", w.rig.CancelDelivery(w.Context(), org, id, ledger.Audit{})) {
		w.setCanceled(id, time.Now())
	}
}

func (w *world) retry(id delivery.ID) {
	w.elsewhere[id.String()] = true
	before := w.setCanceled(id, time.Time{}) // it may start before the verb is answered
	if !w.done("retry", w.rig.RetryDelivery(w.Context(), org, id, ledger.Audit{})) {
		w.setCanceled(id, before)
	}
}

func (w *world) setCanceled(id delivery.ID, since time.Time) (before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, w.canceled[id.String()] = w.canceled[id.String()], since
	return before
}

func (w *world) replay(s *subject, id delivery.ID) {
	made, _, err := w.rig.ReplayEvent(w.Context(), org, id.Event, []string{s.ID}, ledger.Audit{})
	w.done("replay", err)
	for _, id := range made {
		w.elsewhere[id.String()] = true
	}
	s.deliveries = append(s.deliveries, made...)
}

func (w *world) startReplay(s *subject) {
	job, err := w.rig.StartReplay(w.Context(), org, &ledger.ReplayJob{
		EndpointIDs: []string{s.ID},
		States:      delivery.SetOf(delivery.Succeeded, delivery.Failed, delivery.Exhausted, delivery.Canceled),
		From:        w.rig.now() - time.Hour.Milliseconds(),
		Rate:        []float64{0, 1, 50}[w.rng.IntN(3)],
	}, ledger.Audit{})
	if w.done("start a replay", err) {
		w.jobs = append(w.jobs, job.ID)
	}
}

func (w *world) cancelReplays() {
	for _, id := range w.jobs {
		_, err := w.rig.CancelReplay(w.Context(), org, id, ledger.Audit{})
		w.done("cancel a replay", err)
	}
	w.jobs = nil
}

// cutPower takes the power a moment later, and all that was not synced, or part
// of it.
func (w *world) cutPower() {
	time.Sleep(time.Duration(w.rng.IntN(300)) * time.Millisecond)
	w.disk = w.disk.Crash(w.rng, w.rng.IntN(101))
	w.cuts = append(w.cuts, time.Now())
	w.rig.receiver = w.rig.receiver.successor()
	w.rig.stop()
	w.rig.fs = w.disk.FS
	w.rig.start()
}

// expire takes the oldest events, whatever their deliveries are up to.
func (w *world) expire() {
	w.expired += w.rng.IntN(1 + (len(w.log)-w.expired)/2)
	if w.expired == 0 {
		return
	}
	p, cut := w.rig.ledger.PartitionOf(org), w.log[w.expired-1]+1
	order := &ledger.Command{Verb: ledger.Expire, Before: cut, BeforeTime: w.rig.now()}
	if _, err := w.rig.ledger.CommandAt(w.Context(), p, order); err != nil {
		w.Fatalf("expire: %v", err)
	}
	if err := w.rig.owners[p].Trim(w.Context(), cut); err != nil {
		w.Fatalf("trim: %v", err)
	}
}

// settle lets everything work again and waits until nothing is owed.
func (w *world) settle() {
	w.cancelReplays()
	for _, s := range w.endpoints {
		w.setMood(s, works)
		w.control(s, ledger.Resume)
		w.control(s, ledger.Enable)
	}
	w.rig.settle()
}
