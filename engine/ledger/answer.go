package ledger

import (
	"encoding/binary"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Answer is what a request with an idempotency key was answered, to be given
// again to whoever repeats it. What is in it only its writer knows: an answer
// can hold a secret, so it comes encrypted.
type Answer struct {
	Organization string `json:"organization_id"`
	Key          string `json:"key"` // method, path and key of the request
	Sealed       []byte `json:"sealed"`
	ExpiresAt    int64  `json:"expires_at"` // Unix ms
}

// answerScope is the source of no event: the keys of requests are apart from
// those of events, but are kept, forgotten and erased together with them.
const answerScope event.Source = 0xff

// An answer's row: version 1 | expires i64 | sealed.
func (a *Answer) append(dst []byte) []byte {
	dst = append(dst, idempotencyVersion)
	dst = binary.BigEndian.AppendUint64(dst, uint64(a.ExpiresAt))
	return append(dst, a.Sealed...)
}

func (a *Answer) decode(data []byte) error {
	var err error
	if a.ExpiresAt, err = keyExpiry(data); err == nil {
		a.Sealed = data[keyExpiryEnd:]
	}
	return err
}

// keepAnswer replaces what is there: the writer has looked, and a key that is
// executed twice after all is better answered with what was done last.
func (pt *partition) keepAnswer(b *kv.Batch, a *Answer) {
	pt.scratch.value = a.append(pt.scratch.value[:0])
	b.Set(keyTail(pt.key(tableIdempotency), answerScope, a.Organization, a.Key), pt.scratch.value)
	b.Set(keyTail(pt.key(tableKeyExpiry).U32(expiryHour(a.ExpiresAt)), answerScope, a.Organization, a.Key), nil)
}

// Answer finds what was kept for a key of an organization. It may have expired.
func (l *Ledger) Answer(org, key string) (a Answer, found bool, err error) {
	pt := l.partition(org)
	value, found, err := pt.db.Get(nil, keyTail(pt.key(tableIdempotency), answerScope, org, key))
	if err != nil || !found {
		return a, false, err
	}
	a = Answer{Organization: org, Key: key}
	return a, true, a.decode(value)
}
