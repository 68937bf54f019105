package bench

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hookwheel/hookwheel/bench/payload"
	"github.com/hookwheel/hookwheel/wal"
)

// BenchmarkAppend writes 1 KB events to the disk below the temporary
// directory. Each writer waits for its submission to be synced before it makes
// the next, so more writers share an fsync. One op is one event.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 100} {
		for _, writers := range []int{1, 8, 64, 256} {
			b.Run(fmt.Sprintf("batch=%d/writers=%d", batch, writers), func(b *testing.B) {
				benchmarkAppend(b, batch, writers)
			})
		}
	}
}

// openStore opens an empty log on disk until the benchmark ends.
func openStore(b *testing.B) *wal.Store {
	store, err := wal.Open(wal.Options{Dir: b.TempDir(), DiskReserve: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

func benchmarkAppend(b *testing.B, batch, writers int) {
	store := openStore(b)
	pool := payload.NewPool(1)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.SetBytes(1024)
	b.ReportAllocs()
	b.ResetTimer()
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			source := pool.Source(1024, uint64(writer))
			done := make(chan error, 1)
			records := slices.Repeat([]wal.Rec{{Kind: wal.Event}}, batch)
			for left.Add(-int64(batch)) > -int64(batch) {
				for i := range records {
					records[i].Data = source.Append(records[i].Data[:0], int64(i))
				}
				store.Submit(writer%store.Partitions(), records, func(err error) { done <- err })
				if err := <-done; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
