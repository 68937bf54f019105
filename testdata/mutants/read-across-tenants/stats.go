package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// Counts is how many deliveries stand where, as a person understands it: what
// is owed and was never tried is pending. Those that ended are counted for as
// long as their endpoint is known, also when retention has taken the rows.
type Counts struct {
	Pending, Retrying                      uint64 // now
	Succeeded, Failed, Exhausted, Canceled uint64 // ever
	Expired                                uint64 // taken by retention while they were owed
}

func (m *member) counts() Counts {
	c := Counts{
		Pending: m.Rows[delivery.Pending], Retrying: m.Rows[delivery.Retrying],
		Succeeded: m.Rows[delivery.Succeeded], Failed: m.Rows[delivery.Failed],
		Exhausted: m.Rows[delivery.Exhausted], Canceled: m.Rows[delivery.Canceled],
		Expired: m.Expired,
	}
	if m.DeletedAt != 0 {
		c.Canceled += m.Backlog()
	} else {
		c.Pending += m.Backlog()
	}
	return c
}

// Overview is an endpoint and how its deliveries are going, both of one moment.
type Overview struct {
	*endpoint.Endpoint
	Lane   Lane
	Counts Counts
	Health endpoint.Health
}

func (m *member) overview() Overview {
	return Overview{
		Endpoint: m.Endpoint, Lane: m.Lane, Counts: m.counts(),
		Health: endpoint.Facts{
			Enabled: m.Enabled(), Failures: m.Failures, BreakerOpen: m.ProbeAt != 0, GaveUp: m.GaveUp,
		}.Health(),
	}
}

// EventSourceStatus is what is known of the event bus of an endpoint of kind
// eventbridge. Nobody asks AWS: it follows from the outcomes.
func (o *Overview) EventSourceStatus() endpoint.SourceStatus {
	switch {
	case o.DisabledReason == endpoint.ReasonNoEventSource:
		return endpoint.SourceDeleted
	case o.Lane.Failures > 0:
		return endpoint.SourceUnknown
	case o.Lane.LastSuccess == 0:
		return endpoint.SourcePending
	case o.Lane.LastAttempt > o.Lane.LastSuccess: // the failures before it was enabled again are forgotten
		return endpoint.SourceUnknown
	}
	return endpoint.SourceActive
}

// Endpoint finds a living endpoint of an organization by its id.
func (l *Ledger) Endpoint(org, id string) (Overview, bool) {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.byID[id]
	if m == nil || m.DeletedAt != 0 {
		return Overview{}, false
	}
	return m.overview(), true
}

// EndpointByKey finds an endpoint of an organization by its key. It may have
// been deleted.
func (l *Ledger) EndpointByKey(org string, ep endpoint.Key) (Overview, bool) {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	m := pt.mu.members[ep]
	if m == nil || m.Organization != org {
		return Overview{}, false
	}
	return m.overview(), true
}

// Endpoints lists the living endpoints of an organization that are chosen (nil
// = all), the newest first. chosen is called while the ledger waits: be quick.
func (l *Ledger) Endpoints(org string, chosen func(*endpoint.Endpoint) bool, page Page) *List[Overview] {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	r := newReader[Overview](page)
	all := pt.mu.byOrg[org]
	if len(r.from) == 8 {
		from := endpoint.Key(keyU64(r.from, 0))
		at, found := slices.BinarySearchFunc(all, from, func(m *member, key endpoint.Key) int { return cmp.Compare(m.Key, key) })
		switch {
		case !r.backwards:
			all = all[:at]
		case found:
			all = all[at+1:]
		default:
			all = all[at:]
		}
	}
	for i := range all {
		m := all[i]
		if !r.backwards {
			m = all[len(all)-1-i]
		}
		var cursor [8]byte
		binary.BigEndian.PutUint64(cursor[:], uint64(m.Key))
		more, err := r.offer(cursor[:], func() (*Overview, error) {
			if m.DeletedAt != 0 || chosen != nil && !chosen(m.Endpoint) {
				return nil, nil
			}
			o := m.overview()
			return &o, nil
		})
		if err != nil || !more { // it cannot fail: everything is in memory
			break
		}
	}
	return r.result()
}

