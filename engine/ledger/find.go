package ledger

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// What verbs look up before they write. Each takes the organization that asks:
// what belongs to another is not there.

// FindEndpoint finds a living endpoint by its id.
func (l *Ledger) FindEndpoint(org, id string) (*endpoint.Endpoint, bool) {
	e, found := l.find(org, func(pt *partition) *member { return pt.mu.byID[id] })
	if !found || e.DeletedAt != 0 {
		return nil, false
	}
	return e, true
}

// FindKey finds an endpoint by its key, a deleted one included.
func (l *Ledger) FindKey(org string, key endpoint.Key) (*endpoint.Endpoint, bool) {
	return l.find(org, func(pt *partition) *member { return pt.mu.members[key] })
}

// FindAlias is FindKey by what the ids of deliveries name an endpoint by.
func (l *Ledger) FindAlias(org string, alias endpoint.Alias) (*endpoint.Endpoint, bool) {
	return l.find(org, func(pt *partition) *member { return pt.mu.byAlias[alias] })
}

func (l *Ledger) find(org string, in func(*partition) *member) (*endpoint.Endpoint, bool) {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := in(pt)
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
