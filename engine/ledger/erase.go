package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// An organization is deleted in steps, each of which may be repeated, and
// whoever repeats them finds in the rows which are left:
//
//	tenants    Change       deleted: its keys and clients are gone, its name too
//	its own    Erase        endpoints, events, history, replays, keys of requests are gone
//	log                     its events' records lose their data, all others are shed
//	store                   the files lose the bytes
//	tenants    FinishErase  erased: nothing is left but its id, which stays taken
//
// The audit keeps who changed what of it, and when, until its own retention
// ends: ids and names of fields. What the organization's people brought along,
// the ids of their requests and their addresses, goes.

// Erasing lists the deleted organizations that are not erased yet, and those
// that have something again: what was under way when they were deleted came in
// late. In the order of their ids.
func (l *Ledger) Erasing() ([]*Organization, error) {
	var list []*Organization
	for _, o := range l.tenants.deleted() {
		found := o.ErasedAt == 0
		if !found {
			var err error
			if found, err = l.partition(o.ID).hasAnything(o.ID); err != nil {
				return nil, err
			}
		}
		if found {
			list = append(list, o)
		}
	}
	return list, nil
}

// Deleting returns an organization that was deleted and is not erased yet.
// Read-only.
func (l *Ledger) Deleting(id string) (*Organization, bool) {
	o := l.tenants.organization(id)
	return o, o != nil && o.DeletedAt != 0 && o.ErasedAt == 0
}

// deleted are the deleted organizations in the order of their ids.
func (t *tenants) deleted() []*Organization {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return pick(t.mu.organizations,
		func(o *Organization) bool { return o.DeletedAt != 0 },
		func(a, b *Organization) int { return cmp.Compare(a.ID, b.ID) })
}

// hasAnything looks for what erase would remove.
func (pt *partition) hasAnything(org string) (bool, error) {
	pt.mu.RLock()
	members := len(pt.mu.byOrg[org])
	pt.mu.RUnlock()
	if members > 0 {
		return true, nil
	}
	prefixes := append(pt.keyPrefixes(org), text(pt.key(tableEvent), org), text(pt.key(tableByType), org), text(pt.key(tableReplay), org))
	for _, prefix := range prefixes {
		if found, err := pt.hasPrefix(prefix); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

func (pt *partition) hasPrefix(prefix kv.Key) (bool, error) {
	it, err := pt.db.Iter(prefix, kv.PrefixEnd(prefix))
	if err != nil {
		return false, err
	}
	defer it.Close()
	return it.First(), it.Err()
}

// RecordsOf visits the events of organizations in the log of partition p, up to
// and including a position, in order: those too that apply has dropped. It visits
// as well what was wiped before, of which nobody can tell whose it was.
func (l *Ledger) RecordsOf(p int, orgs []string, upTo wal.Pos, visit func(at wal.Pos, wiped bool)) error {
	var ev event.Event
	var damaged error
	err := l.log.Scan(p, 0, upTo, func(r wal.Rec) bool {
		if isErased(r) {
			visit(r.Pos, true)
			return true
		}
		if damaged = ev.Decode(r.Data); damaged == nil && slices.Contains(orgs, ev.Organization) {
			visit(r.Pos, false)
		}
		return damaged == nil
	})
	return errors.Join(err, damaged)
}

// ErasedSpans are the keys of the ledger among which rows of organizations of
// partition p were.
func (l *Ledger) ErasedSpans(p int) []kv.Span {
	var spans []kv.Span
	for _, p := range slices.Compact([]int{TenantsPartition, p}) {
		all := l.parts[p].key(0)[:headLen-1]
		spans = append(spans, kv.Span{Lower: all, Upper: kv.PrefixEnd(all)})
	}
	return spans
}

// dropCredentials removes the keys and clients of an organization that is being
// deleted.
func (pt *partition) dropCredentials(b *kv.Batch, org string) {
	for _, k := range pt.Keys(org) {
		b.Delete(pt.objectKey(objectKey, k.ID))
		pt.tenants.dropKey(k)
	}
	for _, c := range pt.Clients(org) {
		b.Delete(pt.objectKey(objectClient, c.ID))
		pt.tenants.dropClient(c.ID)
	}
}

// erase removes the rows of all that an organization has. Its endpoints'
// deletion is told to the follower, so that their lanes stop.
func (pt *partition) erase(b *kv.Batch, r *wal.Rec, org string) error {
	for _, m := range slices.Clone(pt.mu.byOrg[org]) {
		if m.DeletedAt == 0 {
			pt.scratch.applied.Endpoints = append(pt.scratch.applied.Endpoints, m.WithDeletion(uint64(r.Pos), r.At))
		}
		pt.forgetEndpoint(b, m)
	}
	for _, table := range [...]byte{tableEvent, tableByType, tableReplay, tableRunning, tableReplayLine} {
		prefix := text(pt.key(table), org)
		b.DeleteRange(prefix, kv.PrefixEnd(prefix))
	}
	for _, prefix := range pt.keyPrefixes(org) {
		b.DeleteRange(prefix, kv.PrefixEnd(prefix))
	}
	return errors.Join(pt.eraseExpiries(b, org), pt.redactAudit(b, org))
}

// eraseExpiries removes an organization's rows from the index of when keys
// expire: a few seeks for each hour that is in it.
func (pt *partition) eraseExpiries(b *kv.Batch, org string) error {
	table := pt.key(tableKeyExpiry)
	it, err := pt.db.Iter(table, kv.PrefixEnd(table))
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; {
		hour := keyU32(it.Key(), headLen)
		for _, scope := range keyScopes() {
			prefix := text(pt.key(tableKeyExpiry).U32(hour).U8(byte(scope)), org)
			if it.SeekGE(prefix) && bytes.HasPrefix(it.Key(), prefix) {
				b.DeleteRange(prefix, kv.PrefixEnd(prefix))
			}
		}
		ok = it.SeekGE(kv.PrefixEnd(pt.key(tableKeyExpiry).U32(hour)))
	}
	return it.Err()
}

// redactAudit takes out of the entries about an organization what came from its
// people. What was done to the organization itself an operator did.
func (pt *partition) redactAudit(b *kv.Batch, org string) error {
	table := pt.key(tableAudit)
	return pt.walk(table, kv.PrefixEnd(table), func(k, v []byte) error {
		if !bytes.Contains(v, []byte(org)) {
			return nil
		}
		var a AuditEntry
		if err := json.Unmarshal(v, &a); err != nil {
			return err
		}
		if a.Organization == org && a.Kind != auditOrganization && (a.RequestID != "" || a.Source != "") {
			a.RequestID, a.Source = "", ""
			b.Set(slices.Clone(k), encode(&a))
		}
		return nil
	})
}

// setErased notes that nothing is left of a deleted organization, or that
// something is again.
func (pt *partition) setErased(b *kv.Batch, org string, at int64) (refusal error) {
	now := pt.tenants.organization(org)
	if now == nil || now.DeletedAt == 0 {
		return ErrNotFound
	}
	next := *now
	next.ErasedAt = at
	b.Set(pt.objectKey(objectOrganization, org), encode(&next))
	pt.tenants.putOrganization(&next)
	return nil
}
