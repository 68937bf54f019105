package server

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap may grow by half of what is in use before garbage is collected, or
// by collectorHeadroom if that is more.
//
// Half, not all as is usual, because most of a large heap is the store's memory,
// which holds no pointers and costs nothing to scan: taking in a million events
// in large batches then peaks at 354 MB instead of 527. A small heap would be
// collected many times a second that way, for 9 % of the CPU time of accepting.
const (
	collectorPercent  = 50
	collectorHeadroom = 96 << 20
)

// PaceCollector adapts the percentage of the garbage collector to the size of
// the heap, after each collection, for as long as the process runs. A memory
// limit (GOMEMLIMIT) holds nevertheless.
func PaceCollector() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := 0
	var adapt func()
	adapt = func() {
		metrics.Read(sample)
		// To set it stops the world for a moment: not for a small difference.
		if p := percentFor(sample[0].Value.Uint64()); p < now || p > now+now/8 {
			debug.SetGCPercent(p)
			now = p
		}
		afterCollection(adapt)
	}
	adapt()
}

// percentFor returns how much a heap with so many bytes in use may grow.
func percentFor(live uint64) int {
	return max(collectorPercent, int(100*collectorHeadroom/max(live, 1<<20)))
}

// afterCollection calls do once, soon after the next collection: an object that
// nobody refers to is gone then.
func afterCollection(do func()) {
	canary := new([16]*byte) // with pointers, else it would share a block with others
	runtime.AddCleanup(canary, func(do func()) { do() }, do)
}
