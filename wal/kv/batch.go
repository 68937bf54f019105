package kv

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Batch collects writes that become visible, and durable, together. Keys and
// values are copied in. Not safe for concurrent use. Close it when done; it can
// be used again after Reset.
type Batch struct {
	db *DB
	b  *pebble.Batch
}

// Batch returns an empty batch.
func (d *DB) Batch() *Batch {
	return &Batch{db: d, b: d.pebble.NewBatch()}
}

// LargeBatch is Batch for one that is used again and again with up to size
// bytes. Of any other, Reset gives back memory beyond 1 MiB, so that it would
// grow, and be copied, anew each time.
func (d *DB) LargeBatch(size int) *Batch {
	return &Batch{db: d, b: d.pebble.NewBatch(pebble.WithMaxRetainedSizeBytes(size))}
}

// The errors of Pebble's batch methods are those of a batch that was already
// closed or committed, or has outgrown 4 GiB: broken use, hence a panic.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("BUG: kv batch: %v", err))
	}
}

// Set writes value under key.
func (b *Batch) Set(key, value []byte) { must(b.b.Set(key, value, nil)) }

// Delete removes key; an absent one is no error.
func (b *Batch) Delete(key []byte) { must(b.b.Delete(key, nil)) }

// DeleteRange removes every key in [lower, upper): one tombstone, whatever
// their number.
func (b *Batch) DeleteRange(lower, upper []byte) { must(b.b.DeleteRange(lower, upper, nil)) }

// Len is the size of the batch in bytes.
func (b *Batch) Len() int { return b.b.Len() }

// Empty says whether nothing has been written into the batch.
func (b *Batch) Empty() bool { return b.b.Empty() }

// Reset empties the batch for another use, also after Commit.
func (b *Batch) Reset() { b.b.Reset() }

// Close gives the batch's memory back.
func (b *Batch) Close() { must(b.b.Close()) }

// Commit applies the batch. With sync it returns once the batch, and all that
// was committed before it, is durable. The only error is ErrReadOnly: a write
// that fails ends the process through Options.Fatal, since what the operating
// system kept of a failed write or sync cannot be known. Commit may block for
// as long as the disk does.
func (b *Batch) Commit(sync bool) error {
	if b.db.opts.ReadOnly {
		return ErrReadOnly
	}
	b.db.copying.RLock()
	defer b.db.copying.RUnlock()
	defer b.db.faults.stopOnPanic()
	wo := pebble.NoSync
	if sync {
		wo = pebble.Sync
	}
	if err := b.b.Commit(wo); err != nil {
		b.db.faults.stop(fmt.Errorf("commit: %w", err))
	}
	return nil
}
