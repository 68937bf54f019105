package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Verify reads every row of a store that nobody writes to, and decodes it as a
// server would: the ledger's, the log's, with all records in it, and the check
// of the master key. visit sees each record that is not deleted. What is not as
// it was written is reported, row by row, see ledger.Verify. The error is that
// of ctx, or wal.ErrClosed.
func Verify(ctx context.Context, store *wal.Store, visit func(wal.Rec), report func(error)) (n kv.Tally, err error) {
	if n, err = ledger.Verify(ctx, store.DB(), store.Partitions(), report); err != nil {
		return n, err
	}
	log, err := store.Verify(ctx, func(_ int, r wal.Rec) error {
		visit(r)
		return ledger.VerifyRecord(r)
	}, report)
	n.Add(log)
	if err != nil {
		return n, err
	}
	check, found, err := store.DB().Get(nil, keyCheckRow)
	switch {
	case err != nil:
		report(fmt.Errorf("check of the master key: %w", err))
	case !found && n.Rows > log.Rows: // the first start wrote it before anything else
		report(errors.New("check of the master key: it is missing"))
	}
	n.Add(kv.Tally{Rows: 1, Bytes: uint64(len(keyCheckRow) + len(check))})
	return n, nil
}
