package wal

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv"
)

var crashSeeds = flag.Int("seeds", 120, "how many seeds TestCrash tries")

// A power cut at any moment, with any part of what was not synced on disk or
// not, takes nothing that was acknowledged (G1), takes outcomes only as a suffix
// (G3), invents nothing, and never lets a position that a tail has seen come
// back with another record.
func TestCrash(t *testing.T) {
	var wg sync.WaitGroup
	seeds := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range seeds {
				if !t.Failed() {
					crashOnce(t, seed)
				}
			}
		})
	}
	for seed := range uint64(*crashSeeds) {
		seeds <- seed
	}
	close(seeds)
	wg.Wait()
}

// history is what the outside world knows of a log.
type history struct {
	sync.Mutex
	next      uint64
	partition map[[16]byte]int
	unit      map[[16]byte]uint64 // the first record of its submission
	acked     map[[16]byte]bool   // and no outcome
	seen      map[Pos][16]byte    // handed to a tail
	lost      map[Pos]bool        // of these, taken by an earlier crash
}

// submission makes up to three records.
func (h *history) submission(rng *rand.Rand, p int) []Rec {
	h.Lock()
	defer h.Unlock()
	var recs []Rec
	unit := h.next
	kinds := []Kind{Event, Event, Outcome, Outcome, Config}
	for range 1 + rng.IntN(3) {
		r := Rec{Kind: kinds[rng.IntN(len(kinds))], Data: make([]byte, rng.IntN(3000))}
		binary.BigEndian.PutUint64(r.ID[:], h.next)
		for i := range r.Data {
			r.Data[i] = byte(h.next)
		}
		h.next++
		h.partition[r.ID], h.unit[r.ID] = p, unit
		recs = append(recs, r)
	}
	return recs
}

func (h *history) ack(recs []Rec) {
	h.Lock()
	defer h.Unlock()
	for _, r := range recs {
		h.acked[r.ID] = r.Kind != Outcome
	}
}

func (h *history) see(t *testing.T, seed uint64, recs []Rec) {
	h.Lock()
	defer h.Unlock()
	for _, r := range recs {
		if id, ok := h.seen[r.Pos]; ok && id != r.ID {
			t.Errorf("seed %d: position %d: a tail saw record %x, now %x", seed, r.Pos, id, r.ID)
		}
		h.seen[r.Pos] = r.ID
	}
}

func crashOnce(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	h := &history{partition: map[[16]byte]int{}, unit: map[[16]byte]uint64{}, acked: map[[16]byte]bool{}, seen: map[Pos][16]byte{}, lost: map[Pos]bool{}}
	fs := kv.NewCrashFS()
	for range 1 + rng.IntN(3) {
		o := Options{Dir: "/data", FS: fs.FS, Partitions: 4, MemTableSize: 256 << 10, PendingBytes: 1 << 20}
		s, err := Open(o)
		if err != nil {
			t.Errorf("seed %d: open: %v", seed, err)
			return
		}
		h.check(t, seed, s)
		fs = h.workAndCrash(t, seed, rng, s, fs)
		if err := s.Close(); err != nil { // the machine that crashed, not the one we go on with
			t.Errorf("seed %d: close: %v", seed, err)
		}
	}
	s, err := Open(Options{Dir: "/data", FS: fs.FS})
	if err != nil {
		t.Errorf("seed %d: open: %v", seed, err)
		return
	}
	h.check(t, seed, s)
	if err := s.Close(); err != nil {
		t.Errorf("seed %d: close: %v", seed, err)
	}
}

