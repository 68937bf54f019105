package ledger

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
)

// Explanation says whether an endpoint is owed an event, and what became of it.
type Explanation struct {
	Endpoint *endpoint.Endpoint // may be deleted
	Reason   endpoint.Reason
	Delivery *Delivery // nil unless the reason is Owed
}

// Explain tells about an event and each endpoint of its organization, in the
// order in which they were created: after one (0 = from the first), at most
// limit. Not found when there is no such event. Deleted endpoints are there as
// long as there is an event that they could be owed.
func (l *Ledger) Explain(org string, id event.ID, after endpoint.Key, limit int) (list []Explanation, found bool, err error) {
	a, found, err := l.Event(org, id)
	if err != nil || !found {
		return nil, false, err
	}
	pt := l.partition(org)
	for _, ep := range pt.keysOf(org, nil) {
		if ep <= after {
			continue
		}
		if len(list) == limit {
			break
		}
		x, found, err := pt.explain(org, ep, &a)
		if err != nil {
			return nil, false, err
		}
		if found {
			list = append(list, x)
		}
	}
	return list, true, nil
}

// ExplainOne is Explain for one endpoint, which must be the organization's too.
func (l *Ledger) ExplainOne(org string, id event.ID, ep endpoint.Key) (x Explanation, found bool, err error) {
	a, found, err := l.Event(org, id)
	if err != nil || !found {
		return x, false, err
	}
	return l.partition(org).explain(org, ep, &a)
}

func (pt *partition) explain(org string, ep endpoint.Key, a *Accepted) (x Explanation, found bool, err error) {
	if x.Endpoint, found = pt.FindKey(org, ep); !found {
		return x, false, nil
	}
	x.Reason = x.Endpoint.Owes(uint64(a.Pos), a.Event)
	if x.Reason == endpoint.Owed {
		x.Delivery, err = pt.delivery(a.Event, Ref{Endpoint: ep, Pos: a.Pos}, 0)
	}
	return x, err == nil, err
}
