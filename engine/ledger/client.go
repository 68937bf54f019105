package ledger

import (
	"cmp"

	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// OAuth clients are kept like keys, with the tenants: a request that comes with
// a token asks whether its client still exists.

// changeClient makes a client or removes it.
func (pt *partition) changeClient(b *kv.Batch, r *wal.Rec, c *Change) error {
	next := c.Client
	now, exists := pt.Client(next.ID)
	switch {
	case c.Base == 0 && exists:
		return ErrExists
	case c.Base == 0:
		next.Version, next.CreatedAt = uint64(r.Pos), r.At
		b.Set(pt.objectKey(objectClient, next.ID), encode(next))
		pt.tenants.putClient(next)
	case !exists:
		return ErrNotFound
	case now.Version != c.Base:
		return ErrChanged
	case next.DeletedAt == 0:
		return ErrForbidden
	default:
		b.Delete(pt.objectKey(objectClient, next.ID))
		pt.tenants.dropClient(next.ID)
	}
	return nil
}

func (t *tenants) putClient(c *Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.clients[c.ID] = c
}

func (t *tenants) dropClient(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.clients, id)
}

// Client finds an OAuth client by its id. Read-only.
func (l *Ledger) Client(id string) (*Client, bool) {
	l.tenants.mu.RLock()
	defer l.tenants.mu.RUnlock()
	c, found := l.tenants.mu.clients[id]
	return c, found
}

// Clients returns the OAuth clients of an organization in the order of their
// ids, which is that of their creation.
func (l *Ledger) Clients(organization string) []*Client {
	l.tenants.mu.RLock()
	defer l.tenants.mu.RUnlock()
	return pick(l.tenants.mu.clients,
		func(c *Client) bool { return c.Organization == organization },
		func(a, b *Client) int { return cmp.Compare(a.ID, b.ID) })
}
