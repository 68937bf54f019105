package ledger

import (
	"encoding/binary"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// The tables. Every key begins with its partition (u16) and the table (u8), so
// that a partition, or a table of it, is one range. Integers in keys are
// big-endian; org and type are text closed by a zero byte, which neither can
// contain; ep is an endpoint's key and pos a log position, u64 each.
//
//	table        key                          value
//	meta         name                         applied position · last minute indexed
//	event        org · event id               eventRow: position, matched
//	by type      org · path of type · pos     event id, see byTypeKey
//	time         minute u32                   first position of that minute
//	lane         ep                           Lane
//	delivery     ep · pos · replay u32        delivery.Row
//	attempt      ep · pos · replay · n u32    delivery.Attempt, from the second on
//	retry        ep · due u64 · pos · replay  queue position, 0 = pos (index; the delivery is the truth)
//	terminal     ep · state u8 · pos · replay – (index of failed and exhausted)
//	idempotency  scope u8 · org · hash 16     idempotencyRow, or an Answer
//	key expiry   hour u32 · scope · org · hash  – (what to forget when)
//	object       kind u8 · id                 the object as JSON
//	replay       org · id                     ReplayJob as JSON
//	running      org · id                     – (index of the replays that run)
//	replay line  org · id · ep                pos after the last event replayed
//	audit        record id                    AuditEntry as JSON
//	duplicate    pos                          – (events that are in the log, but were not accepted)
//
// The retry index begins with the endpoint, not with the time: a lane has one
// timer in the wheel, for its own earliest entry, and reads its own range when
// that fires. So waiting retries take no memory, and those of an endpoint that
// is down are never scanned past by the others.
const (
	tableMeta byte = iota + 1
	tableEvent
	tableByType
	tableTime
	tableLane
	tableDelivery
	tableAttempt
	tableRetry
	tableTerminal
	tableIdempotency
	tableKeyExpiry
	tableObject
	tableReplay
	tableRunning
	tableReplayLine
	tableAudit
	tableDuplicate
	tableEnd
)

func (pt *partition) key(table byte) kv.Key {
	return make(kv.Key, 0, 64).U16(uint16(pt.p)).U8(table)
}

// org and text end with a zero byte, so that no text is a prefix of another.
func text(k kv.Key, s string) kv.Key { return append(append(k, s...), 0) }

func (pt *partition) eventKey(org string, id event.ID) kv.Key {
	return text(pt.key(tableEvent), org).Raw(id[:])
}

// endpointKey begins the keys of all tables that go by endpoint.
func (pt *partition) endpointKey(table byte, ep endpoint.Key) kv.Key {
	return pt.key(table).U64(uint64(ep))
}

// deliveryKey is one delivery's row; the keys of its attempts begin alike in
// their own table.
func (pt *partition) deliveryKey(d Ref) kv.Key {
	return pt.endpointKey(tableDelivery, d.Endpoint).U64(uint64(d.Pos)).U32(d.Replay)
}

func (pt *partition) attemptPrefix(d Ref) kv.Key {
	return pt.endpointKey(tableAttempt, d.Endpoint).U64(uint64(d.Pos)).U32(d.Replay)
}

func (pt *partition) attemptKey(d Ref, n int) kv.Key { return pt.attemptPrefix(d).U32(uint32(n)) }

func (pt *partition) retryKey(d Ref, due int64) kv.Key {
	return pt.endpointKey(tableRetry, d.Endpoint).U64(uint64(due)).U64(uint64(d.Pos)).U32(d.Replay)
}

func (pt *partition) terminalKey(d Ref, state delivery.State) kv.Key {
	return pt.endpointKey(tableTerminal, d.Endpoint).U8(byte(state)).U64(uint64(d.Pos)).U32(d.Replay)
}

// Offsets of the parts behind the endpoint in the keys of delivery and retry.
const (
	headLen       = 3 // partition and table
	deliveryPosAt = headLen + 8
	retryDueAt    = headLen + 8
	retryPosAt    = retryDueAt + 8
)

func keyU64(k []byte, at int) uint64 { return binary.BigEndian.Uint64(k[at:]) }
func keyU32(k []byte, at int) uint32 { return binary.BigEndian.Uint32(k[at:]) }