// workAndCrash runs writers and tails, and returns what a power cut leaves.
func (h *history) workAndCrash(t *testing.T, seed uint64, rng *rand.Rand, s *Store, fs *kv.CrashFS) *kv.CrashFS {
	ctx, cancel := context.WithCancel(context.Background())
	var tails, writers sync.WaitGroup
	for p := range s.Partitions() {
		tails.Go(func() {
			s.Tail(ctx, p, 0, func(recs []Rec) error { h.see(t, seed, recs); return nil })
		})
	}
	enough := make(chan struct{})
	left := 1 + rng.IntN(120)
	for w := range 4 {
		own := rand.New(rand.NewPCG(seed, uint64(100+w)))
		writers.Go(func() {
			for {
				p := own.IntN(s.Partitions())
				recs := h.submission(own, p)
				done := make(chan error, 1)
				s.Submit(p, recs, func(err error) {
					if err == nil {
						h.ack(recs)
					}
					done <- err
				})
				if err := <-done; err != nil {
					t.Errorf("seed %d: submit: %v", seed, err)
					return
				}
				h.Lock()
				left--
				if left == 0 {
					close(enough)
				}
				stop := left <= -20 // so that the crash meets work under way
				h.Unlock()
				if stop {
					return
				}
			}
		})
	}
	<-enough
	percent := []int{0, 0, 10, 50, 90, 100}[rng.IntN(6)]
	// What is known before the cut must survive it; what becomes known during
	// the cut may or may not. Holding the lock stops both.
	h.Lock()
	crashed := fs.Crash(rng, percent)
	acked, seen := copyMap(h.acked), copyMap(h.seen)
	h.Unlock()
	writers.Wait()
	cancel()
	tails.Wait()
	h.acked, h.seen = acked, seen
	return crashed
}

func copyMap[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// check compares what a log holds with what is known of it.
func (h *history) check(t *testing.T, seed uint64, s *Store) {
	held := map[[16]byte]Pos{}
	units := map[uint64]int{}
	var end Pos
	for p := range s.Partitions() {
		var last Pos
		var lastID uint64
		for _, r := range drainAll(t, s, p) {
			id := binary.BigEndian.Uint64(r.ID[:])
			if want, ok := h.partition[r.ID]; !ok || want != p {
				t.Errorf("seed %d: partition %d holds record %d of partition %d (known %v)", seed, p, id, want, ok)
			}
			if r.Pos <= last {
				t.Errorf("seed %d: partition %d: position %d after %d", seed, p, r.Pos, last)
			}
			if units[h.unit[r.ID]] > 0 && id != lastID+1 {
				t.Errorf("seed %d: record %d is not next to %d of its submission", seed, id, lastID)
			}
			for _, b := range r.Data {
				if b != byte(id) {
					t.Errorf("seed %d: record %d has the data of another", seed, id)
					break
				}
			}
			units[h.unit[r.ID]]++
			held[r.ID], last, lastID = r.Pos, r.Pos, id
		}
		end = max(end, last)
	}
	for id := range h.partition {
		if n := units[h.unit[id]]; n > 0 && held[id] == 0 {
			t.Errorf("seed %d: record %x is gone, but %d others of its submission are there", seed, id, n)
		}
	}
	for id, must := range h.acked {
		if must && held[id] == 0 {
			t.Errorf("seed %d: record %x was acknowledged and is gone", seed, id)
		}
	}
	for pos, id := range h.seen {
		if held[id] != 0 || h.lost[pos] {
			continue
		}
		if pos <= end {
			t.Errorf("seed %d: record %x at %d is gone, but the log goes on to %d", seed, id, pos, end)
		}
		h.lost[pos] = true
	}
	h.see(t, seed, nil)
	for id, pos := range held {
		h.see(t, seed, []Rec{{Pos: pos, ID: id}})
	}
}

func drainAll(t *testing.T, s *Store, p int) []Rec {
	var got []Rec
	if _, err := s.tailDisk(context.Background(), p, 0, Pos(s.published.Load()), func(recs []Rec) error {
		got = append(got, recs...)
		return nil
	}); err != nil {
		t.Errorf("tail: %v", fmt.Errorf("partition %d: %w", p, err))
	}
	return got
}
