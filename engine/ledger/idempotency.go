package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Idempotency is decided here and nowhere else: an event whose key is taken at
// the time of its record is dropped. So of two that arrive at once one wins,
// whatever the order in which their requests were handled.

// idempotencyRow: version 1 | event id 16 | fingerprint 16 | expires i64.
type idempotencyRow struct {
	event       event.ID
	fingerprint [16]byte
	expires     int64 // Unix ms
}

const (
	idempotencyVersion = 1
	idempotencyRowLen  = 1 + 16 + 16 + 8
)

var errDamagedKey = errors.New("idempotency row is damaged or of a newer version")

func (w idempotencyRow) append(dst []byte) []byte {
	dst = append(dst, idempotencyVersion)
	dst = append(dst, w.event[:]...)
	dst = append(dst, w.fingerprint[:]...)
	return binary.BigEndian.AppendUint64(dst, uint64(w.expires))
}

func (w *idempotencyRow) decode(data []byte) error {
	if len(data) != idempotencyRowLen || data[0] != idempotencyVersion {
		return errDamagedKey
	}
	copy(w.event[:], data[1:])
	copy(w.fingerprint[:], data[17:])
	w.expires = int64(binary.BigEndian.Uint64(data[33:]))
	return nil
}

// Every source has keys of its own: what a producer sends cannot collide with
// what Stripe sends. Long keys are hashed, so that all rows are short.
func keyTail(k kv.Key, scope event.Source, org, clientKey string) kv.Key {
	sum := sha256.Sum256([]byte(clientKey))
	return text(k.U8(byte(scope)), org).Raw(sum[:16])
}

// claimKey takes the event's key, or returns the row of who has it.
func (pt *partition) claimKey(b *kv.Batch, ev *event.Event, r *wal.Rec) (taken *idempotencyRow, err error) {
	k := keyTail(pt.key(tableIdempotency), ev.Source, ev.Organization, ev.Idempotency.Key)
	row, found, err := pt.takenKey(k)
	if err != nil {
		return nil, err
	}
	if found && row.expires > r.At {
		return &row, nil
	}
	row = idempotencyRow{event: ev.ID, fingerprint: ev.Idempotency.Fingerprint, expires: ev.Idempotency.Expires}
	pt.scratch.newKeys[string(k)] = row
	pt.scratch.value = row.append(pt.scratch.value[:0])
	b.Set(k, pt.scratch.value)
	expiry := pt.key(tableKeyExpiry).U32(expiryHour(row.expires))
	b.Set(keyTail(expiry, ev.Source, ev.Organization, ev.Idempotency.Key), nil)
	return nil, nil
}

func (pt *partition) takenKey(k kv.Key) (row idempotencyRow, found bool, err error) {
	if row, found = pt.scratch.newKeys[string(k)]; found {
		return row, true, nil
	}
	// Most keys are new, and to learn that is far cheaper than a failing Get.
	if found, err = pt.db.Has(k); err != nil || !found {
		return row, false, err
	}
	var value []byte
	if value, found, err = pt.db.Get(nil, k); err != nil || !found {
		return row, false, err
	}
	return row, true, row.decode(value)
}

// expiryHour is the first full hour at which a key has expired.
func expiryHour(expires int64) uint32 { return uint32(expires/3_600_000) + 1 }

// forget drops the keys that have expired before a time. A key that was taken
// again since has a later expiry and stays.
func (pt *partition) forget(b *kv.Batch, before int64) error {
	lower := pt.key(tableKeyExpiry)
	upper := pt.key(tableKeyExpiry).U32(uint32(before / 3_600_000))
	err := pt.walk(lower, upper, func(k, _ []byte) error {
		taken := pt.key(tableIdempotency).Raw(k[headLen+4:])
		row, found, err := pt.takenKey(taken)
		if err == nil && found && row.expires <= before {
			b.Delete(taken)
		}
		return err
	})
	b.DeleteRange(lower, upper)
	return err
}
