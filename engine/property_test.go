package engine

import (
	"context"
	flags "flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// G2, G3, G6: whatever is done to endpoints, and however often the engine
// is stopped and started, each event reaches each endpoint that was enabled and
// subscribed when it was accepted, exactly once as long as nothing crashes, and nothing arrives anywhere else. Live lanes,
// lanes that are behind and lanes that were restarted mix as chance has it.
func TestWhatIsOwedArrives(t *testing.T) {
	for seed := range uint64(seeds(t)) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				world := newWorld(t, seed)
				defer world.rig.stop()
				for range 60 {
					world.step()
				}
				world.settle()
				world.check()
				world.rig.verify()
			})
		})
	}
}

var moreSeeds = flags.Int("seeds", 0, "how many seeds tests with seeds try, instead of 6")

func seeds(t *testing.T) int {
	switch {
	case *moreSeeds > 0:
		return *moreSeeds
	case testing.Short():
		return 4
	}
	return 6
}

// world is an engine and a model of what it owes.
type world struct {
	*testing.T
	rng       *rand.Rand
	rig       *rig
	endpoints []*subject
	owed      map[string]map[string]bool // url → event ids
	posted    int
}

// subject is an endpoint and what the model knows of it.
type subject struct {
	*endpoint.Endpoint
	types           []string
	enabled, paused bool
	mood            mood
}

// mood is what an endpoint does with what it is sent.
type mood int

const (
	works   mood = iota
	fails        // 500, after a while
	refuses      // at once, without an answer
	hangs        // for longer than an attempt may take
	defers       // asks to come back in five seconds
	ours         // the attempt fails on our side
	moods
)

var worldTypes = []string{"a.b", "a.c", "z"}

// rare is the type of an event now and then: those who want only these find
// them by the index of types.
const rare = "rare.one"

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{T: t, rng: rand.New(rand.NewPCG(seed, 7)), owed: map[string]map[string]bool{}}
	w.rig = newRig(t, func(o *Options) {
		o.LiveMemory = 1 << 20
		o.MaxInFlight = []int{4, 64, 16384}[w.rng.IntN(3)]
		o.Shards = 1 + w.rng.IntN(3)
		o.Defaults.DisableAfter = -1
	})
	patterns := [][]string{nil, {"*"}, {"a.*"}, {"a.b", "z"}, {"z"}, {"rare.*"}, {rare, "never"}}
	for i := range patterns {
		s := &subject{types: patterns[i], enabled: true}
		s.Endpoint = w.rig.endpoint(fmt.Sprint("e", i), func(e *endpoint.Endpoint) {
			e.Spans[0].EventTypes = s.types
			e.MaxInFlight = 1 + w.rng.IntN(16)
			if i == 4 || i == 6 {
				e.Ordering = endpoint.FIFO
			}
		})
		w.endpoints = append(w.endpoints, s)
		w.owed[s.URL] = map[string]bool{}
	}
	w.rig.receiver.answer, w.rig.receiver.forgets = w.answer, true
	return w
}

// answer does what the endpoint is in the mood for at the time.
func (w *world) answer(a arrival) (int, time.Duration, string) {
	w.rig.receiver.mu.Lock()
	defer w.rig.receiver.mu.Unlock()
	delay := time.Duration((int(a.id[len(a.id)-1])+7*a.nth)%50) * time.Millisecond
	i := slices.IndexFunc(w.endpoints, func(s *subject) bool { return s.URL == a.url })
	switch w.endpoints[i].mood {
	case fails:
		return 500, delay, ""
	case refuses:
		return 0, 0, ""
	case hangs:
		return 200, time.Hour, ""
	case defers:
		return 429, delay, "5"
	case ours:
		return -1, delay, ""
	}
	return 200, delay, ""
}

func (w *world) setMood(s *subject, m mood) {
	w.rig.receiver.mu.Lock()
	defer w.rig.receiver.mu.Unlock()
	s.mood = m
}

