package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// eventRow: version 1 | position, matched uvarint. The payload stays in the log.
type eventRow struct {
	pos     wal.Pos
	matched int // endpoints that were owed it when it was applied
}

const eventRowVersion = 1

var errDamagedEvent = errors.New("event row is damaged or of a newer version")

func (w eventRow) append(dst []byte) []byte {
	dst = append(dst, eventRowVersion)
	dst = binary.AppendUvarint(dst, uint64(w.pos))
	return binary.AppendUvarint(dst, uint64(w.matched))
}

func (w *eventRow) decode(data []byte) error {
	if len(data) == 0 || data[0] != eventRowVersion {
		return errDamagedEvent
	}
	pos, n := binary.Uvarint(data[1:])
	matched, m := binary.Uvarint(data[1+max(n, 0):])
	if n <= 0 || m <= 0 || 1+n+m != len(data) {
		return errDamagedEvent
	}
	w.pos, w.matched = wal.Pos(pos), int(matched)
	return nil
}

func (pt *partition) eventRow(org string, id event.ID) (row eventRow, found bool, err error) {
	value, found, err := pt.db.Get(nil, pt.eventKey(org, id))
	if err != nil || !found {
		return row, false, err
	}
	return row, true, row.decode(value)
}
