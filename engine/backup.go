package engine

import (
	"context"
	"fmt"

	"github.com/hookwheel/hookwheel/engine/ledger"
)

// Backup copies the store into dir while it works, see wal.Store.Checkpoint, and
// notes in the audit who had it made, under name: a copy has the data of all
// organizations, and keeps it when one is deleted. The copy itself does not know
// of its note. Without the note there is no copy.
func (e *Engine) Backup(ctx context.Context, dir, name string, audit ledger.Audit) error {
	return e.store.Checkpoint(dir, func() error {
		_, err := e.ledger.CommandAt(ctx, ledger.TenantsPartition, &ledger.Command{Audit: audit, Verb: ledger.NoteBackup, Backup: name})
		if err != nil {
			return fmt.Errorf("note the backup: %w", err)
		}
		return nil
	})
}