// Totals sums up lanes.
type Totals struct {
	Endpoints int // living ones
	Counts    Counts
	Backlog   uint64 // owed by living endpoints and never tried; part of Counts.Pending
	Attempts  uint64
}

func (t *Totals) add(m *member) {
	t.Counts.add(m.counts())
	t.Attempts += m.Attempts
	if m.DeletedAt == 0 {
		t.Endpoints++
		t.Backlog += m.Backlog()
	}
}

func (c *Counts) add(more Counts) {
	c.Pending += more.Pending
	c.Retrying += more.Retrying
	c.Succeeded += more.Succeeded
	c.Failed += more.Failed
	c.Exhausted += more.Exhausted
	c.Canceled += more.Canceled
	c.Expired += more.Expired
}

// Add adds the sums of other partitions.
func (t *Totals) Add(more Totals) {
	t.Endpoints += more.Endpoints
	t.Backlog += more.Backlog
	t.Attempts += more.Attempts
	t.Counts.add(more.Counts)
}

// Totals sums up partition p. It asks every endpoint, some 10 ms for 100,000.
func (l *Ledger) Totals(p int) (t Totals) {
	pt := l.parts[p]
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	for _, m := range pt.mu.members {
		t.add(m)
	}
	return t
}

// Stats sums up an organization.
func (l *Ledger) Stats(org string) (t Totals) {
	pt := l.partition(org)
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	for _, m := range pt.mu.byOrg[org] {
		t.add(m)
	}
	return t
}

// Worst are the living endpoints of all partitions that rank highest, at most n
// (from 1) and none that ranks zero, the highest first. The rank is a pure function of
// the lane, (*Lane).Backlog for example.
func (l *Ledger) Worst(n int, rank func(*Lane) uint64) []Overview {
	var worst []Overview
	higher := func(o Overview, than uint64) int { return cmp.Compare(than, rank(&o.Lane)) }
	for p := range l.parts {
		pt := l.parts[p]
		pt.mu.RLock()
		for _, m := range pt.mu.members {
			of := rank(&m.Lane)
			if of == 0 || m.DeletedAt != 0 || len(worst) == n && rank(&worst[n-1].Lane) >= of {
				continue
			}
			at, _ := slices.BinarySearchFunc(worst, of-1, higher)
			worst = slices.Insert(worst, at, m.overview())
			worst = worst[:min(n, len(worst))]
		}
		pt.mu.RUnlock()
	}
	return worst
}

// OwedSince is when the first event of the backlog came in, Unix ms, as far as
// memory knows; 0 = there is none, or it is not known: see Ledger.OwedSince.
func (n *Lane) OwedSince() int64 {
	if n.Backlog() == 0 || n.Oldest <= n.Position {
		return 0
	}
	return n.OldestAt
}

// maxSought bounds how many events OwedSince reads.
const maxSought = 1000

// OwedSince is when the first event of an endpoint's backlog came in, Unix ms;
// 0 = it is owed nothing that was never tried. Unless memory knows, it is
// looked for in the log from where the lane stands; if it is not soon found,
// the answer is a time before which there is nothing.
func (l *Ledger) OwedSince(org string, ep endpoint.Key) (since int64, err error) {
	o, found := l.EndpointByKey(org, ep)
	if !found || o.DeletedAt != 0 || o.Lane.Backlog() == 0 {
		return 0, nil
	}
	if at := o.Lane.OwedSince(); at != 0 {
		return at, nil
	}
	pt := l.partition(org)
	sought := 0
	err = pt.accepted(o.Lane.Position, pt.appliedTo(), func(at wal.Pos, ev *event.Event) (more bool, err error) {
		sought++
		started := true
		if ev.Organization == org && o.Owes(uint64(at), ev) == endpoint.Owed {
			started, err = pt.db.Has(pt.deliveryKey(Ref{Endpoint: ep, Pos: at}))
		}
		if !started || sought == maxSought {
			since = ev.ReceivedAt
			return false, err
		}
		return true, err
	})
	return since, err
}
