package wal

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

func claim(t *testing.T, s *Store, p int) Owner {
	t.Helper()
	o, err := s.Claim(t.Context(), p)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return o
}

// What an owner had queued is refused once another has claimed the partition,
// even though it was accepted into the queue before.
func TestClaimFencesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := kv.NewCrashFS()
		s := open(t, Options{FS: fs.FS})
		first := claim(t, s, 0)
		release := blockSyncs(fs)
		defer release()
		inFlight, queued := make(chan error, 1), make(chan error, 1)
		first.Commit([]Rec{{Kind: Config}}, func(err error) { inFlight <- err })
		synctest.Wait()
		first.Commit([]Rec{{Kind: Config}}, func(err error) { queued <- err })
		claimed := make(chan Owner)
		go func() { claimed <- claim(t, s, 0) }()
		synctest.Wait()
		release()
		if err := <-inFlight; err != nil {
			t.Errorf("in flight: got error %v", err)
		}
		if err := <-queued; !errors.Is(err, ErrFenced) {
			t.Errorf("queued: got error %v, want ErrFenced", err)
		}
		recs := drain(t, s, 0, 0)
		if got := (<-claimed).From(); len(recs) != 1 || got != recs[0].Pos {
			t.Errorf("from: got %d and %d records, want the position of the one in flight", got, len(recs))
		}
		if got := s.Stats().PendingBytes; got != 0 {
			t.Errorf("pending bytes: got %d, want 0", got)
		}
	})
}

// countPacks is how many packs of a range are on disk.
func countPacks(t *testing.T, s *Store, rng byte) (n int) {
	t.Helper()
	it, err := s.db.Iter(kv.Key{rng}, kv.Key{rng + 1})
	if err != nil {
		t.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// Packs disappear once every partition has let go of them, positions and times
// go on, and all of it survives a restart.
func TestTrimFreesPacks(t *testing.T) {
	fs := kv.MemFS()
	s := open(t, Options{FS: fs, Partitions: 2})
	for range 10 {
		submit(t, s, 0, event("x"))
		submit(t, s, 1, event("x"), Rec{Kind: Config})
	}
	last := drain(t, s, 1, 0)[19].Pos
	steps := []struct {
		what           string
		do             func() error
		events, others int
	}{
		{"nothing yet", func() error { return nil }, 20, 10},
		{"one partition trims", func() error { return claim(t, s, 0).Trim(t.Context(), last+1) }, 20, 10},
		{"the other as well", func() error { return claim(t, s, 1).Trim(t.Context(), last) }, 0, 10},
		{"absorbed, the other partition having none", func() error { return claim(t, s, 1).Absorbed(t.Context(), last) }, 0, 0},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := countPacks(t, s, eventRange); got != step.events {
			t.Errorf("%s: got %d event packs, want %d", step.what, got, step.events)
		}
		if got := countPacks(t, s, otherRange); got != step.others {
			t.Errorf("%s: got %d other packs, want %d", step.what, got, step.others)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{FS: fs})
	if got := claim(t, s, 1).From(); got != last {
		t.Errorf("from after the restart: got %d, want %d", got, last)
	}
	submit(t, s, 1, event("new"))
	if recs := drain(t, s, 1, 0); len(recs) != 1 || recs[0].Pos <= last {
		t.Errorf("after the restart: got %+v, want one record after position %d", recs, last)
	}
}

// What was deleted is deleted once more when the store has become quiet, since
// Pebble may have left tables that it was compacting.
func TestTrimIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{FS: kv.MemFS(), Partitions: 1})
		submit(t, s, 0, event("x"), Rec{Kind: Config})
		submit(t, s, 0, event("x"), Rec{Kind: Config})
		recs := drain(t, s, 0, 0)
		o := claim(t, s, 0)
		if err := errors.Join(o.Trim(t.Context(), recs[2].Pos), o.Absorbed(t.Context(), recs[1].Pos)); err != nil {
			t.Fatal(err)
		}
		left := s.db.Batch() // as if those tables had been left
		for _, rng := range []byte{eventRange, otherRange} {
			key := packKey(nil, rng, recs[0].Pos, 0)
			left.Set(key, encodePack(key, []*Rec{&recs[0]}))
		}
		if err := left.Commit(true); err != nil {
			t.Fatal(err)
		}
		left.Close()
		time.Sleep(dropAgain + time.Second)
		if events, others := countPacks(t, s, eventRange), countPacks(t, s, otherRange); events != 1 || others != 1 {
			t.Errorf("got %d packs of events and %d others, want 1 of each, which were not deleted", events, others)
		}
	})
}

