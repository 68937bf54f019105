package wal

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkAppend is what a real disk does: one 1 KB event per submission, from
// so many writers, each waiting for its event to be synced.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, Options{Dir: b.TempDir()})
			data := make([]byte, 1024)
			rng := rand.NewChaCha8([32]byte{1})
			rng.Read(data)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					done := make(chan error, 1)
					answer := func(err error) { done <- err }
					recs := []Rec{{Kind: Event, Data: data}}
					for left.Add(-1) >= 0 {
						s.Submit(w%16, recs, answer)
						if err := <-done; err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
