package wal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv/kvtest"
)

// Records of several organizations share a pack. Erasing one's leaves the
// others' as they are, in the place where they are, and after Purge no file has
// what was erased, trimmed or absorbed.
func TestPurgeOfSharedPacks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Partitions: 1})
	submit(t, s, 0, event("trimmed MARKER"))
	submit(t, s, 0, Rec{Kind: Config, ID: [16]byte{9}, Data: []byte("absorbed MARKER")})
	const groups = 150 // more packs than one job rewrites
	for i := range groups {
		submit(t, s, 0, event(fmt.Sprint("kept ", i)), event(fmt.Sprint("MARKER ", i)), event(fmt.Sprint("kept too ", i)))
	}
	before := drain(t, s, 0, 0)
	o := claim(t, s, 0)
	erased := Range{First: before[3].Pos, Last: before[len(before)-2].Pos}
	var at []Pos
	for _, r := range before[2:] {
		if bytes.Contains(r.Data, []byte("MARKER")) {
			at = append(at, r.Pos)
		}
	}
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	check("erase", o.Erase(t.Context(), at...))
	check("trim", o.Trim(t.Context(), before[2].Pos))
	check("absorb", o.Absorbed(t.Context(), before[2].Pos))
	check("purge", s.Purge(t.Context(), []Range{erased}))

	kvtest.Files(t, dir, func(name string, content []byte) {
		if bytes.Contains(content, []byte("MARKER")) {
			t.Errorf("%s still has what was erased", name)
		}
	})
	for _, what := range []string{"at once", "after a restart"} {
		after := drain(t, s, 0, 0)
		for i, r := range before[2:] {
			if slices.Contains(at, r.Pos) {
				r.Data = nil
			}
			got := after[i]
			if got.Pos != r.Pos || got.ID != r.ID || got.At != r.At || got.Kind != r.Kind || !bytes.Equal(got.Data, r.Data) {
				t.Fatalf("%s: record %d: got %+v, want %+v", what, i, got, r)
			}
		}
		if got, want := len(after), len(before)-2; got != want {
			t.Errorf("%s: got %d records, want %d", what, got, want)
		}
		check("close", s.Close())
		s = open(t, Options{Dir: dir})
	}
}
