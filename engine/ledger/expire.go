package ledger

import (
	"bytes"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// An event's id is made at most this long before its record gets its time, in
// ms. Rows whose id falls in between outlive their event until the next expiry.
const idSlack = 60_000

// expire forgets everything about the events before c.Before, counting what
// was still owed. The log still holds them: it is trimmed afterwards.
func (pt *partition) expire(b *kv.Batch, c *Command) error {
	if c.Before <= pt.expired {
		return nil
	}
	if err := pt.countUnstarted(c); err != nil {
		return err
	}
	for _, m := range pt.sortedMembers() {
		if m.Waiting() > 0 {
			if err := pt.expireWaiting(b, c, m); err != nil {
				return err
			}
		}
		if m.Started > 0 {
			pt.dropHistory(b, m.Key, uint64(c.Before))
		}
		m.Position = max(m.Position, c.Before-1)
		pt.pruneEndpoint(b, m, c.Before)
	}
	if err := pt.dropEvents(b, c); err != nil {
		return err
	}
	if err := pt.dropReplays(b, c.Before); err != nil {
		return err
	}
	pt.expired = c.Before
	pt.sinceFlush = flushRecords // a start need not count again what is gone
	return nil
}

// sortedMembers is the partition's endpoints in the order of their keys.
func (pt *partition) sortedMembers() []*member {
	list := make([]*member, 0, len(pt.mu.members))
	for _, m := range pt.mu.members {
		list = append(list, m)
	}
	slices.SortFunc(list, byKey)
	return list
}

func (m *member) expired(n uint64, at int64) {
	m.Expired += n
	if m.FirstExpired == 0 {
		m.FirstExpired = at
	}
	m.LastExpired = max(m.LastExpired, at)
}

// countUnstarted counts what retention takes from lanes that have not come to
// it yet. The events are read from the log, once for all these lanes.
func (pt *partition) countUnstarted(c *Command) error {
	behind := make(map[string][]*member)
	from := c.Before
	for _, m := range pt.sortedMembers() {
		if m.DeletedAt == 0 && m.Backlog() > 0 && m.Position < c.Before {
			behind[m.Organization] = append(behind[m.Organization], m)
			from = min(from, m.Position)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	return pt.accepted(from, c.Before-1, func(at wal.Pos, ev *event.Event) (bool, error) {
		for _, m := range behind[ev.Organization] {
			if at <= m.Position || m.Owes(uint64(at), ev) != endpoint.Owed {
				continue
			}
			started, err := pt.db.Has(pt.deliveryKey(Ref{Endpoint: m.Key, Pos: at}))
			if err != nil {
				return false, err
			}
			if !started {
				m.Skipped++
				m.expired(1, ev.ReceivedAt)
				pt.flag(m)
			}
		}
		return true, nil
	})
}

// expireWaiting drops the retries of old events.
func (pt *partition) expireWaiting(b *kv.Batch, c *Command, m *member) error {
	prefix := pt.endpointKey(tableRetry, m.Key)
	return pt.walk(prefix, kv.PrefixEnd(prefix), func(k, _ []byte) error {
		ref := Ref{Endpoint: m.Key, Pos: wal.Pos(keyU64(k, retryPosAt)), Replay: keyU32(k, retryPosAt+8)}
		if ref.Pos >= c.Before {
			return nil
		}
		row, found, err := pt.row(ref)
		if err != nil || !found {
			return err
		}
		b.Delete(slices.Clone(k))
		m.Rows[row.State]--
		m.expired(1, row.Updated)
		pt.flag(m)
		return nil
	})
}

// dropHistory deletes an endpoint's rows of events before a position.
func (pt *partition) dropHistory(b *kv.Batch, ep endpoint.Key, before uint64) {
	for _, table := range [...]byte{tableDelivery, tableAttempt} {
		b.DeleteRange(pt.endpointKey(table, ep), pt.endpointKey(table, ep).U64(before))
	}
	for _, s := range [...]delivery.State{delivery.Failed, delivery.Exhausted} {
		list := pt.endpointKey(tableTerminal, ep).U8(byte(s))
		b.DeleteRange(list, slices.Clone(list).U64(before))
	}
}

// pruneEndpoint forgets the spans that nobody asks for any more, and a deleted
// endpoint when the last event that it could be owed is gone.
func (pt *partition) pruneEndpoint(b *kv.Batch, m *member, before wal.Pos) {
	if m.DeletedAt != 0 && wal.Pos(m.Now().From) < before {
		pt.forgetEndpoint(b, m)
		return
	}
	if pruned := m.PruneSpans(uint64(before)); pruned != m.Endpoint {
		b.Set(pt.objectKey(objectEndpoint, m.ID), encode(pruned))
		pt.register(pruned)
		pt.scratch.applied.Endpoints = append(pt.scratch.applied.Endpoints, pruned)
	}
}

// forgetEndpoint removes every trace of an endpoint.
func (pt *partition) forgetEndpoint(b *kv.Batch, m *member) {
	for _, table := range [...]byte{tableLane, tableDelivery, tableAttempt, tableRetry, tableTerminal} {
		prefix := pt.endpointKey(table, m.Key)
		b.DeleteRange(prefix, kv.PrefixEnd(prefix))
	}
	b.Delete(pt.objectKey(objectEndpoint, m.ID))
	pt.unregister(m)
}

// dropEvents deletes the rows of old events, organization by organization and
// type by type: one seek and one range for each.
func (pt *partition) dropEvents(b *kv.Batch, c *Command) error {
	minute, err := pt.minuteOf(c.Before)
	if err != nil {
		return err
	}
	var bound event.ID
	if err := bound.SetTime(uint64(max(0, int64(minute)*60_000-idSlack))); err != nil {
		return err
	}
	err = pt.eachPrefix(tableEvent, len(bound), func(prefix kv.Key) {
		b.DeleteRange(prefix, slices.Clone(prefix).Raw(bound[:]))
	})
	if err != nil {
		return err
	}
	err = pt.eachPrefix(tableByType, 8, func(prefix kv.Key) {
		b.DeleteRange(prefix, slices.Clone(prefix).U64(uint64(c.Before)))
	})
	b.DeleteRange(pt.key(tableTime), pt.key(tableTime).U32(minute))
	// What this expiry takes can be read until the log is trimmed.
	b.DeleteRange(pt.key(tableDuplicate), pt.duplicateKey(pt.expired))
	return err
}

// minuteOf is a minute before which no event from a position on came in, the
// latest that is known. It comes from the log's own times: what an expiry says
// of time may have another reason than age.
func (pt *partition) minuteOf(from wal.Pos) (minute uint32, err error) {
	lower := pt.key(tableTime)
	it, err := pt.db.Iter(lower, kv.PrefixEnd(lower))
	if err != nil {
		return 0, err
	}
	defer it.Close()
	for ok := it.First(); ok && wal.Pos(keyU64(it.Value(), 0)) <= from; ok = it.Next() {
		minute = keyU32(it.Key(), headLen)
	}
	return minute, it.Err()
}

// eachPrefix visits what the keys of a table have before their last tail bytes,
// each once.
func (pt *partition) eachPrefix(table byte, tail int, visit func(prefix kv.Key)) error {
	lower := pt.key(table)
	it, err := pt.db.Iter(lower, kv.PrefixEnd(lower))
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; {
		prefix := kv.Key(bytes.Clone(it.Key()[:len(it.Key())-tail]))
		visit(prefix)
		ok = it.SeekGE(kv.PrefixEnd(prefix))
	}
	return it.Err()
}