func (w *world) step() {
	s := w.endpoints[w.rng.IntN(len(w.endpoints))]
	step := w.rng.IntN(16)
	w.Logf("%v: step %d on %s", time.Now().Format(time.StampMilli), step, s.ID)
	switch step {
	case 0, 1, 2, 3:
		w.post(1 + w.rng.IntN(40))
	case 4:
		for range 10 {
			w.post(100)
		}
	case 5:
		w.rig.verb([]ledger.Verb{ledger.Pause, ledger.Resume}[btoi(s.paused)], s.Endpoint)
		s.paused = !s.paused
	case 6:
		w.rig.verb([]ledger.Verb{ledger.Enable, ledger.Disable}[btoi(s.enabled)], s.Endpoint)
		s.enabled = !s.enabled
	case 7, 12, 13:
		w.setMood(s, mood(w.rng.IntN(int(moods))))
	case 8:
		w.rig.restart()
	case 9, 10:
		after(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
	case 11:
		after(time.Duration(w.rng.IntN(60)) * time.Minute)
	case 14:
		w.rig.receiver.oversized.Store(w.rng.IntN(2) == 0)
	case 15:
		w.update(s)
	}
}

// update changes the order and the pace in which an endpoint is sent events.
func (w *world) update(s *subject) {
	change := func(e *endpoint.Endpoint) error {
		e.Ordering = []endpoint.Ordering{endpoint.Unordered, endpoint.FIFO}[w.rng.IntN(2)]
		e.RateLimit = []*endpoint.RateLimit{nil, {PerSecond: 0.5, Burst: 1}, {PerSecond: 20, Burst: 5}}[w.rng.IntN(3)]
		e.MaxInFlight = 1 + w.rng.IntN(64)
		return nil
	}
	if _, err := w.rig.UpdateEndpoint(context.Background(), org, s.ID, change, 0, ledger.Audit{}); err != nil {
		w.Fatalf("update: %v", err)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *world) post(n int) {
	var events []*event.Event
	size := w.rng.IntN(4 << 10)
	for range n {
		w.posted++
		eventType := worldTypes[w.rng.IntN(len(worldTypes))]
		if w.rng.IntN(150) == 0 {
			eventType = rare
		}
		events = append(events, &event.Event{
			ID: ledger.NewID(), Livemode: true, Organization: org, Type: eventType,
			Source: event.API, Data: fmt.Appendf(nil, `{"n":%d,"padding":"%0*d"}`, w.posted, size, 0),
		})
	}
	if _, err := w.rig.ledger.Post(context.Background(), events, false, nil); err != nil {
		w.Fatalf("post: %v", err)
	}
	for _, ev := range events {
		for _, s := range w.endpoints {
			if s.enabled && subscribed(s.types, ev.Type) {
				w.owed[s.URL][event.FormatID(ev.ID, true)] = true
			}
		}
	}
}

// subscribed is the model's idea of patterns.
func subscribed(types []string, eventType string) bool {
	for _, p := range types {
		if p == "*" || p == eventType || p == "a.*" && eventType[0] == 'a' || p == "rare.*" && eventType == rare {
			return true
		}
	}
	return len(types) == 0
}

// settle lets everything work again and waits until nothing is owed.
func (w *world) settle() {
	for _, s := range w.endpoints {
		w.setMood(s, works)
		w.rig.verb(ledger.Resume, s.Endpoint)
		w.rig.verb(ledger.Enable, s.Endpoint)
	}
	w.rig.settle()
}

func (w *world) check() {
	successes := map[string]map[string]int{}
	for _, a := range w.rig.receiver.arrivals() {
		if !w.owed[a.url][a.id] {
			w.Errorf("%s got %s, which it is not owed", a.url, a.id)
		}
		if a.status == 200 {
			if successes[a.url] == nil {
				successes[a.url] = map[string]int{}
			}
			successes[a.url][a.id]++
		}
	}
	for _, s := range w.endpoints {
		lane := w.rig.lane(s.Endpoint)
		gaveUp := lane.Rows[delivery.Exhausted]
		missing := 0
		for id := range w.owed[s.URL] {
			switch n := successes[s.URL][id]; {
			case n == 0:
				missing++
			case n > 1:
				w.Errorf("%s took %s %d times, want once", s.URL, id, n)
				for _, a := range w.rig.receiver.arrivals() {
					if a.url == s.URL && a.id == id {
						w.Logf("at %v: answered %d", a.at.Format(time.StampMilli), a.status)
					}
				}
			}
		}
		if uint64(missing) != gaveUp {
			w.Errorf("%s: %d of %d events did not arrive, but %d are exhausted", s.URL, missing, len(w.owed[s.URL]), gaveUp)
		}
		w.rig.want("matched by "+s.ID, lane.Matched, uint64(len(w.owed[s.URL])))
		w.rig.want("backlog of "+s.ID, lane.Backlog(), uint64(0))
		w.rig.want("waiting at "+s.ID, lane.Waiting(), uint64(0))
		w.rig.want("succeeded at "+s.ID, lane.Rows[delivery.Succeeded], uint64(len(w.owed[s.URL])-missing))
	}
	w.rig.want("payloads in memory", w.rig.memory.used.Load(), int64(0))
	w.rig.want("slots taken", w.rig.slots.used.Load(), int64(0))
	w.rig.want("lanes that hold slots", w.rig.slots.lanes.Load(), int64(0))
	w.rig.want("lanes that want slots", w.rig.slots.hungry.Load(), int64(0))
}
