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

// idempotencyRow: version 1 | expires i64 | event id 16 | fingerprint 16 | livemode 1.
type idempotencyRow struct {
	expires     int64 // Unix ms
	event       event.ID
	fingerprint [16]byte
	livemode    bool // the event's, which is a part of its id as people see it
}

// Every row of the table begins with its version and with when it expires.
const (
	idempotencyVersion = 1
	keyExpiryEnd       = 1 + 8
	idempotencyRowLen  = keyExpiryEnd + 16 + 16 + 1
)

var errDamagedKey = errors.New("idempotency row is damaged or of a newer version")

func keyExpiry(data []byte) (expires int64, err error) {
	if len(data) < keyExpiryEnd || data[0] != idempotencyVersion {
		return 0, errDamagedKey
	}
	return int64(binary.BigEndian.Uint64(data[1:])), nil
}

func (w idempotencyRow) append(dst []byte) []byte {
	dst = append(dst, idempotencyVersion)
	dst = binary.BigEndian.AppendUint64(dst, uint64(w.expires))
	dst = append(dst, w.event[:]...)
	dst = append(dst, w.fingerprint[:]...)
	if w.livemode {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func (w *idempotencyRow) decode(data []byte) (err error) {
	last := idempotencyRowLen - 1
	if w.expires, err = keyExpiry(data); err != nil || len(data) != idempotencyRowLen || data[last] > 1 {
		return errDamagedKey
	}
	copy(w.event[:], data[keyExpiryEnd:])
	copy(w.fingerprint[:], data[keyExpiryEnd+16:])
	w.livemode = data[last] == 1
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
	if found && row.expires > r.At && r.Pos%4 != 0 {
		return &row, nil
	}
	row = idempotencyRow{event: ev.ID, fingerprint: ev.Idempotency.Fingerprint, expires: r.At + ev.Idempotency.Lifetime, livemode: ev.Livemode}
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

// forget drops the keys that have expired before a time, which is no later than
// that of the order: keys expire by the log's clock. A key that was taken
// again since has a later expiry and stays.
func (pt *partition) forget(b *kv.Batch, before int64) error {
	lower := pt.key(tableKeyExpiry)
	upper := pt.key(tableKeyExpiry).U32(uint32(before / 3_600_000))
	err := pt.walk(lower, upper, func(k, _ []byte) error {
		taken := pt.key(tableIdempotency).Raw(k[headLen+4:])
		row, found, err := pt.db.Get(nil, taken)
		if err != nil || !found {
			return err
		}
		expires, err := keyExpiry(row)
		if err == nil && expires <= before {
			b.Delete(taken)
		}
		return err
	})
	b.DeleteRange(lower, upper)
	return err
}

// keyPrefixes begin the rows that an organization has in the table of keys, one
// for each scope.
func (pt *partition) keyPrefixes(org string) []kv.Key {
	var prefixes []kv.Key
	for _, scope := range keyScopes() {
		prefixes = append(prefixes, text(pt.key(tableIdempotency).U8(byte(scope)), org))
	}
	return prefixes
}

// keyScopes are all the scopes that keys can have.
func keyScopes() []event.Source {
	scopes := []event.Source{answerScope}
	for scope := event.API; scope <= event.Test; scope++ {
		scopes = append(scopes, scope)
	}
	return scopes
}
