package measure

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestHistogramBuckets(t *testing.T) {
	for i := range buckets {
		if got := bucket(upper(i)); got != i {
			t.Fatalf("bucket(upper(%d)) = %d, want %d", i, got, i)
		}
		if i+1 < buckets {
			if got := bucket(upper(i) + 1); got != i+1 {
				t.Fatalf("bucket(upper(%d)+1) = %d, want %d", i, got, i+1)
			}
		}
	}
	if got, want := bucket(1<<longest-1), buckets-1; got != want {
		t.Errorf("the longest latency lies in bucket %d, want the last, %d", got, want)
	}
}

// Quantiles are compared with those of the sorted values themselves.
func TestHistogramQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	values := make([]time.Duration, 10_000)
	for i := range values {
		values[i] = time.Duration(rng.Int64N(1 << (1 + rng.IntN(longest))))
		h.Record(values[i])
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := values[max(int(q*float64(len(values)))-1, 0)]
		got := h.Quantile(q)
		if got < exact || float64(got) > float64(exact)*1.008+1 {
			t.Errorf("quantile %v: got %d, want %d to 0.8 %% above", q, got, exact)
		}
	}
	if got, want := h.Latency().Count, uint64(len(values)); got != want {
		t.Errorf("count: got %d, want %d", got, want)
	}
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if got := h.Latency(); got != (Latency{}) {
		t.Errorf("empty histogram: got %+v, want zeros", got)
	}
	h.Record(-time.Second)
	h.Record(time.Hour * 24)
	got := h.Latency()
	if got.P50 != 0 || got.Max != 1<<longest-1 {
		t.Errorf("got p50 %d and max %d, want 0 and %d", got.P50, got.Max, 1<<longest-1)
	}
}

func TestIDsTellApartAndAgain(t *testing.T) {
	id := "evt_" + ulid.MustNew(1, rand.NewChaCha8([32]byte{})).String()
	tests := []struct {
		endpoint uint32
		id       string
		isNew    bool
	}{
		{1, id, true},
		{1, id, false},
		{2, id, true},
		{1, "evt_test_" + id[4:], true},
		{1, "evt_test_" + id[4:], false},
		{1, "evt_" + "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", true}, // beyond 128 bits: kept as a string
		{1, "evt_" + "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", false},
		{1, "msg_1", true},
		{1, "msg_1", false},
		{2, "msg_1", true},
		{1, "", true},
	}
	var set IDs
	var want int
	for _, tt := range tests {
		if got := set.Add(tt.endpoint, []byte(tt.id)); got != tt.isNew {
			t.Errorf("Add(%d, %q) = %v, want %v", tt.endpoint, tt.id, got, tt.isNew)
		}
		if tt.isNew {
			want++
		}
	}
	if got := set.Len(); got != want {
		t.Errorf("Len() = %d, want %d", got, want)
	}
	// The same ULID in lower case is another id.
	if lower := []byte("evt_0000000001abcdefghjkmnpqrs"); !set.Add(1, []byte("evt_0000000001ABCDEFGHJKMNPQRS")) || !set.Add(1, lower) {
		t.Error("two spellings of a ULID were taken for one id")
	}
}

func TestIDsConcurrent(t *testing.T) {
	const writers, each = 8, 1000
	var set IDs
	var group sync.WaitGroup
	for range writers { // all add the same ids
		group.Go(func() {
			for i := range each {
				set.Add(0, fmt.Appendf(nil, "evt_%026d", i))
			}
		})
	}
	group.Wait()
	if got := set.Len(); got != each {
		t.Errorf("Len() = %d, want %d", got, each)
	}
}

func TestParseCPU(t *testing.T) {
	const line = "42 (a ) (b) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0"
	got, err := parseCPU([]byte(line))
	if want := 2 * time.Second; got != want || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := parseCPU([]byte("42 (short) S 1")); err == nil {
		t.Errorf("a cut line gave %v, want an error", got)
	}
}

func TestProcessUsage(t *testing.T) {
	got, err := ProcessUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got.RSS < 1<<20 || got.PeakRSS < got.RSS/2 {
		t.Errorf("got RSS %d, peak %d, want at least a megabyte", got.RSS, got.PeakRSS)
	}
	if _, err := ProcessUsage(1 << 30); err == nil {
		t.Error("a process that does not exist: got no error")
	}
}

func BenchmarkHistogramRecord(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Record(time.Duration(i))
	}
}

func BenchmarkIDsAdd(b *testing.B) {
	var set IDs
	entropy := rand.NewChaCha8([32]byte{})
	id := make([]byte, 4+ulid.EncodedSize)
	copy(id, "evt_")
	b.ReportAllocs()
	for b.Loop() {
		_ = ulid.MustNew(1, entropy).MarshalTextTo(id[4:])
		set.Add(0, id)
	}
}
