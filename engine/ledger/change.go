package ledger

import (
	"errors"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// applyChange stores one object. The refusal is for the writer, the error
// stops the ledger.
func (pt *partition) applyChange(b *kv.Batch, r *wal.Rec, c *Change) (refusal, err error) {
	switch {
	case c.Endpoint != nil:
		return pt.changeEndpoint(b, r, c), nil
	case c.Organization != nil:
		return pt.changeOrganization(b, r, c)
	case c.Key != nil:
		return pt.changeKey(b, r, c), nil
	case c.Client != nil:
		return pt.changeClient(b, r, c), nil
	case c.Answer != nil:
		pt.keepAnswer(b, c.Answer)
		return nil, nil
	}
	return ErrNotFound, nil
}

// changeEndpoint takes the record's endpoint as it is, except for what only
// the log can know: its key, its version, its times and its spans.
func (pt *partition) changeEndpoint(b *kv.Batch, r *wal.Rec, c *Change) error {
	next := c.Endpoint
	wanted := next.Now()
	m := pt.mu.byID[next.ID]
	switch {
	case c.Base == 0 && (m != nil || pt.mu.byAlias[next.Alias] != nil):
		return ErrExists
	case c.Base == 0:
		next.Key, next.CreatedAt, next.StateSince, next.Spans = endpoint.Key(r.Pos), r.At, r.At, nil
	case m == nil || m.DeletedAt != 0 || m.Organization != next.Organization:
		return ErrNotFound
	case m.Version != c.Base:
		return ErrChanged
	default:
		next.Key, next.Alias, next.CreatedAt, next.StateSince, next.Spans = m.Key, m.Alias, m.CreatedAt, m.StateSince, m.Spans
		if wanted.Enabled != m.Now().Enabled {
			next.StateSince = r.At
		}
	}
	next = next.WithSpan(uint64(r.Pos), wanted.EventTypes, wanted.EventsFrom, wanted.Enabled)
	pt.putEndpoint(b, r, next)
	return nil
}

// putEndpoint stores a version of an endpoint and makes it the one in force.
func (pt *partition) putEndpoint(b *kv.Batch, r *wal.Rec, e *endpoint.Endpoint) *member {
	e.Version, e.UpdatedAt = uint64(r.Pos), r.At
	e.Compact()
	b.Set(pt.objectKey(objectEndpoint, e.ID), encode(e))
	if before := pt.mu.members[e.Key]; before != nil && e.Sends() && !before.Sends() {
		pt.startAfresh(before)
	}
	m := pt.register(e)
	pt.scratch.applied.Endpoints = append(pt.scratch.applied.Endpoints, e)
	return m
}

// changeOrganization makes, changes or deletes one; with a deletion its
// credentials go.
func (pt *partition) changeOrganization(b *kv.Batch, r *wal.Rec, c *Change) (refusal, err error) {
	next := c.Organization
	now := pt.tenants.organization(next.ID)
	switch {
	case c.Base == 0 && now != nil:
		return ErrExists, nil
	case c.Base == 0:
		next.CreatedAt = r.At
	case now == nil || now.DeletedAt != 0:
		return ErrNotFound, nil
	case now.Version != c.Base:
		return ErrChanged, nil
	default:
		next.CreatedAt = now.CreatedAt
	}
	next.Version, next.UpdatedAt = uint64(r.Pos), r.At
	b.Set(pt.objectKey(objectOrganization, next.ID), encode(next))
	pt.tenants.putOrganization(next)
	if next.DeletedAt == 0 {
		return nil, nil
	}
	pt.dropCredentials(b, next.ID)
	return nil, pt.redactAudit(b, next.ID)
}

func (pt *partition) changeKey(b *kv.Batch, r *wal.Rec, c *Change) error {
	next := c.Key
	now := pt.tenants.key(next.ID)
	switch {
	case c.Base == 0 && now != nil:
		return ErrExists
	case c.Base == 0:
		next.CreatedAt = r.At
	case now == nil:
		return ErrNotFound
	case now.Version != c.Base:
		return ErrChanged
	default:
		next.CreatedAt, next.LastUsedAt = now.CreatedAt, now.LastUsedAt
	}
	next.Version = uint64(r.Pos)
	b.Set(pt.objectKey(objectKey, next.ID), encode(next))
	pt.tenants.putKey(next)
	return nil
}

// noteUses notes when keys were used last. Their versions stay: nobody has
// changed them.
func (pt *partition) noteUses(b *kv.Batch, uses map[string]int64) {
	for id, at := range uses {
		now := pt.tenants.key(id)
		if now == nil || now.LastUsedAt >= at {
			continue
		}
		next := *now
		next.LastUsedAt = at
		b.Set(pt.objectKey(objectKey, id), encode(&next))
		pt.tenants.putKey(&next)
	}
}

// applyCommand does one verb. Of the verdict it sets what the verb counts.
func (pt *partition) applyCommand(b *kv.Batch, r *wal.Rec, c *Command, v *Verdict) (refusal, err error) {
	switch c.Verb {
	case Expire:
		return nil, pt.expire(b, c)
	case Forget:
		return nil, errors.Join(pt.forget(b, min(c.BeforeTime, r.At)), pt.forgetAudit(b, c.AuditBefore))
	case NoteUses:
		pt.noteUses(b, c.Uses)
		return nil, nil
	case NoteBackup:
		return nil, nil
	case Erase:
		return nil, pt.erase(b, r, c.Organization)
	case StartErase:
		return pt.setErased(b, c.Organization, 0), nil
	case FinishErase:
		return pt.setErased(b, c.Organization, r.At), nil
	case StartReplay:
		return pt.startReplay(b, r, c)
	case FinishReplay, CancelReplay:
		return pt.endReplay(b, r, c)
	}
	m := pt.mu.members[c.Endpoint]
	if m == nil || m.DeletedAt != 0 || m.Organization != c.Organization {
		return ErrNotFound, nil
	}
	switch c.Verb {
	case Retry:
		return pt.retry(b, r, c, m)
	case RetryAll:
		v.Count, err = pt.retryAll(b, r, c, m)
		return nil, err
	case Replay:
		return pt.replay(b, r, c, m)
	case ContinueReplay:
		v.Count, refusal, err = pt.continueReplay(b, r, c, m)
		return refusal, err
	case Cancel:
		return pt.cancel(b, r, c, m)
	case Delete:
		pt.deleteEndpoint(b, r, m)
		return nil, nil
	case Enable, Disable, Pause, Resume:
		pt.setState(b, r, c, m)
		return nil, nil
	}
	return ErrForbidden, nil
}

// setState is idempotent: what is as wanted already keeps its version.
func (pt *partition) setState(b *kv.Batch, r *wal.Rec, c *Command, m *member) {
	next := *m.Endpoint
	now := m.Now()
	enabled := now.Enabled
	switch c.Verb {
	case Enable, Disable:
		enabled = c.Verb == Enable
		next.DisabledReason = c.Reason
	case Pause, Resume:
		next.Paused = c.Verb == Pause
	}
	if enabled == now.Enabled && next.Paused == m.Paused {
		return
	}
	next.StateSince = r.At
	pt.putEndpoint(b, r, next.WithSpan(uint64(r.Pos), now.EventTypes, now.EventsFrom, enabled))
}

// startAfresh forgets the failures of an endpoint that is enabled or resumed:
// they say nothing about what it is like by now, and the time in which it was
// sent nothing is none in which it failed.
func (pt *partition) startAfresh(m *member) {
	m.Failures, m.FailingFrom, m.Down, m.GaveUp = 0, 0, 0, false
	m.HoldUntil, m.ProbeAt, m.Probes = 0, 0, 0
	pt.flag(m)
}

// deleteEndpoint cancels what waits without touching each row: see
// member.state. Rows and history stay until retention takes them.
func (pt *partition) deleteEndpoint(b *kv.Batch, r *wal.Rec, m *member) {
	retries := pt.endpointKey(tableRetry, m.Key)
	b.DeleteRange(retries, kv.PrefixEnd(retries))
	m.Rows[delivery.Canceled] += m.Waiting()
	m.Rows[delivery.Retrying], m.Rows[delivery.Pending] = 0, 0
	pt.flag(m)
	pt.putEndpoint(b, r, m.WithDeletion(uint64(r.Pos), r.At))
}

// state is a row's state as it is meant: whatever waited when the endpoint was
// deleted is canceled.
func (m *member) state(s delivery.State) delivery.State {
	if s != 0 && !s.Terminal() && m.DeletedAt != 0 {
		return delivery.Canceled
	}
	return s
}

// isOwed reports whether a delivery that has no row exists nevertheless.
func (pt *partition) isOwed(m *member, ref Ref) (bool, error) {
	ev, err := pt.EventAt(pt.p, ref.Pos)
	if errors.Is(err, wal.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	duplicate, err := pt.isDuplicate(ref.Pos)
	return !duplicate && ref.Replay == 0 && ev.Organization == m.Organization && m.Owes(uint64(ref.Pos), ev) == endpoint.Owed, err
}

// cancel ends a delivery that waits, or that was never tried.
func (pt *partition) cancel(b *kv.Batch, r *wal.Rec, c *Command, m *member) (refusal, err error) {
	ref := Ref{Endpoint: m.Key, Pos: c.Event, Replay: c.Replay}
	row, found, err := pt.row(ref)
	if err != nil {
		return nil, err
	}
	if found && row.State.Terminal() || c.Event < pt.expired {
		return ErrForbidden, nil
	}
	before := row.State
	if found {
		b.Delete(pt.retryKey(ref, row.Next))
	} else {
		if owed, err := pt.isOwed(m, ref); err != nil || !owed {
			return ErrNotFound, err
		}
		m.Started++
	}
	row.State, row.Next, row.Updated = delivery.Canceled, 0, r.At
	pt.putRow(b, m, ref, before, &row)
	pt.scratch.applied.Canceled = append(pt.scratch.applied.Canceled, ref)
	return nil, nil
}
