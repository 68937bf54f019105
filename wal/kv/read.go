package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Get appends the value of key to dst and says whether there is one.
func (d *DB) Get(dst, key []byte) (value []byte, found bool, err error) {
	v, closer, err := d.pebble.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, fmt.Errorf("get: %w", classify(err))
	}
	dst = append(dst, v...)
	return dst, true, closer.Close()
}

// Has says whether key exists. It is made for keys that mostly do not: it asks
// the bloom filters of every level, the last included, which Get does not do
// (1 µs against 6.6 µs).
func (d *DB) Has(key []byte) (bool, error) {
	it, err := d.pebble.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return false, fmt.Errorf("has: %w", classify(err))
	}
	found := it.SeekPrefixGE(key)
	if err := it.Close(); err != nil {
		return false, fmt.Errorf("has: %w", classify(err))
	}
	return found, nil
}

// Iter walks the keys of [lower, upper) as they were when it was made. Not safe
// for concurrent use. As long as it is open, memory and files that were since
// replaced stay in use: read a few hundred keys, close it, open the next. One
// costs 13 µs with its first seek.
type Iter struct {
	it *pebble.Iterator
}

// Iter returns an iterator that is not positioned yet. Nil bounds are open.
func (d *DB) Iter(lower, upper []byte) (*Iter, error) {
	it, err := d.pebble.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("iterate: %w", classify(err))
	}
	return &Iter{it: it}, nil
}

// The positioning methods say whether they arrived at a key. False is the end
// of the range or an error: Err or Close tells. An error stays. Pebble forgets
// it with the next seek, which may well succeed: whoever takes "nothing before
// here" as a reason to look elsewhere would then skip what could not be read.

// First moves to the smallest key.
func (i *Iter) First() bool { return i.it.Error() == nil && i.it.First() }

// Last moves to the greatest key.
func (i *Iter) Last() bool { return i.it.Error() == nil && i.it.Last() }

// SeekGE moves to the smallest key ≥ key.
func (i *Iter) SeekGE(key []byte) bool { return i.it.Error() == nil && i.it.SeekGE(key) }

// SeekLT moves to the greatest key < key.
func (i *Iter) SeekLT(key []byte) bool { return i.it.Error() == nil && i.it.SeekLT(key) }

// Next moves to the following key.
func (i *Iter) Next() bool { return i.it.Next() }

// Prev moves to the preceding key.
func (i *Iter) Prev() bool { return i.it.Prev() }

// Valid says whether the iterator is at a key.
func (i *Iter) Valid() bool { return i.it.Valid() }

// Key is valid until the next move, and read-only.
func (i *Iter) Key() []byte { return i.it.Key() }

// Value is valid until the next move, and read-only. It is empty if reading it
// failed, which Err tells.
func (i *Iter) Value() []byte {
	v, err := i.it.ValueAndErr()
	if err != nil {
		return nil // the iterator keeps the error
	}
	return v
}

// Err is the error that ended the walk, or nil.
func (i *Iter) Err() error { return classify(i.it.Error()) }

// Close frees the iterator and returns the walk's error, if there was one.
func (i *Iter) Close() error { return classify(i.it.Close()) }

// Tally counts what Each has read.
type Tally struct {
	Rows, Bytes uint64
}

// Add adds what else was read.
func (t *Tally) Add(more Tally) {
	t.Rows += more.Rows
	t.Bytes += more.Bytes
}

// Each visits every key of [lower, upper) in order, and with them every block
// of every table. Key and value are borrowed; an error of visit ends the walk.
// It is made for those who check a whole store: it ends early with the cause of
// ctx, and its one iterator stays open all the time.
func (d *DB) Each(ctx context.Context, lower, upper []byte, visit func(key, value []byte) error) (n Tally, err error) {
	it, err := d.Iter(lower, upper)
	if err != nil {
		return n, err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		value := it.Value()
		if it.Err() != nil {
			break
		}
		n.Rows++
		n.Bytes += uint64(len(it.Key()) + len(value))
		err = visit(it.Key(), value)
		if n.Rows%4096 == 0 && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}
	return n, errors.Join(err, it.Close())
}
