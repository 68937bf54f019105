package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Verify reads every row of the ledger in db, which nobody may be changing. It
// decodes each with the code that a server reads it with, and looks whether
// rows that must agree do: an index and what it points to, a lane's tally and
// what it counts. Each row that is not as apply has left it is reported, as an
// error that names it, and the rest is read all the same. The error is that of
// ctx.
//
// Where the store cannot read on, that is reported and the end: to find out what
// is wrong with a block takes Pebble a second, and there is no telling which
// keys lie in it.
func Verify(ctx context.Context, db *kv.DB, partitions int, report func(error)) (n kv.Tally, err error) {
	if n, err = verify(ctx, db, partitions, report); ctx.Err() != nil {
		return n, context.Cause(ctx)
	}
	if err != nil {
		report(err)
	}
	return n, nil
}

func verify(ctx context.Context, db *kv.DB, partitions int, report func(error)) (n kv.Tally, err error) {
	l := &Ledger{db: db, tenants: newTenants()}
	var end kv.Key // of what has been read
	for p := range partitions {
		v := newVerifier(newPartition(l, p), partitions, report)
		for _, t := range verifiedTables {
			read, err := v.table(ctx, t)
			n.Add(read)
			if err != nil {
				return n, err
			}
		}
		v.endOfPartition()
		// Whatever is not in one of its tables: before the first, behind the last.
		read, err := strangers(ctx, db, end, v.key(tableMeta), report)
		n.Add(read)
		if err != nil {
			return n, err
		}
		end = v.key(tableEnd)
	}
	read, err := strangers(ctx, db, end, kv.Key{kv.FirstLogByte}, report)
	n.Add(read)
	return n, err
}

// strangers reports the rows of a range in which there are none.
func strangers(ctx context.Context, db *kv.DB, lower, upper kv.Key, report func(error)) (kv.Tally, error) {
	n, err := db.Each(ctx, lower, upper, func(key, _ []byte) error {
		report(fmt.Errorf("ledger: row %x is in no table that this version knows: a newer version wrote it, or it is damaged", key))
		return nil
	})
	if err != nil {
		err = fmt.Errorf("ledger, rows from %x on: %w", lower, err)
	}
	return n, err
}

// VerifyRecord decodes a record as apply would.
func VerifyRecord(r wal.Rec) error {
	switch {
	case isErased(r):
		return nil
	case r.Kind == wal.Event:
		return new(event.Event).Decode(r.Data)
	case r.Kind == wal.Outcome:
		return new(delivery.Outcome).Decode(r.Data)
	case r.Kind == wal.Config:
		return json.Unmarshal(r.Data, new(Change))
	case r.Kind == wal.Command:
		return json.Unmarshal(r.Data, new(Command))
	}
	return fmt.Errorf("unknown kind of record %d; it was written by a newer version", r.Kind)
}

// verifiedTable says how the rows of a table are verified.
type verifiedTable struct {
	table byte
	name  string
	key   []keyPart
	row   func(v *verifier, value []byte) error // of v.at
}

// verifiedTables are all tables. That of the objects is the first: others speak
// of endpoints.
var verifiedTables = []verifiedTable{
	{tableObject, "object", []keyPart{partKind, partObject}, (*verifier).object},
	{tableMeta, "state", nil, (*verifier).meta},
	{tableEvent, "event", []keyPart{partOrg, partID}, (*verifier).event},
	{tableByType, "event by type", []keyPart{partOrg, partType, partPos}, (*verifier).byType},
	{tableTime, "event by time", []keyPart{partMinute}, (*verifier).time},
	{tableLane, "lane", []keyPart{partEndpoint}, (*verifier).lane},
	{tableDelivery, "delivery", []keyPart{partEndpoint, partPos, partReplay}, (*verifier).delivery},
	{tableAttempt, "attempt", []keyPart{partEndpoint, partPos, partReplay, partN}, (*verifier).attempt},
	{tableRetry, "retry", []keyPart{partEndpoint, partDue, partPos, partReplay}, (*verifier).retry},
	{tableTerminal, "delivery by state", []keyPart{partEndpoint, partState, partPos, partReplay}, (*verifier).terminal},
	{tableIdempotency, "idempotency key", []keyPart{partScope, partOrg, partHash}, (*verifier).idempotency},
	{tableKeyExpiry, "expiry of an idempotency key", []keyPart{partMinute, partScope, partOrg, partHash}, (*verifier).empty},
	{tableReplay, "replay job", []keyPart{partOrg, partID}, (*verifier).replayJob},
	{tableRunning, "running replay job", []keyPart{partOrg, partID}, (*verifier).running},
	{tableReplayLine, "line of a replay job", []keyPart{partOrg, partID, partEndpoint}, (*verifier).replayLine},
	{tableAudit, "audit entry", []keyPart{partID}, (*verifier).audit},
	{tableDuplicate, "duplicate", []keyPart{partPos}, (*verifier).duplicate},
}

