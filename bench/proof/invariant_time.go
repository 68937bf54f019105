package proof

import (
	"cmp"
	"slices"
	"time"
)

// resolution is that of the server's times, which are cut to milliseconds at
// both ends of what they measure.
const resolution = 2 * time.Millisecond

// duplicates is that nothing is sent again without a reason. The reasons are a
// crash before the outcome was written, and an answer that did not get through,
// which the server then tells as an attempt without a status.
func duplicates(m *model, f *finder) {
	for _, e := range m.endpoints {
		f.Bound += e.bound(m)
		for id, receipts := range e.byEvent {
			unheard := e.unheard(m, id)
			f.Bound += unheard
			var last *receipt // that was taken
			refused := false  // the one that came again, so that what follows is its retry
			for _, r := range receipts {
				f.looked(1)
				if last != nil && !refused {
					f.Duplicates++
					if !m.crashed(last, r) && unheard == 0 {
						f.violated("%s received %s again, %v after it had taken it, and there was no fault in between", e.name, id, time.Duration(r.at-last.at))
					}
				}
				refused = last != nil && !r.ok()
				if r.ok() {
					last = r
				}
			}
		}
	}
	if f.Duplicates > f.Bound {
		f.violated("there are %d duplicates, the faults explain %d", f.Duplicates, f.Bound)
	}
}

// bound is how many duplicates crashes explain.
func (e *endpoint) bound(m *model) (bound int) {
	for _, c := range m.crashes {
		for _, r := range e.receipts {
			if r.ok() && m.lostIn(c, r) {
				bound++
			}
		}
	}
	return bound
}

// unheard is how many attempts of a delivery got no answer, by what the server
// tells.
func (e *endpoint) unheard(m *model, id string) (n int) {
	if d := e.deliveries[id]; d != nil {
		for _, a := range m.state.Attempts[d.ID] {
			if a.Status == 0 {
				n++
			}
		}
	}
	return n
}

// ordered is that an ordered endpoint gets its events in the order in which they
// were accepted, as far as their producers can know it: one was answered before
// the other was posted, or stood before it in one batch.
func ordered(m *model, f *finder) {
	for _, e := range m.endpoints {
		if !e.settings.Fifo {
			continue
		}
		var line []placed
		for _, it := range m.items {
			if surely, _ := e.owes(it); surely && it.accepted() {
				line = append(line, e.place(it))
			}
		}
		f.looked(len(line))
		inBatches(line, e, f)
		acrossPosts(line, e, f)
	}
}

// placed is an item in the line of an endpoint.
type placed struct {
	*item
	began int64 // its first receipt; never = none
	ended int64 // it was taken, or tried for the last time
}

func (e *endpoint) place(it *item) placed {
	p := placed{item: it, began: never, ended: never}
	receipts := e.byEvent[it.id()]
	if len(receipts) > 0 {
		p.began = receipts[0].at
	}
	d := e.deliveries[it.id()]
	if got := taken(receipts); got != nil {
		p.ended = got.at
	} else if d != nil && d.State == "canceled" {
		p.ended = 0 // at a time that nobody wrote down
	} else if d != nil && d.Terminal() && len(receipts) > 0 {
		p.ended = receipts[len(receipts)-1].at
	}
	return p
}

func inBatches(line []placed, e *endpoint, f *finder) {
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		if a.post == b.post && a.ended > b.began {
			f.violated("%s received %s before %s had ended, which stands before it in one batch", e.name, b.id(), a.id())
		}
	}
}

// acrossPosts compares each item with the one that ended last of all that were
// answered before it was posted.
func acrossPosts(line []placed, e *endpoint, f *finder) {
	answered := slices.Clone(line)
	slices.SortFunc(answered, func(a, b placed) int { return cmp.Compare(a.to, b.to) })
	var last placed
	next := 0
	for _, b := range line { // by first intent
		for ; next < len(answered) && answered[next].to < b.from; next++ {
			if last.item == nil || answered[next].ended > last.ended {
				last = answered[next]
			}
		}
		if last.item != nil && last.ended > b.began {
			f.violated("%s received %s before %s had ended, which was accepted before it was posted", e.name, b.id(), last.id())
		}
	}
}

// gone is the status with which a receiver asks for no more attempts.
const gone = 410

