package proof

import (
	"fmt"
	"slices"
)

// agreement is that the server's history is what happened: the statuses of the
// attempts that it tells of are those that the receiver answered, in that order,
// and nothing is missing but what crashes took.
func agreement(m *model, f *finder) {
	for _, what := range m.timeless {
		f.violated("%s", what)
	}
	for _, e := range m.endpoints {
		for id, d := range e.deliveries {
			f.looked(1)
			receipts := e.byEvent[id]
			got := taken(receipts)
			if d.State == "succeeded" && got == nil {
				f.violated("delivery %s to %s is told to be succeeded, but %s never took %s", d.ID, e.name, e.name, id)
			}
			if got != nil && d.State != "succeeded" && e.unheard(m, id) == 0 && m.lost(got) == 0 && !e.gone() {
				f.violated("delivery %s to %s is told to be %s, but %s took %s", d.ID, e.name, d.State, e.name, id)
			}
			if attempts, asked := m.state.Attempts[d.ID]; asked && d.State != "canceled" {
				m.sameStatuses(e, d, attempts, receipts, f)
			}
		}
	}
}

// gone reports whether the endpoint is deleted: what was in flight then may not
// be in its history.
func (e *endpoint) gone() bool { return !e.phases[len(e.phases)-1].exists }

func (m *model) sameStatuses(e *endpoint, d *Delivery, attempts []Attempt, receipts []*receipt, f *finder) {
	var told, answered []int
	for _, a := range attempts {
		told = append(told, a.Status)
	}
	for _, r := range receipts {
		answered = append(answered, r.Status)
	}
	rest := answered
	for _, status := range told {
		at := slices.Index(rest, status)
		if at < 0 && status != 0 {
			f.violated("delivery %s to %s is told to have been answered %v, the receiver answered %v", d.ID, e.name, told, answered)
			return
		}
		if status != 0 {
			rest = rest[at+1:]
		}
	}
	if len(answered)-len(told) > m.lost(receipts...) {
		f.violated("delivery %s to %s is told to have %d attempts, the receiver got %d", d.ID, e.name, len(told), len(answered))
	}
}

// counted is that the books of the server are closed: as many events as were
// accepted, as many deliveries as were owed, by state, in lists, counts and
// metrics.
func counted(m *model, f *finder) {
	for _, what := range m.state.Repeated {
		f.violated("a list shows %s twice", what)
	}
	shown := m.shown()
	for _, it := range m.items {
		if it.accepted() && !shown[it.id()] {
			f.violated("event %s of %s was accepted, but its list does not show it", it.id(), it.org)
		}
	}
	f.looked(len(shown))
	for _, e := range m.endpoints {
		if counts, asked := m.state.Stats[e.id]; asked {
			f.looked(1)
			e.count(m, counts, f)
		}
	}
	if total := int(m.state.Metrics["hookwheel_events_accepted_total"]); m.restarts == 0 && m.state.Metrics != nil && total != len(shown) {
		f.violated("the metrics tell of %d accepted events, the lists of %d", total, len(shown))
	}
}

func (e *endpoint) count(m *model, counts Counts, f *finder) {
	var listed Counts
	for i := range m.state.Deliveries {
		if d := &m.state.Deliveries[i]; d.Endpoint == e.id {
			listed.Matched++
			*listed.of(d.State)++
		}
	}
	if counts != listed {
		f.violated("%s is told to have %+v, the list of its deliveries has %+v", e.name, counts, listed)
	}
	var surely, possibly uint64
	for _, it := range m.items {
		must, may := e.owes(it)
		if it.accepted() && must {
			surely++
		}
		if it.id() != "" && may {
			possibly++
		}
	}
	if counts.Matched < surely || counts.Matched > possibly {
		f.violated("%s is told to be owed %d events, by the ledgers it is %s", e.name, counts.Matched, between(surely, possibly))
	}
}

// of is the count of a state, one that does not exist counts as expired, which
// a list never has.
func (c *Counts) of(state string) *uint64 {
	switch state {
	case "pending":
		return &c.Pending
	case "retrying":
		return &c.Retrying
	case "succeeded":
		return &c.Succeeded
	case "failed":
		return &c.Failed
	case "exhausted":
		return &c.Exhausted
	case "canceled":
		return &c.Canceled
	}
	return &c.Expired
}

func between(low, high uint64) string {
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

// listed is that paging goes on well while events come in: newer ones do not
// push others over the edge of a page.
func listed(m *model, f *finder) {
	for _, w := range m.walks {
		seen := map[string]bool{}
		for _, id := range w.IDs {
			f.looked(1)
			if seen[id] {
				f.violated("a walk through the events of %s came to %s twice", w.Org, id)
			}
			seen[id] = true
		}
		for _, it := range m.items {
			if it.org == w.Org && it.to < w.Began && it.accepted() && !seen[it.id()] {
				f.violated("a walk through the events of %s did not come to %s, which had been accepted before", w.Org, it.id())
			}
		}
	}
}

// drained is that the server gets over it.
func drained(m *model, f *finder) {
	f.looked(len(m.state.Deliveries))
	if m.state.Open > 0 {
		f.violated("%d deliveries had not ended when the time to drain was over", m.state.Open)
	}
}

// released is that nothing of the work stays behind.
func released(m *model, f *finder) {
	f.looked(1)
	for _, what := range m.state.Retained {
		f.violated("%s", what)
	}
}
