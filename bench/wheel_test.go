package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/wheel"
)

// BenchmarkWheel is the life of one timer while so many others wait for up to
// ten hours: set, moved once, fired, and set again.
func BenchmarkWheel(b *testing.B) {
	const longest = int64(10 * time.Hour / time.Millisecond)
	for _, waiting := range []int{1, 1_000, 1_000_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			w := wheel.New[int](0)
			timers := make([]wheel.Timer[int], waiting)
			for i := range timers {
				w.Set(&timers[i], 1+random.Int64N(longest))
			}
			var now int64
			again := func(t *wheel.Timer[int]) { w.Set(t, now+1+random.Int64N(longest)) }
			var probe wheel.Timer[int]
			b.ReportAllocs()
			for b.Loop() {
				w.Set(&probe, now+5000)
				w.Set(&probe, now+1)
				now++
				w.Advance(now, again)
			}
		})
	}
}
