package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/retry"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// has reports whether an event is still there.
func (o *office) has(ev *event.Event) bool {
	o.t.Helper()
	_, found, err := o.ledger.Event(acme, ev.ID)
	if err != nil {
		o.t.Fatalf("event %s: %v", ev.ID, err)
	}
	return found
}

// A short retention is kept as well as a long one: what is older goes, within a
// tenth, from the moment on at which the engine has run for that long.
func TestShortRetention(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o *office) {
		const keep = 20 * time.Second
		o.stop()
		o.options.Retention = keep
		o.options.Defaults.Retry = retry.Policy{Delays: []time.Duration{time.Second}}
		o.open()
		o.create(endpoint.Endpoint{})
		var posted []*event.Event
		for range 90 {
			posted = append(posted, o.post(acme))
			settle(time.Second)
			for i, ev := range posted {
				age := time.Duration(len(posted)-i) * time.Second
				if !o.has(ev) && age < keep {
					t.Fatalf("an event is gone after %v, want it kept for %v", age, keep)
				}
				if o.has(ev) && age > keep+keep/10+time.Second && len(posted) > 30 {
					t.Fatalf("an event is there after %v, want it kept for %v", age, keep)
				}
			}
		}
		if got := o.expiredSoFar(); got != 0 {
			t.Errorf("got %d deliveries that were owed when their events were taken, want none", got)
		}
	})
}

// Right after a start a clock that is far ahead would take everything: time is
// given to notice it. What the number of bytes takes does not depend on clocks.
func TestClockIsMistrustedAfterAStart(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		o.stop()
		o.options.Retention = 10 * 24 * time.Hour
		o.open()
		old := o.post(acme)
		o.stop()
		time.Sleep(11 * 24 * time.Hour)
		o.open()
		settle(clockGrace / 2)
		if !o.has(old) {
			t.Errorf("half an hour after the start an event from 11 days ago is gone, want it there")
		}
		settle(clockGrace)
		if o.has(old) {
			t.Errorf("an hour and a half after the start an event from 11 days ago is there, want it gone")
		}
		o.options.RetentionBytes = 1
		old = o.post(acme)
		o.stop() // what is counted are tables on disk, and a start writes them
		o.open()
		o.post(acme)
		settle(2 * tidyEvery)
		if o.has(old) {
			t.Errorf("with a bound of one byte the older of two events is there, want it gone")
		}
	})
}

// G10: retention goes on below half of the disk's reserve, where nothing else is
// written, since it is what makes room.
func TestRetentionOnFullDisk(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o *office) {
		const gib = 1 << 30
		disk := kv.NewCrashFS()
		disk.SetFree(50*gib, 100*gib)
		o.stop()
		o.options.Log.FS, o.options.Log.DiskReserve = disk.FS, 0
		o.options.Retention = 20 * time.Second
		o.options.Defaults.Retry = retry.Policy{Delays: []time.Duration{time.Second}}
		o.open()
		settle(o.options.Retention) // for which a start mistrusts the clock
		old := o.post(acme)
		disk.SetFree(2*gib, 100*gib)
		o.post(acme)
		settle(2 * time.Second)
		if err := o.store.Healthy(); err == nil || !strings.Contains(err.Error(), "below half") {
			t.Fatalf("the store is told to be %v, want it below half of the reserve", err)
		}
		settle(2 * o.options.Retention)
		if o.has(old) {
			t.Error("an event is there after twice its retention, want it gone")
		}
	})
}
