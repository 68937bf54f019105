package ops

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many ask, and however often, renderings take a twentieth of the time;
// and nobody gets one that began before he asked.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cost = 5 * time.Millisecond
		began := []time.Time{}
		s := newShared(func() []byte {
			began = append(began, time.Now())
			time.Sleep(cost)
			return []byte(strconv.Itoa(len(began) - 1))
		})
		start := time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for time.Since(start) < time.Second {
					asked := time.Now()
					n, err := strconv.Atoi(string(s.get()))
					if err != nil || began[n].Before(asked) {
						t.Errorf("asked at %v: got rendering %d, %v, of before", asked, n, err)
					}
				}
			})
		}
		all.Wait()
		if got, want := len(began), int(time.Since(start)/((rest+1)*cost))+1; got > want {
			t.Errorf("renderings in %v: got %d, want at most %d", time.Since(start), got, want)
		}
	})
}

// Who asks after a pause does not wait.
func TestSharedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(func() []byte { time.Sleep(time.Millisecond); return nil })
		for range 3 {
			asked := time.Now()
			s.get()
			if got, want := time.Since(asked), time.Millisecond; got != want {
				t.Errorf("waited: got %v, want %v", got, want)
			}
			time.Sleep(time.Second)
		}
	})
}
