package ledger

import (
	"cmp"
	"slices"
	"sync"
)

// tenants is what every request needs to know of all organizations, whatever
// their partition: who exists, and whose key or client is it. Its records are those of
// partition 0, whose apply goroutine is the only writer.
type tenants struct {
	mu struct {
		sync.RWMutex
		organizations map[string]*Organization
		keys          map[string]*Key
		keyByHash     map[[32]byte]*Key
		clients       map[string]*Client
	}
}

// TenantsPartition holds the records that change organizations and keys.
const TenantsPartition = 0

func newTenants() *tenants {
	t := &tenants{}
	t.mu.organizations = make(map[string]*Organization)
	t.mu.keys = make(map[string]*Key)
	t.mu.keyByHash = make(map[[32]byte]*Key)
	t.mu.clients = make(map[string]*Client)
	return t
}

func (t *tenants) putOrganization(o *Organization) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.organizations[o.ID] = o
}

func (t *tenants) putKey(k *Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.mu.keys[k.ID]; old != nil {
		delete(t.mu.keyByHash, old.Hash)
	}
	t.mu.keys[k.ID] = k
	t.mu.keyByHash[k.Hash] = k
}

func (t *tenants) dropKey(k *Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.keys, k.ID)
	delete(t.mu.keyByHash, k.Hash)
}

func (t *tenants) organization(id string) *Organization {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.mu.organizations[id]
}

func (t *tenants) key(id string) *Key {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.mu.keys[id]
}

// Organization returns a living organization. Read-only.
func (l *Ledger) Organization(id string) (*Organization, bool) {
	o := l.tenants.organization(id)
	return o, o != nil && o.DeletedAt == 0
}

// Organizations returns the living ones in the order of their ids.
func (l *Ledger) Organizations() []*Organization {
	l.tenants.mu.RLock()
	defer l.tenants.mu.RUnlock()
	return pick(l.tenants.mu.organizations,
		func(o *Organization) bool { return o.DeletedAt == 0 },
		func(a, b *Organization) int { return cmp.Compare(a.ID, b.ID) })
}

// KeyByHash finds an API key, revoked and expired ones included, by the SHA-256
// of the whole key. Read-only.
func (l *Ledger) KeyByHash(hash [32]byte) (*Key, bool) {
	l.tenants.mu.RLock()
	defer l.tenants.mu.RUnlock()
	k, found := l.tenants.mu.keyByHash[hash]
	return k, found
}

// Keys returns the API keys of an organization, newest first; "" has the admin
// keys.
func (l *Ledger) Keys(organization string) []*Key {
	l.tenants.mu.RLock()
	defer l.tenants.mu.RUnlock()
	return pick(l.tenants.mu.keys,
		func(k *Key) bool { return k.Organization == organization },
		func(a, b *Key) int { return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID)) })
}

// pick returns what a list wants of a table, in its order.
func pick[T any](table map[string]*T, wanted func(*T) bool, order func(a, b *T) int) []*T {
	var list []*T
	for _, item := range table {
		if wanted(item) {
			list = append(list, item)
		}
	}
	slices.SortFunc(list, order)
	return list
}