func TestEraseSurvivesRestart(t *testing.T) {
	fs := kv.MemFS()
	s := open(t, Options{FS: fs})
	var recs []Rec
	for i := range 300 {
		recs = append(recs, event(fmt.Sprint("secret ", i)))
	}
	for i := 0; i < len(recs); i += 3 { // more packs than one job rewrites
		submit(t, s, 0, recs[i:i+3]...)
	}
	var at []Pos
	for i, r := range drain(t, s, 0, 0) {
		if i%2 == 0 {
			at = append(at, r.Pos)
		}
	}
	if err := claim(t, s, 0).Erase(t.Context(), at...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{FS: fs})
	for i, r := range drain(t, s, 0, 0) {
		want := fmt.Sprint("secret ", i)
		if i%2 == 0 {
			want = ""
		}
		if string(r.Data) != want {
			t.Errorf("record %d: got %q, want %q", i, r.Data, want)
		}
	}
}

// The last events of a log go too, when all of their pack is older, though no
// pack follows.
func TestRetentionCutsTheLastPack(t *testing.T) {
	now := time.UnixMilli(1000)
	s := open(t, Options{Partitions: 2, Now: func() time.Time { return now }})
	event := Rec{Kind: Event, Data: []byte("x")}
	submit(t, s, 0, event)
	submit(t, s, 1, event, event, event)
	if at, err := s.CutByTime(1000); at != 1 || err != nil {
		t.Errorf("cut when none is older: got %d, %v, want 1", at, err)
	}
	at, err := s.CutByTime(1001)
	if want := Pos(s.published.Load()) + 1; at != want || err != nil {
		t.Errorf("cut when all are older: got %d, %v, want the end %d", at, err, want)
	}
	for p := range 2 {
		if err := claim(t, s, p).Trim(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if at, _, found, err := s.OldestEvent(); found || err != nil {
		t.Errorf("after the trim: got an event at %d, %v, want none", at, err)
	}
}

func TestRetentionCuts(t *testing.T) {
	now := time.UnixMilli(0)
	s := open(t, Options{Partitions: 2, Now: func() time.Time { return now }})
	if at, err := s.CutByTime(1000); at != 0 || err != nil {
		t.Errorf("cut of an empty log: got %d, %v, want 0", at, err)
	}
	incompressible := make([]byte, 10_000)
	for i := range incompressible {
		incompressible[i] = byte(i * i >> 3)
	}
	for i := range 100 {
		now = time.UnixMilli(int64(i) * 10)
		submit(t, s, i%2, Rec{Kind: Event, Data: incompressible})
	}
	at, ms, found, err := s.OldestEvent()
	if err != nil || !found || ms != 0 {
		t.Errorf("oldest: got time %d, found %v, %v, want 0", ms, found, err)
	}
	first := drain(t, s, 0, 0)[0].Pos
	if at != first {
		t.Errorf("oldest: got position %d, want %d", at, first)
	}
	for _, c := range []struct{ ms, want int64 }{{0, 0}, {500, 500}, {501, 510}, {990, 990}} {
		at, err := s.CutByTime(c.ms)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, _, err := s.eventAtOrAfter(at); got != c.want || err != nil {
			t.Errorf("cut at %d: got an event of time %d, %v, want %d", c.ms, got, err, c.want)
		}
	}
	if at, err := s.CutByTime(5000); err != nil || at != Pos(s.published.Load())+1 {
		t.Errorf("cut after everything: got %d, %v, want the end %d", at, err, s.published.Load()+1)
	}

	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	all, err := s.EventBytes(0)
	if err != nil || all == 0 {
		t.Fatalf("event bytes: got %d, %v", all, err)
	}
	at, err = s.CutByBytes(all / 2)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := s.EventBytes(at)
	if err != nil || rest > all/2 || rest < all/4 {
		t.Errorf("cut by bytes at %d: got %d bytes of %d left, %v, want at most half and not much less", at, rest, all, err)
	}
}