// schedule is that retries keep to their schedule. The server's own times are
// compared, since a receipt can be late, and the receipts, since the server's
// times are its own. Nothing is due too early, or late, because a clock was set,
// but what was waiting when it was set without the server.
func schedule(m *model, f *finder) {
	for _, e := range m.endpoints {
		delays := m.delays(e)
		for id, receipts := range e.byEvent {
			f.looked(1)
			if limit := len(delays) + 1 + m.lost(receipts...); len(receipts) > limit {
				f.violated("%s received %s %d times, allowed are %d", e.name, id, len(receipts), limit)
			}
			for i := 1; i < len(receipts); i++ {
				gap := receipts[i].at - receipts[i-1].at + int64(m.Slack)
				if earliest := m.earliest(delays, 0); gap < earliest && !m.crashed(receipts[i-1], receipts[i]) && !m.blindIn(receipts[i-1].at, receipts[i].at) {
					f.violated("%s received %s again after %v, the schedule begins with %v", e.name, id, time.Duration(gap), delays[0])
				}
			}
			if d := e.deliveries[id]; d != nil {
				m.spacing(e, d, delays, f)
			}
		}
	}
}

func (m *model) spacing(e *endpoint, d *Delivery, delays []time.Duration, f *finder) {
	attempts := m.state.Attempts[d.ID]
	if len(attempts) > len(delays)+1 {
		f.violated("delivery %s to %s has %d attempts, allowed are %d", d.ID, e.name, len(attempts), len(delays)+1)
		return
	}
	last := len(attempts) - 1
	if early := d.State == "failed" || d.State == "exhausted" && last < len(delays); early && last >= 0 && attempts[last].Status != gone {
		f.violated("delivery %s to %s was given up after %d attempts, the schedule has %d", d.ID, e.name, last+1, len(delays)+1)
	}
	for n := 1; n < len(attempts); n++ {
		before, at := attempts[n-1].At, attempts[n].At
		gap := at.Sub(before) + resolution
		if earliest := m.earliest(delays, n-1); int64(gap) < earliest && !m.blindInWall(before.UnixNano(), at.UnixNano()) {
			f.violated("attempt %d of delivery %s to %s started %v after the one before, allowed is %v", n+1, d.ID, e.name, gap, time.Duration(earliest))
		}
	}
}

func (m *model) delays(e *endpoint) []time.Duration {
	if len(e.settings.Retry) == 0 {
		return m.Retry
	}
	var delays []time.Duration
	for _, ms := range e.settings.Retry {
		delays = append(delays, time.Duration(ms)*time.Millisecond)
	}
	return delays
}

// earliest is the shortest wait after the attempt of that index.
func (m *model) earliest(delays []time.Duration, n int) int64 {
	return int64(float64(delays[n]) * (1 - m.Jitter))
}

// retryAfter is that Retry-After is heeded: by the delivery that got it, to the
// moment, and by the others of its endpoint once those in flight are through.
func retryAfter(m *model, f *finder) {
	for _, e := range m.endpoints {
		var held *receipt // that asked for the most time
		for _, r := range e.receipts {
			if held != nil && !m.struck(held.at, r.at) && !m.blindIn(held.at, r.at) {
				until := held.at + int64(held.RetryAfter)*int64(time.Second) - int64(resolution)
				inFlight := held.at + int64(time.Second)
				if r.at < until && (r.ID == held.ID || r.at > inFlight) {
					f.violated("%s asked for %d s and received %s after %v", e.name, held.RetryAfter, r.ID, time.Duration(r.at-held.at))
				}
			}
			if r.RetryAfter > 0 {
				f.looked(1)
				if held == nil || r.at+int64(r.RetryAfter)*int64(time.Second) > held.at+int64(held.RetryAfter)*int64(time.Second) {
					held = r
				}
			}
		}
	}
}

// stopped is that what is told to stop stops. By the server's clock, an attempt
// that it recorded starts at a time that counts; one that it lost in a crash is
// known by its receipt only, which can be as late as the attempt may take.
func stopped(m *model, f *finder) {
	for _, e := range m.endpoints {
		for i, p := range e.phases {
			if !p.stopped() {
				continue
			}
			f.looked(1)
			until, untilWall := int64(never), int64(never)
			if i+1 < len(e.phases) {
				until, untilWall = e.phases[i+1].from, e.phases[i+1].wall.from
			}
			for _, r := range e.receipts {
				if r.at > p.to+int64(m.Timeout+m.Slack) && r.at < until {
					f.violated("%s received %s %v after %s was answered", e.name, r.ID, time.Duration(r.at-p.to), p.verb)
				}
			}
			m.startedIn(e, p.verb, p.wall.to, untilWall, f)
		}
	}
}

// startedIn finds attempts that started in a time.
func (m *model) startedIn(e *endpoint, verb string, from, until int64, f *finder) {
	for _, d := range e.deliveries {
		for _, a := range m.state.Attempts[d.ID] {
			if at := a.At.UnixNano(); at > from && at < until-int64(resolution) {
				f.violated("an attempt of delivery %s to %s started %v after %s was answered", d.ID, e.name, time.Duration(at-from), verb)
			}
		}
	}
}
