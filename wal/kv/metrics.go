package kv

import (
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Metrics is what an operator needs to know of a store. Counters run from Open.
type Metrics struct {
	DiskBytes      uint64 // all files of the store
	ReadAmp        int    // how many tables a read may have to look into
	L0Sublevels    int
	Tombstones     uint64 // deletes that compactions have yet to carry out
	MemTableBytes  uint64
	ZombieBytes    uint64 // replaced tables that an open iterator keeps
	CacheBytes     int64
	CacheHits      int64
	CacheMisses    int64
	FilterHits     int64 // table reads that bloom filters saved
	FilterMisses   int64
	Flushes        int64
	Compactions    int64
	Compacting     int64  // running now
	CompactionDebt uint64 // estimated bytes to compact until the tree is in shape

	// BytesIn is what was committed, WALBytes what that took in the WAL.
	// (WALBytes + FlushedBytes + CompactedBytes) / BytesIn is the write
	// amplification.
	BytesIn        uint64
	WALBytes       uint64
	FlushedBytes   uint64
	CompactedBytes uint64
	WALFiles       int64
	WALSize        uint64 // live bytes, read again after a crash

	Fsync Histogram // of the WAL

	BackgroundErrors int64
	WriteStalls      int64
	SlowDisk         int64
	LowDiskSpace     int64
	Corruptions      int64
}

// Histogram counts durations by upper bound, cumulatively: Counts[i] took at
// most Bounds[i].
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64
	Count  uint64
	Sum    time.Duration
}

// Degraded says in a few words why the store cannot be relied on at present, or
// "" if it can.
func (d *DB) Degraded() string { return d.faults.degraded() }

// Metrics takes some 50 µs; not for hot paths.
func (d *DB) Metrics() Metrics {
	p := d.pebble.Metrics()
	total := p.Total()
	return Metrics{
		DiskBytes:      p.DiskSpaceUsage(),
		ReadAmp:        p.ReadAmp(),
		L0Sublevels:    int(p.Levels[0].Sublevels),
		Tombstones:     p.Keys.TombstoneCount,
		MemTableBytes:  p.MemTable.Size,
		ZombieBytes:    p.Table.ZombieSize,
		CacheBytes:     p.BlockCache.Size,
		CacheHits:      p.BlockCache.Hits,
		CacheMisses:    p.BlockCache.Misses,
		FilterHits:     p.Filter.Hits,
		FilterMisses:   p.Filter.Misses,
		Flushes:        p.Flush.Count,
		Compactions:    p.Compact.Count,
		Compacting:     p.Compact.NumInProgress,
		CompactionDebt: p.Compact.EstimatedDebt,

		BytesIn:        p.WAL.BytesIn,
		WALBytes:       p.WAL.BytesWritten,
		FlushedBytes:   p.Levels[0].TableBytesFlushed, // the total's holds the WAL's bytes too
		CompactedBytes: total.TableBytesCompacted,
		WALFiles:       p.WAL.Files,
		WALSize:        p.WAL.Size,

		Fsync: fsyncHistogram(p.LogWriter.FsyncLatency),

		BackgroundErrors: d.faults.backgroundErrors.Load(),
		WriteStalls:      d.faults.writeStalls.Load(),
		SlowDisk:         d.faults.slowDisk.Load(),
		LowDiskSpace:     d.faults.lowSpace.Load(),
		Corruptions:      d.faults.corruptions.Load(),
	}
}

func fsyncHistogram(h interface{ Write(*dto.Metric) error }) Histogram {
	var m dto.Metric
	if h == nil || h.Write(&m) != nil {
		return Histogram{}
	}
	p := m.GetHistogram()
	out := Histogram{Count: p.GetSampleCount(), Sum: time.Duration(p.GetSampleSum())}
	for _, b := range p.GetBucket() {
		out.Bounds = append(out.Bounds, time.Duration(b.GetUpperBound()))
		out.Counts = append(out.Counts, b.GetCumulativeCount())
	}
	return out
}
