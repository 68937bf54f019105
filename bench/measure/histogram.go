// Package measure holds the instruments of the benchmarks: a histogram of
// latencies, an exact set of event ids, and what a process has used up. They
// are shared by the load generator, the sink and the scenarios, so that the
// same figure is always taken the same way.
package measure

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	linearBits = 7               // 128 steps per power of two: a value is known to better than 0.8 %
	linear     = 1 << linearBits // below this many nanoseconds every value has its own bucket
	longest    = 40              // bits of the longest latency told apart, 18 minutes; longer ones count as that
	buckets    = (longest - linearBits + 1) * linear
)

// Histogram counts latencies in buckets that are linear within a power of two,
// so it keeps the relative precision over the whole range in 34 KB. The zero
// value is empty and ready. It is safe for concurrent use; what is read while
// others record is a moment's view, not a snapshot.
type Histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
	max    atomic.Int64
}

// Latency sums up a histogram. Quantiles are the upper ends of their buckets,
// so they never flatter.
type Latency struct {
	Count uint64        `json:"count"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Record adds one latency. A negative one, which two clocks can produce,
// counts as zero.
func (h *Histogram) Record(d time.Duration) {
	v := min(max(int64(d), 0), 1<<longest-1)
	h.counts[bucket(uint64(v))].Add(1)
	h.sum.Add(v)
	for {
		seen := h.max.Load()
		if v <= seen || h.max.CompareAndSwap(seen, v) {
			return
		}
	}
}

// Quantile returns the latency that the fraction q of all records does not
// exceed; 0 while the histogram is empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	return h.quantile(q, h.count())
}

// Latency returns the summary of what has been recorded so far.
func (h *Histogram) Latency() Latency {
	count := h.count()
	if count == 0 {
		return Latency{}
	}
	return Latency{
		Count: count,
		Mean:  time.Duration(h.sum.Load() / int64(count)),
		P50:   h.quantile(0.50, count),
		P90:   h.quantile(0.90, count),
		P99:   h.quantile(0.99, count),
		P999:  h.quantile(0.999, count),
		Max:   time.Duration(h.max.Load()),
	}
}

func (h *Histogram) count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

func (h *Histogram) quantile(q float64, count uint64) time.Duration {
	if count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(count))), 1)
	var seen uint64
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= rank {
			return min(time.Duration(upper(i)), time.Duration(h.max.Load()))
		}
	}
	return time.Duration(h.max.Load())
}

// bucket returns where a value is counted: its leading bit says which power of
// two, the seven bits after that which step.
func bucket(v uint64) int {
	if v < linear {
		return int(v)
	}
	shift := bits.Len64(v) - linearBits - 1
	return shift*linear + int(v>>shift)
}

// upper returns the greatest value that falls into a bucket.
func upper(i int) uint64 {
	if i < 2*linear {
		return uint64(i)
	}
	shift := i/linear - 1
	step := uint64(i%linear + linear)
	return (step+1)<<shift - 1
}
