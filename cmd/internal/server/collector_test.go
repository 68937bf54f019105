package server

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 9600}, {1 << 20, 9600}, {96 << 20, 100}, {192 << 20, 50}, {10 << 30, 50},
	} {
		if got := percentFor(tt.live); got != tt.want {
			t.Errorf("%d bytes in use: got %d %%, want %d", tt.live, got, tt.want)
		}
	}
}

// The percentage follows the heap, up and down.
func TestPaceCollector(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	PaceCollector()
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	becomes := func(what string, ok func(percent int) bool) {
		t.Helper()
		for give := time.Now().Add(10 * time.Second); !ok(percent()); runtime.GC() {
			if time.Now().After(give) {
				t.Fatalf("%s: the percentage stays at %d", what, percent())
			}
		}
	}
	small := func(percent int) bool { return percent > 2*collectorPercent }
	becomes("small heap", small)
	large := make([]byte, 4*collectorHeadroom)
	becomes("large heap", func(percent int) bool { return percent == collectorPercent })
	runtime.KeepAlive(large) // until here
	becomes("small heap again", small)
}
