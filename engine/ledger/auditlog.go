package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// AuditFilter chooses entries. The zero value is all, of all organizations.
type AuditFilter struct {
	Organization  string
	Actor, Object string
	From, To      int64 // Unix ms, from From until before To; 0 = no bound
}

func (f *AuditFilter) matches(a *AuditEntry) bool {
	return (f.Organization == "" || f.Organization == a.Organization) &&
		(f.Actor == "" || f.Actor == a.Actor) && (f.Object == "" || f.Object == a.Object)
}

// AuditLog lists entries, newest first. Those of one organization are in its
// partition and in that of the tenants; without one all partitions are read,
// and merged.
func (l *Ledger) AuditLog(f AuditFilter, page Page) (*List[AuditEntry], error) {
	r := newReader[AuditEntry](page)
	lower, upper, err := idsOf(timeRange{f.From, f.To})
	if err != nil {
		return nil, err
	}
	walk := &auditWalk{backwards: r.backwards}
	for _, pt := range l.parts {
		if f.Organization != "" && pt.p != TenantsPartition && pt.p != l.PartitionOf(f.Organization) {
			continue
		}
		if err := walk.open(pt, lower, upper, r.from); err != nil {
			return nil, errors.Join(err, walk.close())
		}
	}
	for more := true; more && err == nil; {
		row, ok := walk.next()
		if !ok {
			break
		}
		more, err = r.offer(row.id(), func() (*AuditEntry, error) { return f.read(row) })
	}
	return r.result(), errors.Join(err, walk.close())
}

// read returns the entry of a row, nil if it is not among those wanted.
func (f *AuditFilter) read(row auditRow) (*AuditEntry, error) {
	a := &AuditEntry{At: int64(event.ID(row.id()).Time())}
	if err := json.Unmarshal(row.Value(), a); err != nil {
		return nil, fmt.Errorf("read audit entry: %w", err)
	}
	if !f.matches(a) {
		return nil, nil
	}
	return a, nil
}

// auditWalk goes through the entries of several partitions in the order of their
// ids.
type auditWalk struct {
	backwards bool // towards the newer
	rows      []auditRow
	given     *kv.Iter // the one whose row was given last
	err       error
}

// auditRow is where the walk is in one partition.
type auditRow struct{ *kv.Iter }

// id is the cursor of the row's entry.
func (r auditRow) id() []byte { return r.Key()[headLen:] }

// open begins with a partition at a cursor, or at the newest entry.
func (w *auditWalk) open(pt *partition, lower, upper, from []byte) error {
	table := pt.key(tableAudit)
	low, high := pt.key(tableAudit).Raw(lower), kv.PrefixEnd(table)
	if upper != nil {
		high = pt.key(tableAudit).Raw(upper)
	}
	if bytes.Compare(low, high) >= 0 {
		return nil
	}
	it, err := pt.db.Iter(low, high)
	if err != nil {
		return err
	}
	switch {
	case from == nil:
		w.keep(it, it.Last())
	case w.backwards:
		w.keep(it, it.SeekGE(table.Raw(from)))
	default:
		w.keep(it, it.SeekLT(table.Raw(from)))
	}
	return w.err
}

// keep goes on with a partition that has a row, and ends with one that has none.
func (w *auditWalk) keep(it *kv.Iter, ok bool) {
	if ok {
		w.rows = append(w.rows, auditRow{it})
		return
	}
	w.err = errors.Join(w.err, it.Close())
}

// next returns the row whose turn it is; false at the end.
func (w *auditWalk) next() (row auditRow, ok bool) {
	if it := w.given; it != nil {
		w.rows = slices.DeleteFunc(w.rows, func(r auditRow) bool { return r.Iter == it })
		if w.backwards {
			w.keep(it, it.Next())
		} else {
			w.keep(it, it.Prev())
		}
	}
	for _, r := range w.rows {
		if !ok || (bytes.Compare(r.id(), row.id()) < 0) == w.backwards {
			row, ok = r, true
		}
	}
	w.given = row.Iter
	return row, ok && w.err == nil
}

func (w *auditWalk) close() error {
	for _, r := range w.rows {
		w.err = errors.Join(w.err, r.Close())
	}
	return w.err
}
