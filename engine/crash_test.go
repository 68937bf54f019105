package engine

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// G1, G2, G3: the power goes at any moment, again and again, and takes
// everything that was not synced. Whatever Post had accepted arrives; what
// arrives twice was under way at a cut, or had ended within the interval in
// which outcomes wait for a sync.
func TestPowerCuts(t *testing.T) {
	seeded(t, 6, func(t *testing.T, seed uint64) { powerCuts(t, rand.New(rand.NewPCG(seed, 11))) })
}

func powerCuts(t *testing.T, rng *rand.Rand) {
	disk := kv.NewCrashFS()
	r := newRig(t, func(o *Options) { o.Log.FS = disk.FS })
	r.receiver.answer = func(a arrival) (int, time.Duration, string) {
		// Each attempt's fate is fixed by its event and number, so that it does
		// not matter in which order they come.
		n := int(a.id[len(a.id)-1]) + a.nth
		return []int{200, 200, 200, 500}[n%4], time.Duration(n%7) * 10 * time.Millisecond, ""
	}
	for _, name := range []string{"one", "two"} {
		r.endpoint(name, nil)
	}
	accepted := map[string]bool{}
	cuts := []time.Time{}
	for range 6 {
		ctx, cut := context.WithCancel(context.Background())
		var producers sync.WaitGroup
		var mu sync.Mutex
		dead := false // what is answered from now on, nobody hears
		for range 4 {
			producers.Go(func() {
				for ctx.Err() == nil {
					ev := &event.Event{ID: ledger.NewID(), Livemode: true, Organization: org, Type: "a.b", Source: event.API, Data: []byte(`{}`)}
					if _, err := r.ledger.Post(ctx, []*event.Event{ev}, false, nil); err == nil {
						mu.Lock()
						if !dead {
							accepted[event.FormatID(ev.ID, true)] = true
						}
						mu.Unlock()
					}
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		var after *kv.CrashFS
		atOperation(disk, rng.IntN(200), func() {
			mu.Lock()
			defer mu.Unlock()
			dead = true
			after = disk.Crash(rng, rng.IntN(101))
			cuts = append(cuts, time.Now())
			r.receiver = r.receiver.successor()
		})
		cut()
		producers.Wait()
		r.stop() // the engine that the power went from; it has no effect any more
		disk = after
		r.fs = disk.FS
		r.start()
	}
	r.settle()
	checkPowerCuts(r, accepted, cuts)
	r.verify()
	r.stop()
}

// atOperation does something in the middle of the work: right before the n-th
// operation from now that changes or syncs a file.
func atOperation(disk *kv.CrashFS, n int, do func()) {
	var left atomic.Int64
	left.Store(int64(n))
	done := make(chan struct{})
	disk.Inject(func(op kv.Op) error {
		if (op.Write || op.Sync) && left.Add(-1) == -1 {
			do()
			close(done)
		}
		return nil
	})
	<-done
	disk.Inject(nil)
}

func checkPowerCuts(r *rig, accepted map[string]bool, cuts []time.Time) {
	r.Helper()
	taken := map[[2]string][]arrival{}
	for _, a := range r.receiver.arrivals() {
		if a.status == 200 {
			taken[[2]string{a.url, a.id}] = append(taken[[2]string{a.url, a.id}], a)
		}
	}
	lost, twice := 0, 0
	for id := range accepted {
		for _, url := range []string{"https://one.example/hook", "https://two.example/hook"} {
			times := taken[[2]string{url, id}]
			if len(times) == 0 {
				lost++
			}
			if len(times) > 1 {
				twice++
			}
			r.checkRepeats(times, cuts)
		}
	}
	r.want("lost deliveries", lost, 0)
	for _, name := range []string{"ed_one", "ed_two"} {
		lane := r.lane(r.lookup(name))
		r.want("backlog", lane.Backlog(), uint64(0))
		r.want("waiting", lane.Waiting(), uint64(0))
		r.want("given up", lane.Rows[delivery.Exhausted]+lane.Rows[delivery.Failed], uint64(0))
	}
	r.Logf("%d accepted, %d deliveries repeated over %d cuts", len(accepted), twice, len(cuts))
}

// checkRepeats sees whether a delivery that was taken more than once had a
// reason each time (G3).
func (r *rig) checkRepeats(taken []arrival, cuts []time.Time) {
	r.Helper()
	for i := 1; i < len(taken); i++ {
		if a := taken[i-1]; !excused(a, cuts) {
			r.Errorf("%s took %s of event %s at %v and again at %v, with no cut soon after the first", a.url, a.delivery, a.id, a.at, taken[i].at)
		}
	}
}

// excused says whether the power went while the outcome of an attempt could
// still be unsynced: 100 ms after its end, and a little for the way there.
func excused(a arrival, cuts []time.Time) bool {
	for _, cut := range cuts {
		if d := cut.Sub(a.until); d >= 0 && d <= 120*time.Millisecond {
			return true
		}
	}
	return false
}
