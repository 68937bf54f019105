package wal

import (
	"context"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// Range is the positions from First to Last, both included.
type Range struct{ First, Last Pos }

// Purge returns once no file of the store holds the data of Event records that
// were erased within the ranges before the call, nothing that was trimmed or
// absorbed before, and nothing that was deleted or overwritten in the other
// spans, which are the ledger's. It rewrites the tables of each range and of each
// span as a whole, so ranges are best cut to some 100 MB of the log. One call at
// a time.
func (s *Store) Purge(ctx context.Context, erased []Range, others ...kv.Span) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	spans := append(slices.Clone(others), kv.Span{Lower: kv.Key{otherRange}, Upper: kv.Key{otherRange + 1}})
	trimmed, err := s.trimmedSpan()
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	spans = append(spans, trimmed)
	for _, r := range erased {
		span, err := s.packSpan(r)
		if err != nil {
			return fmt.Errorf("purge: %w", err)
		}
		spans = append(spans, span)
	}
	return s.db.Purge(ctx, spans...)
}

// trimmedSpan is the part of the event range before the first pack.
func (s *Store) trimmedSpan() (kv.Span, error) {
	span := kv.Span{Lower: kv.Key{eventRange}, Upper: kv.Key{eventRange + 1}}
	it, err := s.db.Iter(span.Lower, span.Upper)
	if err != nil {
		return span, readError(err)
	}
	if it.First() {
		span.Upper = slices.Clone(it.Key())
	}
	if err := it.Close(); err != nil {
		return span, readError(err)
	}
	return span, nil
}

// packSpan is the keys of the packs that hold a range.
func (s *Store) packSpan(r Range) (kv.Span, error) {
	span := kv.Span{Lower: packKey(nil, eventRange, r.First, 0), Upper: packKey(nil, eventRange, r.Last+1, 0)}
	it, err := s.iterFrom(eventRange, r.First-1)
	if err != nil {
		return span, err
	}
	if it.Valid() {
		if first, _ := splitKey(it.Key()); first < r.First {
			span.Lower = slices.Clone(it.Key())
		}
	}
	if err := it.Close(); err != nil {
		return span, readError(err)
	}
	return span, nil
}
