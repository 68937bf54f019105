package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// world is an engine and a model of what it owes and of what it was told. The
// test's goroutine does one thing after the other, so that the model knows what
// came before what.
type world struct {
	*testing.T
	rng       *rand.Rand
	rig       *rig
	disk      *kv.CrashFS
	endpoints []*subject
	ample     bool // there are slots for all

	log       []wal.Pos                  // of the events
	number    map[string]int             // of an event in the log, by id: 1, 2, …
	owed      map[string]map[string]bool // url → event ids
	elsewhere map[string]bool            // deliveries that were canceled or put in line by hand
	jobs      []event.ID                 // replays that may be running
	expired   int                        // so many of the log were taken by retention
	cuts      []time.Time                // when the power went

	mu       sync.Mutex           // guards what follows, and the subjects' mood, stopped and pace
	canceled map[string]time.Time // deliveries, and since when
}

// subject is an endpoint and what the model knows of it.
type subject struct {
	*endpoint.Endpoint
	types           []string
	enabled, paused bool
	measured        bool          // its order and pace stay as they are
	deliveries      []delivery.ID // those whose ids are known

	mood    mood
	stopped time.Time // since when it is paused or disabled; zero = it is not
	pace    pace
}

// mood is what an endpoint does with what it is sent.
type mood int

const (
	works   mood = iota
	slow         // takes it after some seconds
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

// Subjects whose order and pace are measured.
const (
	paced  = 1 // has a rate limit
	inLine = 4 // is fifo
)

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		T: t, rng: rand.New(rand.NewPCG(seed, 7)), disk: kv.NewCrashFS(),
		number: map[string]int{}, owed: map[string]map[string]bool{}, elsewhere: map[string]bool{}, canceled: map[string]time.Time{},
	}
	w.rig = newRig(t, func(o *Options) {
		o.Log.FS = w.disk.FS
		o.LiveMemory, o.Log.CacheSize = 1<<20, 32<<20
		o.MaxInFlight = []int{4, 64, 16384}[w.rng.IntN(3)]
		w.ample = o.MaxInFlight > 4
		o.Shards = 1 + w.rng.IntN(3)
		o.Defaults.DisableAfter = -1
	})
	w.rig.receiver.answer, w.rig.receiver.forgets = w.answer, true
	for i, types := range [][]string{nil, {"*"}, {"a.*"}, {"a.b", "z"}, {"z"}, {"rare.*"}, {rare, "never"}} {
		s := &subject{types: types, enabled: true, measured: i == paced || i == inLine}
		s.Endpoint = w.rig.endpoint(fmt.Sprint("e", i), func(e *endpoint.Endpoint) {
			e.Spans[0].EventTypes = s.types
			e.MaxInFlight = 1 + w.rng.IntN(16)
			if i == inLine || i == 6 {
				e.Ordering = endpoint.FIFO
			}
			if i == paced {
				e.RateLimit, e.MaxInFlight = &endpoint.RateLimit{PerSecond: 10, Burst: 1}, 16
				s.mood = slow // more could be made ready than may start
			}
		})
		w.endpoints = append(w.endpoints, s)
		w.owed[s.URL] = map[string]bool{}
	}
	return w
}

// answer does what the endpoint is in the mood for at the time, and sees whether
// it should have been sent this at all.
func (w *world) answer(a arrival) (int, time.Duration, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.endpoints, func(s *subject) bool { return s.URL == a.url })
	s := w.endpoints[i]
	w.checkStart(s, &a)
	delay := time.Duration((int(a.id[len(a.id)-1])+7*a.nth)%50) * time.Millisecond
	switch s.mood {
	case slow:
		return 200, 5*time.Second + delay, ""
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
	w.mu.Lock()
	defer w.mu.Unlock()
	s.mood = m
}

// control carries out a verb after which an endpoint is sent events or is not.
func (w *world) control(s *subject, v ledger.Verb) {
	switch v {
	case ledger.Pause, ledger.Resume:
		s.paused = v == ledger.Pause
	case ledger.Enable, ledger.Disable:
		s.enabled = v == ledger.Enable
	}
	sends := s.enabled && !s.paused
	if sends {
		w.setStopped(s, time.Time{})
	}
	w.rig.verb(v, s.Endpoint)
	if !sends {
		w.setStopped(s, time.Now())
	}
}

func (w *world) setStopped(s *subject, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.stopped = since
}

func (w *world) post(n int) {
	var events []*event.Event
	size := w.rng.IntN(4 << 10)
	for range n {
		eventType := worldTypes[w.rng.IntN(len(worldTypes))]
		if w.rng.IntN(150) == 0 {
			eventType = rare
		}
		id := ledger.NewID()
		n := len(w.number) + 1
		binary.BigEndian.PutUint64(id[8:], uint64(n)) // answers depend on it
		w.number[event.FormatID(id, true)] = n
		events = append(events, &event.Event{
			ID: id, Livemode: true, Organization: org, Type: eventType,
			Source: event.API, Data: fmt.Appendf(nil, `{"n":%d,"padding":"%0*d"}`, n, size, 0),
		})
	}
	verdicts, err := w.rig.ledger.Post(context.Background(), events, false, nil)
	if err != nil {
		w.Fatalf("post: %v", err)
	}
	for i, ev := range events {
		w.log = append(w.log, verdicts[i].Pos)
		matched := 0
		for _, s := range w.endpoints {
			if s.enabled && subscribed(s.types, ev.Type) {
				matched++
				w.owed[s.URL][event.FormatID(ev.ID, true)] = true
				s.deliveries = append(s.deliveries, delivery.ID{Event: ev.ID, Endpoint: uint64(s.Alias)})
			}
		}
		w.rig.want("endpoints that an event matched", verdicts[i].Matched, matched)
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
