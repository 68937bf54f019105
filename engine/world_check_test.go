package engine

import (
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/retry"
)

// What is checked of a world: when an attempt starts whether it may, and in the
// end what became of everything.

// checkStart sees whether an attempt may start: not after the endpoint was
// stopped (G6) or the delivery canceled, and not beyond the endpoint's pace.
// Attempts that start at the very time of an answer may have started before.
func (w *world) checkStart(s *subject, a *arrival) {
	if !s.stopped.IsZero() && a.at.After(s.stopped) {
		w.Errorf("%s was sent %s at %v, but stopped at %v", s.ID, a.delivery, a.at, s.stopped)
	}
	if since := w.canceled[a.delivery]; !since.IsZero() && a.at.After(since) {
		w.Errorf("%s was sent %s at %v, which was canceled at %v", s.ID, a.delivery, a.at, since)
	}
	if !s.pace.allows(s.RateLimit, a.at) && w.ample {
		w.Errorf("%s was sent %s at %v, beyond its rate limit", s.ID, a.delivery, a.at)
	}
}

// pace is the model's idea of a rate limit that stays as it is.
type pace struct {
	used float64 // tokens
	at   time.Time
}

// allows counts an attempt. One more than the limit is let pass, since times are
// rounded.
func (p *pace) allows(limit *endpoint.RateLimit, at time.Time) bool {
	if limit == nil {
		return true
	}
	p.used = max(0, p.used-at.Sub(p.at).Seconds()*limit.PerSecond) + 1
	p.at = at
	return p.used <= float64(limit.Burst)+1
}

// past is what receivers saw of a delivery.
type past struct {
	tries int       // attempts, without those that failed on our side
	taken []arrival // answered with 200
}

func (p *past) note(a *arrival) {
	if a.status != -1 {
		p.tries++
	}
	if a.status == 200 {
		p.taken = append(p.taken, *a)
	}
}

func (w *world) check() {
	seen := map[string]*past{}
	line := fifoLine{world: w}
	for _, a := range w.rig.receiver.arrivals() {
		if !w.owed[a.url][a.id] {
			w.Errorf("%s got %s, which it is not owed", a.url, a.id)
		}
		if seen[a.delivery] == nil {
			seen[a.delivery] = &past{}
		}
		if a.url == w.endpoints[inLine].URL {
			line.next(&a, seen[a.delivery])
		}
		seen[a.delivery].note(&a)
	}
	for _, p := range seen {
		w.rig.checkRepeats(p.taken, w.cuts)
	}
	w.checkDeliveries(seen)
	for _, s := range w.endpoints {
		w.control(s, ledger.Resume) // which touches lanes that are idle
	}
	// A lane does not know that the retry that it waits for was canceled.
	after(max(w.policy().Longest(), w.rig.options.Breaker.Longest()) + 2*idleAfter*time.Millisecond)
	w.checkNothingIsLeft()
}

// checkDeliveries sees whether every delivery can be found, is over, and shows
// what happened (G2, G11).
func (w *world) checkDeliveries(seen map[string]*past) {
	originals, states := map[endpoint.Key]int{}, map[endpoint.Key]*[delivery.States]uint64{}
	for _, s := range w.endpoints {
		states[s.Key] = new([delivery.States]uint64)
	}
	for page := (ledger.Page{Limit: 1000}); ; {
		list, err := w.rig.ledger.Deliveries(org, ledger.DeliveryFilter{}, page)
		if err != nil {
			w.Fatalf("deliveries: %v", err)
		}
		for i := range list.Items {
			d := &list.Items[i]
			if d.ID.Replay == 0 {
				originals[d.Endpoint.Key]++
			}
			states[d.Endpoint.Key][d.State]++
			p := seen[d.ID.String()]
			if p == nil {
				p = &past{}
			}
			w.checkDelivery(d, p)
		}
		if page.After = list.After; page.After == nil {
			break
		}
	}
	for _, s := range w.endpoints {
		owed := 0
		for id := range w.owed[s.URL] {
			if w.number[id] > w.expired {
				owed++
			}
		}
		w.rig.want("deliveries listed of "+s.ID, originals[s.Key], owed)
		lane := w.rig.lane(s.Endpoint)
		ended := lane.Expired
		for _, n := range lane.Rows {
			ended += n
		}
		w.rig.want("matched by "+s.ID, lane.Matched, uint64(len(w.owed[s.URL])))
		w.rig.want("ended or expired at "+s.ID, ended, lane.Matched+lane.Replays)
		if w.expired == 0 {
			w.rig.want("states at "+s.ID, lane.Rows, *states[s.Key])
		}
	}
}

