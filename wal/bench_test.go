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

// BenchmarkPack packs 32 records of 1 KB, as one commit does, and reads them
// back. One op is a pack.
func BenchmarkPack(b *testing.B) {
	data := make([]byte, 1024)
	rand.NewChaCha8([32]byte{1}).Read(data)
	recs := make([]Rec, 32)
	for i := range recs {
		recs[i] = Rec{Pos: Pos(i + 1), Kind: Event, At: 1_700_000_000_000, Data: data}
	}
	key := packKey(nil, eventRange, recs[0].Pos, 0)
	all := refs(recs)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(recs) * len(data)))
		for b.Loop() {
			encodePack(key, all)
		}
	})
	b.Run("decode", func(b *testing.B) {
		pack := encodePack(key, all)
		var got []Rec
		b.ReportAllocs()
		b.SetBytes(int64(len(recs) * len(data)))
		for b.Loop() {
			var err error
			if got, err = appendRecs(got[:0], key, pack); err != nil {
				b.Fatal(err)
			}
		}
	})
}
