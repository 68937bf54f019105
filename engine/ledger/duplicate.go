package ledger

import (
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// A duplicate is in the log like any event, and whoever reads the log has to
// tell it from those that were accepted. There are few: so it is they that are
// noted, by position. A pass over the log walks beside them and asks nothing; to
// look up the row of every event that has an idempotency key would cost twenty
// times as much as reading it.

func (pt *partition) duplicateKey(at wal.Pos) kv.Key {
	return pt.key(tableDuplicate).U64(uint64(at))
}

// isDuplicate asks about one event.
func (pt *partition) isDuplicate(at wal.Pos) (bool, error) { return pt.db.Has(pt.duplicateKey(at)) }

// duplicates walks the duplicates of a partition. Close it.
type duplicates struct {
	*kv.Iter
	more bool
}

// duplicatesAfter are those after one position, up to another.
func (pt *partition) duplicatesAfter(after, upTo wal.Pos) (*duplicates, error) {
	it, err := pt.db.Iter(pt.duplicateKey(after+1), pt.duplicateKey(upTo+1))
	if err != nil {
		return nil, err
	}
	return &duplicates{it, it.First()}, nil
}

// has reports whether the event at a position is one. Positions must not go
// back.
func (d *duplicates) has(at wal.Pos) bool {
	for d.more && d.next() < at {
		d.more = d.Next()
	}
	return d.more && d.next() == at
}

func (d *duplicates) next() wal.Pos { return wal.Pos(keyU64(d.Key(), headLen)) }
