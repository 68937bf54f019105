package engine

import (
	"context"
	"fmt"

	"github.com/hookwheel/hookwheel/engine/ledger"
)

// Backup copies the store into dir while it works, see wal.Store.Checkpoint, and
// notes in the audit who had it made, under name: a copy has the data of all
// organizations, and keeps it when one is deleted. The copy itself does not know
// of its note.
func (e *Engine) Backup(ctx context.Context, dir, name string, audit ledger.Audit) error {
	if err := e.store.Checkpoint(dir); err != nil {
		return err
	}
	_, err := e.ledger.CommandAt(ctx, ledger.TenantsPartition, &ledger.Command{Audit: audit, Verb: ledger.NoteBackup, Backup: name})
	if err != nil {
		return fmt.Errorf("note the backup in %s, which was made: %w", dir, err)
	}
	return nil
}
