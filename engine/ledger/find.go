package ledger

import (
	"slices"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// What verbs look up before they write. Each takes the organization that asks:
// what belongs to another is not there.

// FindEndpoint finds a living endpoint by its id.
func (l *Ledger) FindEndpoint(org, id string) (*endpoint.Endpoint, bool) {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.byID[id]
	if m == nil || m.Organization != org || m.DeletedAt != 0 {
		return nil, false
	}
	return m.Endpoint, true
}

// FindKey finds an endpoint by its key, a deleted one included.
func (l *Ledger) FindKey(org string, key endpoint.Key) (*endpoint.Endpoint, bool) {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.members[key]
	if m == nil || m.Organization != org {
		return nil, false
	}
	return m.Endpoint, true
}

// FindEvent is the position of an event.
func (l *Ledger) FindEvent(org string, id event.ID) (at wal.Pos, found bool, err error) {
	row, found, err := l.partition(org).eventRow(org, id)
	return row.pos, found, err
}

// EndpointKeys are the keys of the living endpoints of an organization, in the
// order of their creation.
func (l *Ledger) EndpointKeys(org string) []endpoint.Key {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	var keys []endpoint.Key
	for _, m := range pt.mu.byOrg[org] {
		if m.DeletedAt == 0 {
			keys = append(keys, m.Key)
		}
	}
	return keys
}

// Remains lists the deleted organizations that still have endpoints, events,
// replays or idempotency keys: their deletion was cut short, or an event that
// was under way came in after it. In the order of their ids.
func (l *Ledger) Remains() ([]string, error) {
	var remains []string
	for _, org := range l.tenants.deleted() {
		found, err := l.partition(org).hasAnything(org)
		if err != nil {
			return nil, err
		}
		if found {
			remains = append(remains, org)
		}
	}
	return remains, nil
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

// deleted are the ids of deleted organizations, in order.
func (t *tenants) deleted() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var ids []string
	for id, o := range t.mu.organizations {
		if o.DeletedAt != 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