// verifier verifies one partition.
type verifier struct {
	*partition
	partitions int
	report     func(error)

	at        rowKey // of the row that is being verified
	endpoints map[endpoint.Key]string
	deleted   map[endpoint.Key]bool
	waiting   map[endpoint.Key]int64 // deliveries that the lane counts and the retry index has not shown yet
	end       wal.Pos                // what apply has come to
	last      wal.Pos                // of the minute before
	attempted struct {
		Ref
		attempts int // that the delivery has
	}
}

func newVerifier(pt *partition, partitions int, report func(error)) *verifier {
	return &verifier{
		partition: pt, partitions: partitions, report: report, end: math.MaxUint64,
		endpoints: make(map[endpoint.Key]string), deleted: make(map[endpoint.Key]bool), waiting: make(map[endpoint.Key]int64),
	}
}

// table verifies the rows of one table. The error is that of the store.
func (v *verifier) table(ctx context.Context, t verifiedTable) (kv.Tally, error) {
	lower := v.partition.key(t.table)
	var last []byte
	n, err := v.db.Each(ctx, lower, kv.PrefixEnd(lower), func(key, value []byte) error {
		last = append(last[:0], key...)
		err := v.at.parse(key[headLen:], t.key)
		if err == nil {
			err = t.row(v, value)
		}
		if errors.Is(err, kv.ErrCorrupt) { // of a row that this one speaks of
			return err
		}
		if err != nil {
			v.report(fmt.Errorf("ledger, partition %d, %s%s: %w", v.p, t.name, v.where(key, t.key, err), err))
		}
		return nil
	})
	if err != nil {
		from := "from its beginning on"
		if last != nil {
			from = "from here on" + v.where(last, t.key, v.at.parse(last[headLen:], t.key))
		}
		err = fmt.Errorf("ledger, partition %d, table %s %s: the rest of the ledger was not read: %w", v.p, t.name, from, err)
	}
	return n, err
}

// where names a row, an endpoint by its id as people know it.
func (v *verifier) where(key []byte, layout []keyPart, err error) string {
	if errors.Is(err, errBadKey) {
		return fmt.Sprintf(" %x", key)
	}
	place := v.at.place(layout)
	if id, known := v.endpoints[endpoint.Key(v.at.endpoint)]; known {
		place += " (" + id + ")"
	}
	return place
}

// endOfPartition compares what can be only when all rows have been seen.
func (v *verifier) endOfPartition() {
	for _, ep := range slices.Sorted(maps.Keys(v.waiting)) {
		if n := v.waiting[ep]; n != 0 {
			v.report(fmt.Errorf("ledger, partition %d, lane, endpoint %d (%s): it counts %+d waiting deliveries against those in the index of retries", v.p, ep, v.endpoints[ep], n))
		}
	}
}

// numberOf reads a value that is one position.
func numberOf(value []byte) (wal.Pos, error) {
	if len(value) != 8 {
		return 0, errDamagedValue
	}
	return wal.Pos(binary.BigEndian.Uint64(value)), nil
}
