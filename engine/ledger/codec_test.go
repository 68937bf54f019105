package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Whatever decodes must be what its value encodes to, so nothing in a row is
// ignored; whatever does not must be refused, not misread.

func FuzzLane(f *testing.F) {
	full := Lane{
		Matched: 9, Counted: 8, Started: 7, Skipped: 1, Expired: 2, Position: 5, Rows: [delivery.States]uint64{1, 2, 3, 4, 5, 6, 7},
		Attempts: 20, Failures: 3, FailingFrom: 10, Down: 17, LastSuccess: 11, LastAttempt: 12, GaveUp: true,
		HoldUntil: 13, ProbeAt: 14, Probes: 15, FirstExpired: 16, LastExpired: -1,
	}
	f.Add(full.append(nil))
	f.Add((&Lane{}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var lane, again Lane
		if lane.decode(data) != nil {
			return
		}
		if err := again.decode(lane.append(nil)); err != nil || again != lane {
			t.Errorf("got %+v, error %v, want %+v", again, err, lane)
		}
	})
}

func TestLaneRowKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want, got Lane
		number := rapid.Uint64()
		for _, v := range want.counters() {
			*v = number.Draw(t, "counter")
		}
		for _, v := range want.times() {
			*v = rapid.Int64().Draw(t, "time")
		}
		for i := range want.Rows {
			want.Rows[i] = number.Draw(t, "rows")
		}
		want.Down = rapid.Int64().Draw(t, "down")
		want.GaveUp = rapid.Bool().Draw(t, "gave up")
		data := want.append(nil)
		if err := got.decode(data); err != nil || got != want {
			t.Fatalf("got %+v, error %v, want %+v", got, err, want)
		}
		cut := rapid.IntRange(0, len(data)-1).Draw(t, "cut")
		checkErr(t, "decode a row that was cut", got.decode(data[:cut]), errDamagedLane)
		checkErr(t, "decode a row with a tail", got.decode(append(data, 0)), errDamagedLane)
		checkErr(t, "decode another version", got.decode(append([]byte{laneVersion + 1}, data[1:]...)), errDamagedLane)
	})
}

func FuzzEventRow(f *testing.F) {
	f.Add(eventRow{pos: 300, matched: 2}.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var row, again eventRow
		if row.decode(data) != nil {
			return
		}
		if err := again.decode(row.append(nil)); err != nil || again != row {
			t.Errorf("got %+v, error %v, want %+v", again, err, row)
		}
	})
}

func FuzzIdempotencyRow(f *testing.F) {
	f.Add(idempotencyRow{event: event.ID{1}, fingerprint: [16]byte{2}, expires: 3, livemode: true}.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var row idempotencyRow
		if row.decode(data) != nil {
			return
		}
		if got := row.append(nil); !bytes.Equal(got, data) {
			t.Errorf("got %x, want %x", got, data)
		}
	})
}

func FuzzAnswerRow(f *testing.F) {
	f.Add((&Answer{ExpiresAt: 3, Sealed: []byte("sealed")}).append(nil))
	f.Add((&Answer{}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a Answer
		if a.decode(data) != nil {
			return
		}
		if got := a.append(nil); !bytes.Equal(got, data) {
			t.Errorf("got %x, want %x", got, data)
		}
	})
}

func TestMetaRow(t *testing.T) {
	db := openDB(t, kv.MemFS(), "/db")
	defer db.Close()
	f := newLedger(t, 1)
	pt := &partition{Ledger: &Ledger{log: f.log, db: db, tenants: newTenants()}}
	*pt = *newPartition(pt.Ledger, 0)
	pt.counted, pt.expired = 5, 6
	pt.lastMinute.Store(7)
	b := db.Batch()
	b.Set(pt.metaKey(), pt.appendMeta(nil, 5))
	f.mustDo(b.Commit(false))
	got := newPartition(pt.Ledger, 0)
	f.mustDo(got.load())
	check(t, "applied, counted, expired", [3]wal.Pos{got.appliedTo(), got.counted, got.expired}, [3]wal.Pos{5, 5, 6})
	check(t, "last minute", got.lastMinute.Load(), uint32(7))
	b.Reset()
	b.Set(pt.metaKey(), pt.appendMeta(nil, 5)[1:])
	f.mustDo(b.Commit(false))
	b.Close()
	checkErr(t, "load a row that was cut", newPartition(pt.Ledger, 0).load(), errDamagedMeta)
}

