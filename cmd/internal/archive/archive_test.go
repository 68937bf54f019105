package archive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

const sample = "../../../testdata/store/v1/data"

// sampleStore is a copy of a store with a bit of everything in it. What is in
// its write-ahead log is in tables afterwards if it is to be settled.
func sampleStore(t *testing.T, settled bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := Copy(sample, dir); err != nil {
		t.Fatal(err)
	}
	if settled {
		change(t, dir, func(*kv.DB) {})
	}
	return dir
}

// change opens a store, changes what is in it behind its back, and closes it.
func change(t *testing.T, dir string, do func(db *kv.DB)) {
	t.Helper()
	db, err := kv.Open(kv.Options{Dir: filepath.Join(dir, dbDir)})
	if err != nil {
		t.Fatal(err)
	}
	do(db)
	if err := errors.Join(db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestCheckOfSoundStore(t *testing.T) {
	for _, settled := range []bool{false, true} {
		dir := sampleStore(t, settled)
		before := contentOf(t, dir)
		r, err := Check(t.Context(), dir)
		if err != nil {
			t.Fatalf("settled %t: %v", settled, err)
		}
		if r.Events != 9 || r.Organizations != 1 || r.Totals.Endpoints == 0 || r.Totals.Counts.Pending == 0 || len(r.Worst) == 0 || r.Rows == 0 || r.End.IsZero() {
			t.Errorf("settled %t: got %+v, want 9 events, 1 organization, and something of all else", settled, r)
		}
		if after := contentOf(t, dir); after != before {
			t.Errorf("settled %t: files before\n%s\nand after\n%s", settled, before, after)
		}
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".hookwheel-check-*")); err != nil || len(left) > 0 {
			t.Errorf("settled %t: got %v left behind, error %v, want nothing", settled, left, err)
		}
	}
}

// contentOf names every file of a store with what is in it.
func contentOf(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		list.WriteString(path + " " + string(content) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// G10: a row that is not as it was written is found, whatever it is, and all of
// them are named.
func TestCheckNamesDamagedRows(t *testing.T) {
	for name, test := range map[string]struct {
		prefix []byte
		want   string
	}{
		"object":       {[]byte{0, 0, 12}, "ledger, partition 0, object"},
		"lane":         {[]byte{0, 0, 5}, "ledger, partition 0, lane, endpoint "},
		"delivery":     {[]byte{0, 0, 6}, "ledger, partition 0, delivery, endpoint "},
		"event record": {[]byte{0xE0}, "log, events: log: data is damaged: pack at position "},
		"other record": {[]byte{0xE1}, "log, outcomes, changes and commands: log: data is damaged: pack at position "},
		"log's state":  {[]byte{0xF0}, "log: data is damaged: the log's own state"},
	} {
		dir := sampleStore(t, true)
		change(t, dir, func(db *kv.DB) { spoil(t, db, test.prefix) })
		_, err := Check(t.Context(), dir)
		damage, ok := errors.AsType[*DamageError](err)
		if !ok || damage.Places == 0 || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "hookwheel restore") {
			t.Errorf("%s: got error %v, want a DamageError with %q and what to do", name, err, test.want)
		}
	}
}

// spoil damages the first row with a prefix: its first byte, which is a version
// or the brace that begins JSON.
func spoil(t *testing.T, db *kv.DB, prefix []byte) {
	t.Helper()
	it, err := db.Iter(prefix, kv.PrefixEnd(prefix))
	if err != nil {
		t.Fatal(err)
	}
	if !it.First() {
		t.Fatalf("no row begins with %x", prefix)
	}
	key, value := bytes.Clone(it.Key()), bytes.Clone(it.Value())
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	value[0] ^= 0x80
	b := db.Batch()
	defer b.Close()
	b.Set(key, value)
	if err := b.Commit(true); err != nil {
		t.Fatal(err)
	}
}

// G10: a flipped bit in any file is found, and the file is named; a file that
// is cut off is found too.
func TestCheckNamesDamagedFiles(t *testing.T) {
	flip := func(b []byte) []byte { b[len(b)/3] ^= 1; return b }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for _, test := range []struct {
		files   string
		settled bool
		spoil   func([]byte) []byte
		want    string
	}{
		{"db/*.sst", true, flip, "file 0"},
		{"db/*.sst", true, half, ".sst"},
		{"db/*.log", false, flip, "the end of the log is missing"},
		{"db/*.log", false, half, "the end of the log is missing"},
		{"db/MANIFEST-*", true, flip, "hookwheel restore"},
		{"db/MANIFEST-*", true, half, "hookwheel restore"},
		{"format", true, flip, "format file"},
	} {
		dir := sampleStore(t, test.settled)
		names, err := filepath.Glob(filepath.Join(dir, test.files))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: got %v, error %v, want some", test.files, names, err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err == nil && len(content) > 0 {
				err = os.WriteFile(name, test.spoil(content), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Check(t.Context(), dir); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), ".hookwheel-check-") {
			t.Errorf("%s damaged: got error %v, want one with %q", test.files, err, test.want)
		}
	}
}

