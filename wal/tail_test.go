package wal

import (
	"fmt"
	"sync"
	"testing"
)

// Reading from disk in many pieces, with the two ranges interleaved and other
// partitions in between, misses and repeats nothing.
func TestReadInPieces(t *testing.T) {
	s := open(t, Options{Partitions: 2})
	var answered sync.WaitGroup
	put := func(p int, recs ...Rec) {
		answered.Add(1)
		s.Submit(p, recs, func(err error) {
			if err != nil {
				t.Errorf("submit: %v", err)
			}
			answered.Done()
		})
	}
	n := 0
	next := func(k Kind) Rec {
		n++
		return Rec{Kind: k, Data: fmt.Append(nil, n)}
	}
	for range 2 * readRecs { // dense in both ranges
		put(0, next(Event), next(Config))
	}
	answered.Wait()
	for range readRecs { // events alone
		put(0, next(Event))
	}
	answered.Wait()
	for i := range readPacks + readPacks/2 { // a stretch of the other partition
		if put(1, Rec{Kind: Event}); i%100 == 0 {
			answered.Wait() // so that there are many packs
		}
	}
	put(0, next(Command), next(Event))
	answered.Wait()

	recs := drain(t, s, 0, 0)
	if len(recs) != n {
		t.Fatalf("got %d records, want %d", len(recs), n)
	}
	events := 0
	for i, r := range recs {
		if got, want := string(r.Data), fmt.Sprint(i+1); got != want {
			t.Fatalf("record %d: got %s, want %s", i, got, want)
		}
		if r.Kind == Event {
			events++
		}
	}
	var last Pos
	if err := s.Scan(0, 0, recs[n-1].Pos, func(r Rec) bool {
		if r.Kind != Event || r.Pos <= last {
			t.Errorf("scan: got kind %d at %d after %d, want events in order", r.Kind, r.Pos, last)
		}
		last = r.Pos
		events--
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if events != 0 {
		t.Errorf("scan: %d events are missing", events)
	}
}

func BenchmarkTailDisk(b *testing.B) {
	s := open(b, Options{Partitions: 1})
	recs := make([]Rec, 100)
	for i := range recs {
		recs[i] = Rec{Kind: Event, Data: make([]byte, 1024)}
	}
	for range 100 {
		submit(b, s, 0, recs...)
	}
	end := Pos(s.published.Load())
	b.ReportAllocs()
	for b.Loop() {
		n, err := s.tailDisk(b.Context(), 0, 0, end, func([]Rec) error { return nil })
		if err != nil || n != 10_000 {
			b.Fatalf("got %d records, %v", n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/record")
}

func BenchmarkGet(b *testing.B) {
	s := open(b, Options{Partitions: 1})
	recs := make([]Rec, 50)
	for i := range recs {
		recs[i] = Rec{Kind: Event, Data: make([]byte, 1024)}
	}
	for range 200 {
		submit(b, s, 0, recs...)
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	first := drain(b, s, 0, 0)[0].Pos
	for name, step := range map[string]Pos{"neighbours": 1, "scattered": 3331} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := Pos(0); b.Loop(); i += step {
				if _, err := s.Get(0, first+i%10_000); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
