package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// faults are what Verify finds.
func (f *fixture) faults() (list []string) {
	f.t.Helper()
	_, err := Verify(f.ctx(), f.db, f.Partitions(), func(fault error) { list = append(list, fault.Error()) })
	f.mustDo(err)
	return list
}

// everything leaves rows in every table.
func everything(t *testing.T) *fixture {
	f := newLedger(t, 1)
	for _, c := range []*Change{
		{Organization: &Organization{ID: "org_a", Name: "A"}},
		{Key: &Key{ID: "key_1", Organization: "org_a"}},
		{Client: &Client{ID: "client_1", Organization: "org_a"}},
	} {
		_, err := f.Change(f.ctx(), c)
		f.mustDo(err)
	}
	f.some(0)
	f.some(1)
	f.keep("org_a", "POST / k", "sealed", f.clock.Load()+1)
	e := f.now("org_a", "ed_a0")
	f.mustDo(f.command(e, Resume))
	job := f.startJob(&ReplayJob{States: delivery.SetOf(delivery.Exhausted)})
	_, err := f.onJob(ContinueReplay, job, e, f.chosen(job, e, 10)...)
	f.mustDo(err)
	return f
}

// rowsOf are the keys and values of a table.
func (f *fixture) rowsOf(table byte) (rows [][2][]byte) {
	f.t.Helper()
	lower := f.parts[0].key(table)
	f.mustDo(f.walk(lower, kv.PrefixEnd(lower), func(k, v []byte) error {
		rows = append(rows, [2][]byte{bytes.Clone(k), bytes.Clone(v)})
		return nil
	}))
	return rows
}

// put writes a row behind apply's back, or deletes it.
func (f *fixture) put(key, value []byte) {
	f.t.Helper()
	b := f.db.Batch()
	defer b.Close()
	if b.Delete(key); value != nil {
		b.Set(key, value)
	}
	f.mustDo(b.Commit(false))
}

// Whatever row is damaged, it is found and named, and so is every other.
func TestVerifyFindsDamage(t *testing.T) {
	f := everything(t)
	if got := f.faults(); len(got) > 0 {
		t.Fatalf("faults of a sound ledger: got %q, want none", got)
	}
	for table := tableMeta; table < tableEnd; table++ {
		at := slices.IndexFunc(verifiedTables, func(v verifiedTable) bool { return v.table == table })
		rows := f.rowsOf(table)
		if at < 0 || len(rows) == 0 {
			t.Errorf("table %d: verified %t, with %d rows here, want it verified and some rows", table, at >= 0, len(rows))
			continue
		}
		want := "partition 0, " + verifiedTables[at].name
		for _, row := range rows {
			key, value := row[0], row[1]
			damaged := append(bytes.Clone(value), 'x')
			if len(value) > 0 {
				damaged = bytes.Clone(value)
				damaged[0] ^= 0x80
			}
			f.put(key, damaged)
			found := f.faults()
			if !slices.ContainsFunc(found, func(fault string) bool { return strings.Contains(fault, want) }) {
				t.Errorf("%s, row %x: value %x: got faults %q, want one that names it", want, key, damaged, found)
			}
			f.put(key, value)
		}
	}
	check(t, "faults of what is sound again", len(f.faults()), 0)
}

// A row that another one speaks of is missed.
func TestVerifyMissesRows(t *testing.T) {
	f := everything(t)
	for table, want := range map[byte]string{
		tableObject:    "there is no such endpoint",
		tableEvent:     "there is no event",
		tableDelivery:  "it points to a delivery that has no row",
		tableRetry:     "missing in the index of retries",
		tableTerminal:  "missing in the index of its state",
		tableKeyExpiry: "nothing says when it expires",
		tableReplay:    "there is no such replay job",
		tableRunning:   "which the index of running jobs contradicts",
		tableLane:      "waiting deliveries against those in the index",
	} {
		missed := false
		for _, row := range f.rowsOf(table) {
			f.put(row[0], nil)
			missed = missed || strings.Contains(strings.Join(f.faults(), "\n"), want)
			f.put(row[0], row[1])
		}
		if !missed {
			t.Errorf("rows of table %d, each deleted in turn: no fault says %q", table, want)
		}
	}
}

func TestVerifyFindsStrangers(t *testing.T) {
	f := everything(t)
	pt := f.parts[0]
	for what, key := range map[string]kv.Key{
		"table 0":           pt.key(0),
		"a newer table":     pt.key(tableEnd).U64(1),
		"another partition": (&partition{p: 1}).key(tableMeta),
		"a short key":       {0},
	} {
		f.put(key, []byte("x"))
		if got := f.faults(); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf("row %x is in no table", []byte(key))) {
			t.Errorf("%s: got faults %q, want one", what, got)
		}
		f.put(key, nil)
	}
	for _, key := range []kv.Key{pt.key(tableDelivery).U32(1), pt.key(tableEvent).Raw([]byte("org")), text(pt.key(tableEvent), "org"), pt.deliveryKey(Ref{}).U8(1)} {
		f.put(key, []byte("x"))
		if got := strings.Join(f.faults(), "\n"); !strings.Contains(got, errBadKey.Error()) {
			t.Errorf("key %x: got faults %q, want that it is damaged", []byte(key), got)
		}
		f.put(key, nil)
	}
}

// Where the store cannot read on, that is said, with the file.
func TestVerifyOfDamagedTables(t *testing.T) {
	f := everything(t)
	f.mustDo(f.db.Flush())
	disk := f.fs.Crash(nil, 0)
	names, err := disk.List("/db")
	f.mustDo(err)
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			data, err := disk.ReadFile("/db/" + name)
			f.mustDo(err)
			data[len(data)/4] ^= 1
			f.mustDo(disk.WriteFile("/db/"+name, data))
		}
	}
	db := openDB(t, disk.FS, "/db")
	defer db.Close()
	var found []string
	_, err = Verify(f.ctx(), db, 1, func(fault error) { found = append(found, fault.Error()) })
	f.mustDo(err)
	if got := strings.Join(found, "\n"); !strings.Contains(got, kv.ErrCorrupt.Error()) || !strings.Contains(got, "file 0") {
		t.Errorf("got faults %q, want the damage and its file", got)
	}
}

func TestVerifyStops(t *testing.T) {
	f := newLedger(t, 1)
	for range 5000 {
		f.put(f.parts[0].key(tableEnd).U64(uint64(f.made.Add(1))), []byte("x"))
	}
	ctx, cancel := context.WithCancel(f.ctx())
	cancel()
	_, err := Verify(ctx, f.db, 1, func(error) {})
	checkErr(t, "verify", err, context.Canceled)
}

// What apply would refuse, VerifyRecord refuses.
func TestVerifyRecord(t *testing.T) {
	f := everything(t)
	f.stop() // a log has one tail
	defer f.start()
	for _, r := range f.records(f.log, 0) {
		checkErr(t, "sound record", VerifyRecord(r), nil)
		r.Data = append([]byte{r.Data[0] ^ 0x80}, r.Data[1:]...)
		if VerifyRecord(r) == nil {
			t.Errorf("record of kind %d with data %q: got no error", r.Kind, r.Data)
		}
	}
	if VerifyRecord(wal.Rec{Kind: 9}) == nil {
		t.Error("record of kind 9: got no error")
	}
}
