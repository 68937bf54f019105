package wal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// tables returns a disk that has a log of several tables and blocks, and its
// records.
func tables(t *testing.T) (disk *kv.CrashFS, all []Rec) {
	t.Helper()
	disk = kv.NewCrashFS()
	s := open(t, Options{FS: disk.FS, Partitions: 2})
	random := rand.NewChaCha8([32]byte{})
	for i := range 24 {
		var recs []Rec
		for range 3 {
			data := make([]byte, 8<<10)
			random.Read(data)
			recs = append(recs, Rec{Kind: []Kind{Event, Event, Config}[i%3], Data: data})
		}
		submit(t, s, i%4/3, recs...) // three of four times partition 0
		if i%8 == 7 {
			if err := s.DB().Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	all = drain(t, s, 0, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk, all
}

// A table that cannot be read is an error for who reads it: nothing is left
// out, taken for absent, read twice or deleted because of it (G10, G11). When
// it can be read again, everything is there.
func TestReadErrors(t *testing.T) {
	disk, all := tables(t)
	events := func() (want []Rec) {
		for _, r := range all {
			if r.Kind == Event {
				want = append(want, r)
			}
		}
		return want
	}()
	middle := len(events)/2 + 1 // in the middle of a pack
	changed := func(s *Store) (got []Rec, err error) {
		_, err = s.tailDisk(context.Background(), 0, 0, Pos(s.published.Load()), func(recs []Rec) error {
			got = append(got, recs...)
			return nil
		})
		return got, err
	}
	for _, c := range []struct {
		name string
		// do returns what was read and what should have been.
		do func(*testing.T, *Store) (got, want []Rec, err error)
	}{
		{"get", func(t *testing.T, s *Store) (got, want []Rec, err error) {
			r, err := s.Get(0, events[middle].Pos)
			return []Rec{r}, events[middle : middle+1], err
		}},
		{"scan", func(t *testing.T, s *Store) (got, want []Rec, err error) {
			err = s.Scan(0, events[middle-1].Pos, events[len(events)-1].Pos, func(r Rec) bool {
				r.Data = bytes.Clone(r.Data)
				got = append(got, r)
				return true
			})
			return got, events[middle:], err
		}},
		{"tail", func(t *testing.T, s *Store) (got, want []Rec, err error) {
			_, err = s.tailDisk(context.Background(), 0, all[4].Pos, Pos(s.published.Load()), func(recs []Rec) error {
				got = append(got, recs...)
				return nil
			})
			return got, all[5:], err
		}},
		{"trim", func(t *testing.T, s *Store) (got, want []Rec, err error) {
			for _, r := range all {
				if r.Kind != Event || r.Pos >= events[middle].Pos {
					want = append(want, r)
				}
			}
			if err := claim(t, s, 1).Trim(t.Context(), Pos(s.published.Load())+1); err != nil {
				return nil, nil, err
			}
			if err := claim(t, s, 0).Trim(t.Context(), events[middle].Pos); err != nil {
				return nil, nil, err
			}
			if first, _, _, err := s.eventAtOrAfter(0); err != nil || first != events[middle-1].Pos {
				return nil, nil, cmp.Or(err, fmt.Errorf("the first pack on disk is at %d, want %d", first, events[middle-1].Pos))
			}
			got, err = changed(s)
			return got, want, err
		}},
		{"erase", func(t *testing.T, s *Store) (got, want []Rec, err error) {
			want = slices.Clone(all)
			want[slices.IndexFunc(want, func(r Rec) bool { return r.Pos == events[middle].Pos })].Data = nil
			if err := claim(t, s, 0).Erase(t.Context(), events[middle].Pos); err != nil {
				return nil, nil, err
			}
			got, err = changed(s)
			return got, want, err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			errs := 0
			for n, failed := 0, true; failed; n++ {
				fs := disk.Crash(nil, 0) // a copy, of which nothing is in memory
				s := open(t, Options{FS: fs.FS})
				hit := fs.FailReads(n, 1)
				got, want, err := c.do(t, s)
				failed = hit()
				fs.Inject(nil)
				if err != nil {
					errs++
					if !errors.Is(err, syscall.EIO) {
						t.Errorf("read %d fails: got error %v, want EIO", n, err)
					}
					if got, want, err = c.do(t, s); err != nil {
						t.Errorf("read %d failed: got error %v afterwards", n, err)
					}
				}
				sameRecs(t, n, got, want)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if errs < 3 {
				t.Errorf("got %d errors, want some more", errs)
			}
		})
	}
}

func sameRecs(t *testing.T, n int, got, want []Rec) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("read %d fails: got %d records, want %d", n, len(got), len(want))
		return
	}
	for i, r := range got {
		if r.Pos != want[i].Pos || !bytes.Equal(r.Data, want[i].Data) {
			t.Errorf("read %d fails: record %d: got %d bytes at %d, want %d at %d", n, i, len(r.Data), r.Pos, len(want[i].Data), want[i].Pos)
			return
		}
	}
}