func TestDamageErrorIsBounded(t *testing.T) {
	var e DamageError
	for range 3 * shown {
		e.add(errors.New("here"))
	}
	if got := e.Error(); strings.Count(got, "here") != shown || !strings.Contains(got, "in 60 places") || !strings.Contains(got, "and 40 more") {
		t.Errorf("got %s, want %d of 60 places", got, shown)
	}
}

func TestCopyRefuses(t *testing.T) {
	dir, busy := sampleStore(t, false), sampleStore(t, false)
	store, err := wal.Open(wal.Options{Dir: busy, DiskReserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, test := range []struct {
		from, to string
		want     error
	}{
		{dir, busy, ErrExists},
		{t.TempDir(), filepath.Join(t.TempDir(), "new"), ErrNotStore},
		{filepath.Join(dir, "nowhere"), filepath.Join(t.TempDir(), "new"), ErrNotStore},
		{busy, filepath.Join(t.TempDir(), "new"), wal.ErrInUse},
	} {
		if err := Copy(test.from, test.to); !errors.Is(err, test.want) {
			t.Errorf("copy %s to %s: got error %v, want %v", test.from, test.to, err, test.want)
		}
		for _, name := range []string{formatFile, dbDir} {
			if _, err := os.Stat(filepath.Join(test.to, name)); test.want != ErrExists && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("copy %s to %s: %s is there after it failed: %v", test.from, test.to, name, err)
			}
		}
	}
}

// An error names the directory as it was given, not the copy that was looked at.
func TestCheckOfRelativePath(t *testing.T) {
	dir := sampleStore(t, true)
	t.Chdir(filepath.Dir(dir))
	names, err := filepath.Glob("data/db/*.sst")
	if err != nil || len(names) == 0 {
		t.Fatalf("got %v, error %v, want some", names, err)
	}
	if err := os.Truncate(names[0], 10); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), "data"); err == nil || !strings.Contains(err.Error(), names[0]) || strings.Contains(err.Error(), ".hookwheel-check-") {
		t.Errorf("got error %v, want one that names %s", err, names[0])
	}
}

// A directory that lacks a file of a store is told from one that may not be read.
func TestCheckOfNoStore(t *testing.T) {
	for _, name := range []string{formatFile, highwaterFile, dbDir} {
		dir := sampleStore(t, false)
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(t.Context(), dir); !errors.Is(err, ErrNotStore) {
			t.Errorf("without %s: got error %v, want %v", name, err, ErrNotStore)
		}
	}
	if os.Geteuid() == 0 {
		return // who may read everything
	}
	dir := sampleStore(t, false)
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if _, err := Check(t.Context(), dir); !errors.Is(err, os.ErrPermission) || errors.Is(err, ErrNotStore) {
		t.Errorf("unreadable: got error %v, want %v alone", err, os.ErrPermission)
	}
}

// What cannot be used is not restored, and what else is in the directory stays.
func TestRestoreOfDamagedBackup(t *testing.T) {
	dir := sampleStore(t, true)
	change(t, dir, func(db *kv.DB) { spoil(t, db, []byte{0, 0, 6}) })
	to := t.TempDir()
	key := filepath.Join(to, "master.key")
	if err := os.WriteFile(key, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Restore(t.Context(), dir, to)
	if _, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(err.Error(), "nothing was restored") {
		t.Errorf("got error %v, want a DamageError that nothing was restored", err)
	}
	if names, err := filepath.Glob(filepath.Join(to, "*")); err != nil || len(names) != 1 || names[0] != key {
		t.Errorf("left in the directory: got %v, error %v, want %s alone", names, err, key)
	}
	if err := Restore(t.Context(), sample, to); err != nil {
		t.Errorf("restore a sound one afterwards: got error %v", err)
	}
}
