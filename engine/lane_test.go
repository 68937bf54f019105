package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// The corners of a lane, each of which once lost, repeated or held up
// something.

// delivery is the delivery of an event, named as receivers see it.
func (r *rig) delivery(e *endpoint.Endpoint, eventID string) delivery.ID {
	r.Helper()
	id, err := event.ParseID(eventID)
	if err != nil {
		r.Fatalf("event id %q: %v", eventID, err)
	}
	return delivery.ID{Event: id, Endpoint: uint64(e.Alias)}
}

// An endpoint that should be disabled, and could not be, is tried again.
func TestDisableThatFails(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if strings.Contains(a.body, `"n":0}`) {
				return 410, 0, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 1 })
		r.disabling.Store(laneID{r.ledger.PartitionOf(org), e.Key}, true) // so that nothing comes of it
		r.post(5)
		after(time.Minute)
		r.want("arrivals", r.receiver.count(), 5)
	})
}

// What was read for a lane is of no use once it was paused, or once a delivery
// was canceled that the reader may not have known of.
func TestReadOvertakenByAVerb(t *testing.T) {
	script(t, nil, func(r *rig) {
		sh := &shard{engine: r.Engine}
		sending := &settings{Endpoint: r.endpoint("one", nil)}
		paused := &settings{Endpoint: &endpoint.Endpoint{Paused: true, Spans: sending.Spans}}
		result := &readResult{upTo: 9, found: []foundEvent{{pos: 5, event: &event.Event{}}}}
		for _, tt := range []struct {
			name     string
			settings *settings
			recheck  wal.Pos
			cancel   bool
			want     int
		}{
			{"nothing happened", sending, 0, false, 1},
			{"paused", paused, 0, false, 0},
			{"canceled", sending, 0, true, 0},
			{"canceled, though it looked for rows", sending, 9, true, 0},
		} {
			l := &lane{shard: sh, behind: true, missed: 9, recheck: tt.recheck, reading: true}
			l.settings.Store(tt.settings)
			if tt.cancel {
				l.cancel(ledger.Ref{Pos: 5})
			}
			l.took(result)
			r.want("queued, "+tt.name, len(l.queue), tt.want)
			r.want("still behind, "+tt.name, l.behind, tt.want == 0)
			for _, a := range l.queue {
				r.memory.give(a.size())
			}
		}
	})
}

func TestCloseTwice(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.stop()
		if err := r.Close(context.Background(), func() {}); !errors.Is(err, ErrClosed) {
			r.Errorf("second close: got %v, want %v", err, ErrClosed)
		}
		r.start()
	})
}

// G8: a lane that has had nothing to do for a while is forgotten, whatever
// happened to its endpoint meanwhile.
func TestIdleLaneIsForgotten(t *testing.T) {
	script(t, nil, func(r *rig) {
		e := r.endpoint("one", nil)
		r.post(1)
		p := r.ledger.PartitionOf(org)
		known := func() bool { return r.shardOf(p, e.Key).lanes[laneID{p, e.Key}] != nil }
		after(10 * time.Second)
		r.want("lane after ten seconds", known(), true)
		r.verb(ledger.Pause, e)
		after(time.Second)
		r.verb(ledger.Resume, e)
		after(time.Minute)
		r.want("lane after a minute", known(), false)
	})
}

// What is deleted takes no memory, whatever becomes of its attempts.
func TestDeletedLaneLeavesNothing(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if strings.Contains(a.body, `"n":0}`) {
				return -1, 10 * time.Second, ""
			}
			return 200, 0, ""
		}
		e := r.endpoint("one", nil)
		r.post(100)
		after(time.Second)
		if err := r.DeleteEndpoint(context.Background(), org, e.ID, ledger.Audit{}); err != nil {
			r.Fatalf("delete: %v", err)
		}
		after(time.Minute)
		r.want("payloads in memory", r.memory.used.Load(), int64(0))
	})
}

// G2: an event that returned to the line, while a later one is still under way,
// is not taken for attempted after a restart.
func TestEventPutBackBehindALaterOneSurvivesARestart(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			switch {
			case strings.Contains(a.body, `"n":0}`) && a.nth == 1:
				return -1, 10 * time.Millisecond, ""
			case strings.Contains(a.body, `"n":1}`):
				return 200, 10 * time.Second, ""
			}
			return 200, 50 * time.Millisecond, ""
		}
		e := r.endpoint("one", nil)
		r.post(3)
		after(80 * time.Millisecond) // the third has ended, the first is held back for a moment
		r.restart()
		after(time.Minute)
		r.want("backlog", r.lane(e).Backlog(), uint64(0))
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(3))
	})
}

// A lane whose secret cannot be opened any more lets go of everything, also of
// what the reader finds for it and of what is under way; the endpoint goes on
// where it was when it gets another secret (G2, G8).
func TestLaneWithoutItsSecret(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 200, time.Second, "" }
		e := r.endpoint("one", func(e *endpoint.Endpoint) { e.MaxInFlight = 2 })
		sealed := e.Secrets[0].Sealed
		r.post(200)
		after(10 * time.Second)
		seal := func(sealed []byte) {
			next := *r.lookup(e.ID)
			next.Secrets = []endpoint.Secret{{ID: "sec_1", Sealed: sealed}}
			if _, err := r.ledger.Change(context.Background(), &ledger.Change{Endpoint: &next, Base: next.Version}); err != nil {
				r.Fatalf("change: %v", err)
			}
		}
		seal([]byte("damaged"))
		after(time.Hour)
		if got := r.receiver.count(); got == 0 || got > 40 {
			r.Errorf("arrivals while the secret is damaged: got %d, want only those of before", got)
		}
		r.want("payloads in memory", r.memory.used.Load(), int64(0))
		r.want("due", r.metrics.due.Get(), float64(0))
		seal(sealed)
		after(time.Hour)
		r.want("arrivals in the end", r.receiver.count(), 200)
		r.want("payloads in memory in the end", r.memory.used.Load(), int64(0))
	})
}

// That an address wants nothing any more says nothing about the one that the
// endpoint has by now.
func TestGoneOfAnEarlierAddress(t *testing.T) {
	script(t, nil, func(r *rig) {
		r.receiver.answer = func(a arrival) (int, time.Duration, string) {
			if strings.Contains(a.url, "elsewhere") {
				return 200, 0, ""
			}
			return 410, 5 * time.Second, ""
		}
		e := r.endpoint("one", nil)
		r.post(1)
		after(time.Second)
		move := func(e *endpoint.Endpoint) error { e.URL = "https://elsewhere.example/"; return nil }
		if _, err := r.UpdateEndpoint(context.Background(), org, e.ID, move, 0, ledger.Audit{}); err != nil {
			r.Fatalf("update: %v", err)
		}
		after(time.Minute)
		r.want("enabled", r.lookup(e.ID).Enabled(), true)
		r.want("succeeded", r.lane(e).Rows[delivery.Succeeded], uint64(1))
	})
}