// Keys sort as what they are made of, and each table is a range of its own.
func TestKeysSort(t *testing.T) {
	pt := &partition{p: 3}
	names := rapid.StringMatching(`[a-z.]{0,3}|(a[.])?(b[.])?[a-c.]{0,3}|[ab.]{16,20}`)
	positions := rapid.Uint64Range(0, 1<<40)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) (string, string, uint64) {
			return names.Draw(t, what), names.Draw(t, what), positions.Draw(t, what)
		}
		org1, type1, pos1 := draw("one")
		org2, type2, pos2 := draw("two")
		want := strings.Compare(org1, org2)
		if want == 0 {
			want = bytes.Compare(pt.byTypePrefix(org1, type1), pt.byTypePrefix(org2, type2))
		}
		check(t, "same type, same beginning", want == 0, org1 == org2 && type1 == type2)
		if want == 0 {
			want = cmp.Compare(pos1, pos2)
		}
		check(t, "by type", bytes.Compare(pt.byTypeKey(org1, type1, wal.Pos(pos1)), pt.byTypeKey(org2, type2, wal.Pos(pos2))), want)

		stem, _ := pt.byTypeStem(org1, "a.b.")
		check(t, "below a name", bytes.HasPrefix(pt.byTypeKey(org1, type1, 1), stem), strings.HasPrefix(type1, "a.b."))

		ref1 := Ref{Endpoint: endpoint.Key(pos1), Pos: wal.Pos(pos2), Replay: uint32(len(org1))}
		ref2 := Ref{Endpoint: endpoint.Key(pos1), Pos: wal.Pos(pos1), Replay: uint32(len(org2))}
		want = slices.Compare([]uint64{uint64(ref1.Pos), uint64(ref1.Replay)}, []uint64{uint64(ref2.Pos), uint64(ref2.Replay)})
		check(t, "deliveries", bytes.Compare(pt.deliveryKey(ref1), pt.deliveryKey(ref2)), want)
		check(t, "terminals", bytes.Compare(pt.terminalKey(ref1, delivery.Failed), pt.terminalKey(ref2, delivery.Failed)), want)
		check(t, "retries of one time", bytes.Compare(pt.retryKey(ref1, 7), pt.retryKey(ref2, 7)), want)
		check(t, "retries", bytes.Compare(pt.retryKey(ref1, 7), pt.retryKey(ref2, 8)), -1)

		k := pt.retryKey(ref1, 1234)
		check(t, "due", keyU64(k, retryDueAt), 1234)
		check(t, "position", keyU64(k, retryPosAt), uint64(ref1.Pos))
		check(t, "replay", keyU32(k, retryPosAt+8), ref1.Replay)
		check(t, "position of a delivery", keyU64(pt.deliveryKey(ref1), deliveryPosAt), uint64(ref1.Pos))
		if !bytes.HasPrefix(pt.attemptKey(ref1, 2)[headLen:], pt.deliveryKey(ref1)[headLen:]) {
			t.Errorf("the key of an attempt does not begin with its delivery's")
		}
		for table := tableMeta; table < tableEnd; table++ {
			lower, upper := pt.key(table), kv.PrefixEnd(pt.key(table))
			if key := pt.endpointKey(table, endpoint.Key(pos1)); bytes.Compare(key, lower) < 0 || bytes.Compare(key, upper) >= 0 {
				t.Errorf("table %d: key %x lies outside of %x to %x", table, key, lower, upper)
			}
		}
	})
}
