package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Lanes that are behind read what they are owed from tables, each read of which
// fails in turn, once or for a while: they wait and try again, and everything
// arrives, once (G2, G10). An engine that cannot apply the log because of it
// stops, says so, and goes on after a restart.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	disk, key := behind(t)
	tried, stopped, n := 0, 0, 0
	for failed := true; failed; n++ {
		if testing.Short() {
			n += n / 2
		} else {
			n += n / 10
		}
		t.Run(fmt.Sprint("read=", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var gaveUp bool
				tried++
				failed, gaveUp = catchUpDespite(t, disk.Crash(nil, 0), key, n)
				if gaveUp {
					stopped++
				}
			})
		})
	}
	if n < 100 {
		t.Errorf("got %d reads, want more", n)
	}
	t.Logf("%d times a read of about %d failed, %d times the engine stopped", tried-1, n, stopped)
}

var behindNames = []string{"one", "two", "three"}

const behindEvents = 40

// behind is a disk with endpoints that are paused and owed events: to one of
// them in order, to another some that have failed before; and its master key.
func behind(t *testing.T) (disk *kv.CrashFS, key []byte) {
	disk = kv.NewCrashFS()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Log.FS = disk.FS })
		key = r.key
		r.receiver.answer = func(arrival) (int, time.Duration, string) { return 503, 0, "" }
		failing := r.endpoint(behindNames[0], nil)
		r.post(behindEvents / 2)
		time.Sleep(time.Second)
		r.verb(ledger.Pause, failing)
		for i, name := range behindNames[1:] {
			r.verb(ledger.Pause, r.endpoint(name, func(e *endpoint.Endpoint) {
				if i == 0 {
					e.Ordering = endpoint.FIFO
				}
			}))
		}
		random := rand.NewChaCha8([32]byte{})
		data := make([]byte, 30<<10)
		for range behindEvents { // more than the cache holds
			random.Read(data)
			r.postData(1, fmt.Appendf(nil, `"%x"`, data))
		}
		if err := r.store.DB().Flush(); err != nil {
			t.Fatal(err)
		}
		r.stop()
	})
	return disk, key
}

// catchUpDespite resumes all endpoints while the n-th read of a table fails.
func catchUpDespite(t *testing.T, disk *kv.CrashFS, key []byte, n int) (failed, stopped bool) {
	r := &rig{T: t, key: key, receiver: &receiver{}, fs: disk.FS}
	r.options = rigOptions()
	r.options.Log.CacheSize = 1 << 20
	r.start()
	hit := disk.FailReads(n, 1+n%3)
	for _, name := range behindNames {
		r.verb(ledger.Resume, r.lookup("ed_"+name))
	}
	time.Sleep(time.Minute)
	failed = hit()
	disk.Inject(nil)
	select {
	case err := <-r.Failed():
		t.Logf("stopped: %v", err)
		stopped = true
		r.stop()
		r.start()
	default:
	}
	r.settle()
	got := map[[2]string]int{}
	for _, a := range r.receiver.arrivals() {
		got[[2]string{a.url, a.id}]++
	}
	r.want("deliveries", len(got), behindEvents/2+len(behindNames)*behindEvents)
	for to, times := range got {
		if times > 1 && !stopped {
			r.Errorf("%v arrived %d times", to, times)
		}
	}
	r.verify()
	r.stop()
	return failed, stopped
}
