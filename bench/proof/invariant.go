package proof

// invariants in the order in which they are checked and shown.
var invariants = []invariant{
	{"fated", "an accepted event has, for each endpoint that it was owed to, a receipt that was taken or an end that the API shows", fated},
	{"known", "nothing was received or is shown that was never sent, or was rejected, or was not owed to that endpoint", knownOnly},
	{"consistent", "an event whose post was not answered is wholly there, or nowhere", consistent},
	{"idempotent", "one idempotency key gives one event, and one event has one id", idempotent},
	{"unchanged", "every attempt of a delivery carries the bytes of the first, and in them the data as it was posted", unchanged},
	{"signed", "every attempt is signed by each secret that was valid then, and by no other", signatures},
	{"isolated", "no tenant is sent, shown or can ask for what is another's", isolated},
	{"duplicates", "what a receiver has taken comes again only if a crash, a timeout or a reset kept that from being written", duplicates},
	{"ordered", "an ordered endpoint gets no event before the one that came before it has ended", ordered},
	{"schedule", "as many attempts as the schedule has before one gives up, and none earlier", schedule},
	{"retry-after", "an endpoint that asked for time is left alone for it", retryAfter},
	{"agreement", "the API tells of each attempt what the receiver answered", agreement},
	{"stopped", "no attempt starts after disable, pause or delete was answered", stopped},
	{"counted", "counts add up: accepted, listed, delivered, pending and ended", counted},
	{"listed", "a list that is read while others write shows each event once, and all that were there before", listed},
	{"drained", "once the faults are over, every delivery ends", drained},
	{"released", "once all has ended, memory, descriptors and goroutines are what they were", released},
	{"secrets", "no planted secret is found in answers, metrics, logs or files", leaked},
}

// fated is that nothing is lost.
func fated(m *model, f *finder) {
	for _, it := range m.items {
		if !it.accepted() {
			continue
		}
		f.Accepted++
		for _, e := range m.endpoints {
			if surely, _ := e.owes(it); surely {
				f.fate(e, it)
			}
		}
	}
	f.looked(f.Owed)
}

func (f *finder) fate(e *endpoint, it *item) {
	f.Owed++
	d := e.deliveries[it.id()]
	switch {
	case taken(e.byEvent[it.id()]) != nil:
		f.Delivered++
	case d != nil && d.Terminal():
		f.Ended++
	default:
		f.Lost++
		state := "no delivery"
		if d != nil {
			state = "a delivery that is " + d.State
		}
		f.violated("event %s of %s was accepted, is owed to %s, was never taken there, and the API shows %s", it.id(), it.org, e.name, state)
	}
}

// knownOnly is that nothing is made up.
func knownOnly(m *model, f *finder) {
	for _, r := range m.strange {
		f.violated("%s received %s, which nobody sent: %.200q", r.Endpoint, r.ID, r.Body)
	}
	for _, e := range m.endpoints {
		for _, r := range e.receipts {
			f.looked(1)
			if r.item.barred() {
				f.violated("%s received %s, which was rejected (%s)", e.name, r.ID, r.item.Marker)
			} else if _, possibly := e.owes(r.item); !possibly && e.org == r.item.org {
				f.violated("%s received %s of type %s, which was not owed to it", e.name, r.ID, r.item.Type)
			}
		}
	}
	for _, ev := range m.state.Events {
		f.looked(1)
		if it := m.byID[ev.ID]; it == nil {
			f.violated("the API shows event %s, which nobody sent", ev.ID)
		} else if it.barred() {
			f.violated("the API shows event %s, which was rejected (%s)", ev.ID, it.Marker)
		}
	}
}

// consistent is that an event is accepted as a whole: to be found, and
// delivered wherever it is owed, or else nowhere.
func consistent(m *model, f *finder) {
	shown := m.shown()
	for _, it := range m.items {
		if it.accepted() || it.said[unknown] == 0 {
			continue
		}
		f.looked(1)
		if !shown[it.foundID] {
			for _, e := range m.endpoints {
				for _, r := range e.receipts {
					if r.item == it {
						f.violated("%s received %s, whose post was not answered, but the API does not show it", e.name, r.ID)
					}
				}
			}
			continue
		}
		for _, e := range m.endpoints {
			d := e.deliveries[it.foundID]
			ended := d != nil && d.Terminal() || taken(e.byEvent[it.foundID]) != nil
			if surely, _ := e.owes(it); surely && !ended {
				f.violated("event %s of an unanswered post exists, but has no fate at %s", it.foundID, e.name)
			}
		}
	}
}

// shown is the set of the events that the API shows.
func (m *model) shown() map[string]bool {
	shown := make(map[string]bool, len(m.state.Events))
	for _, ev := range m.state.Events {
		shown[ev.ID] = true
	}
	return shown
}

// idempotent is that a key is good for one event, whatever lies between its
// uses.
func idempotent(m *model, f *finder) {
	keys := map[string]string{}
	for _, ev := range m.state.Events {
		if ev.Key == "" {
			continue
		}
		f.looked(1)
		key := ev.Org + "\x00" + ev.Key
		if first, taken := keys[key]; taken && first != ev.ID {
			f.violated("key %s of %s has two events, %s and %s", ev.Key, ev.Org, first, ev.ID)
		}
		keys[key] = ev.ID
	}
	received := map[*item]string{}
	for _, it := range m.items {
		if len(it.ids) > 1 {
			f.violated("%s was answered with several ids: %q", it.Marker, it.ids)
		}
		received[it] = it.id()
	}
	for _, e := range m.endpoints {
		for _, r := range e.receipts {
			if id := received[r.item]; id == "" {
				received[r.item] = r.ID
			} else if id != r.ID {
				f.violated("%s received %s as %s, but it is %s", e.name, r.item.Marker, r.ID, id)
			}
		}
	}
}