// checkDelivery compares what the ledger says of a delivery with what receivers
// saw. What had just happened when the power went can be forgotten.
func (w *world) checkDelivery(d *ledger.Delivery, p *past) {
	id := d.ID.String()
	switch d.State {
	case delivery.Succeeded:
		if len(p.taken) == 0 {
			w.Errorf("%s has succeeded, but was never taken", id)
		}
	case delivery.Exhausted:
		if most := w.policy().Attempts(); p.tries < most {
			w.Errorf("%s is exhausted after %d attempts, want %d", id, p.tries, most)
		}
	case delivery.Canceled:
		if w.canceled[id].IsZero() {
			w.Errorf("%s is canceled, but not by anybody", id)
		}
	default:
		w.Errorf("%s is %v in the end", id, d.State)
	}
	if n := len(p.taken); n > 0 && d.State != delivery.Succeeded && !excused(p.taken[n-1], w.cuts) {
		w.Errorf("%s is %v, but was taken at %v", id, d.State, p.taken[n-1].at)
	}
	if d.Attempts > p.tries || d.Attempts < p.tries && len(w.cuts) == 0 {
		w.Errorf("attempts at %s: %d are recorded, want %d", id, d.Attempts, p.tries)
	}
}

func (w *world) policy() retry.Policy { return w.rig.options.withDefaults().Defaults.Retry }

// checkNothingIsLeft sees whether all that was taken for deliveries is given
// back, and all lanes are forgotten, except those of receivers that have not
// answered well since they failed.
func (w *world) checkNothingIsLeft() {
	lanes := 0
	for _, sh := range w.rig.shards {
		for _, l := range sh.lanes {
			if !l.breaker.Open {
				lanes++
			}
		}
	}
	w.rig.want("lanes", lanes, 0)
	w.rig.want("payloads in memory", w.rig.memory.used.Load(), int64(0))
	w.rig.want("slots taken", w.rig.slots.used.Load(), int64(0))
	w.rig.want("lanes that hold slots", w.rig.slots.lanes.Load(), int64(0))
	w.rig.want("lanes that want slots", w.rig.slots.hungry.Load(), int64(0))
	w.rig.want("due", w.rig.metrics.due.Get(), float64(0))
}

// fifoLine follows a fifo endpoint (G5): one attempt at a time, first attempts
// in the order of the log, and none before the delivery ahead is over. What was
// canceled, put back in line by hand or replayed has another place.
type fifoLine struct {
	*world
	last arrival // the attempt before
	head string  // id of the newest event that was tried, of those that nobody touched
	past *past   // of its delivery
}

func (l *fifoLine) next(a *arrival, p *past) {
	if a.at.Before(l.last.until) {
		l.Errorf("in line: %s started at %v, before %s ended at %v", a.delivery, a.at, l.last.delivery, l.last.until)
	}
	l.last = *a
	if l.elsewhere[a.delivery] || l.over(p) {
		return
	}
	switch n, head := l.number[a.id], l.number[l.head]; {
	case n < head:
		l.Errorf("in line: attempt %d at event %d started after the first at event %d", a.nth, n, head)
	case n > head:
		if l.past != nil && !l.over(l.past) && head > l.expired {
			l.Errorf("in line: event %d was sent before event %d was over", n, head)
		}
		l.head, l.past = a.id, p
	}
}

func (w *world) over(p *past) bool { return len(p.taken) > 0 || p.tries >= w.policy().Attempts() }
