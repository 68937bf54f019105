package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// open opens a store in memory and closes it at the end of the test.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = "/data"
	}
	if o.FS == (kv.FS{}) && !strings.HasPrefix(o.Dir, os.TempDir()) {
		o.FS = kv.MemFS()
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// submit appends and waits.
func submit(t testing.TB, s Log, p int, recs ...Rec) {
	t.Helper()
	if err := try(s, p, recs...); err != nil {
		t.Fatalf("submit: %v", err)
	}
}

func try(s Log, p int, recs ...Rec) error {
	done := make(chan error, 1)
	s.Submit(p, recs, func(err error) { done <- err })
	return <-done
}

func event(data string) Rec { return Rec{Kind: Event, Data: []byte(data)} }

// drain returns what partition p holds after a position, by a tail that ends at
// the current end.
func drain(t testing.TB, s *Store, p int, after Pos) []Rec {
	t.Helper()
	var got []Rec
	if _, err := s.tailDisk(context.Background(), p, after, Pos(s.published.Load()), func(recs []Rec) error {
		got = append(got, recs...)
		return nil
	}); err != nil {
		t.Fatalf("tail: %v", err)
	}
	return got
}

func TestReopenKeepsWhatWasAcknowledged(t *testing.T) { // G1
	fs := kv.MemFS()
	s := open(t, Options{FS: fs})
	for i := range 100 {
		submit(t, s, i%16, event(fmt.Sprint(i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{FS: fs})
	for p := range 16 {
		recs := drain(t, s, p, 0)
		want := (100 - p + 15) / 16
		if got := len(recs); got != want {
			t.Fatalf("partition %d: got %d records, want %d", p, got, want)
		}
		for i, r := range recs {
			if got, want := string(r.Data), fmt.Sprint(p+16*i); got != want {
				t.Errorf("partition %d, record %d: got %q, want %q", p, i, got, want)
			}
		}
	}
}

// A clock that is behind the newest record is said at the start, and the times
// of records stand still rather than go back.
func TestClockIsBehind(t *testing.T) {
	for _, behind := range []time.Duration{0, 3 * time.Hour} {
		var log bytes.Buffer
		now := time.Now()
		o := Options{FS: kv.MemFS(), Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		s := open(t, o)
		submit(t, s, 0, event("first"))
		s.Close()
		now = now.Add(-behind)
		s = open(t, o)
		submit(t, s, 0, event("second"))
		if got, want := strings.Contains(log.String(), "the clock is behind"), behind > 0; got != want {
			t.Errorf("%v behind: got said %v, want %v: %s", behind, got, want, log.String())
		}
		recs := drain(t, s, 0, 0)
		if len(recs) != 2 || recs[1].At < recs[0].At {
			t.Errorf("%v behind: got %v, want two records with times in order", behind, recs)
		}
	}
}
