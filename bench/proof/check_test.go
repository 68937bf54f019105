package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is a small history, in milliseconds since its beginning: what ledgers
// and API tell of it. Tests change one thing of one in which all is well.
type world struct {
	t       *testing.T
	records []Record
	state   *State
	rules   Rules
}

const testSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func (w *world) add(at int64, r Record) {
	r.Mono = at * int64(time.Millisecond)
	r.Wall = r.Mono
	w.records = append(w.records, r)
}

func (w *world) changed(from, to int64, c Change) {
	w.add(from, Record{Change: &c})
	done := c
	done.Done, done.ID = true, "ed_"+c.Endpoint
	w.add(to, Record{Change: &done})
}

func (w *world) create(org, name string, s Settings) {
	w.changed(0, 10, Change{Verb: "create", Org: org, Endpoint: name, Settings: s, Secret: testSecret})
	w.state.Stats["ed_"+name] = Counts{}
}

func testItem(org, name string) Item {
	return Item{Marker: Marker(org, name), Type: "t", Key: "key-" + name, Data: fmt.Sprintf(`{"marker":%q, "n" : 1.0}`, Marker(org, name))}
}

// post is accepted as events evt_<name>, unless it has another status.
func (w *world) post(at int64, org string, status int, names ...string) {
	in := &Intent{Post: fmt.Sprint("post-", len(w.records)), Org: org}
	answer := &Answer{Post: in.Post, Status: status}
	for _, name := range names {
		in.Items = append(in.Items, testItem(org, name))
		if status/100 == 2 {
			answer.Results = append(answer.Results, Result{ID: "evt_" + name})
			w.show(org, name)
		}
	}
	w.add(at, Record{Intent: in})
	w.add(at+5, Record{Answer: answer})
}

// show puts an event into the list of the API.
func (w *world) show(org, name string) {
	w.state.Events = append(w.state.Events, Event{ID: "evt_" + name, Org: org, Type: "t", Key: "key-" + name})
}

func (w *world) receive(at int64, endpoint, org, name string, status int) *Receipt {
	it := testItem(org, name)
	r := &Receipt{Endpoint: endpoint, ID: "evt_" + name, Timestamp: "1", Status: status, Body: fmt.Sprintf(`{"id":"evt_%s","type":"t","data":%s}`, name, it.Data)}
	var err error
	if r.Signature, err = signed(testSecret, r); err != nil {
		w.t.Fatal(err)
	}
	w.add(at, Record{Receipt: r})
	return r
}

// tell puts a delivery into the API, with its attempts.
func (w *world) tell(endpoint, org, name, state string, attempts ...Attempt) {
	d := Delivery{ID: "dlv_" + endpoint + name, Event: "evt_" + name, Endpoint: "ed_" + endpoint, Org: org, State: state, Attempts: len(attempts)}
	w.state.Deliveries = append(w.state.Deliveries, d)
	w.state.Attempts[d.ID] = attempts
	counts := w.state.Stats[d.Endpoint]
	counts.Matched++
	*counts.of(state)++
	w.state.Stats[d.Endpoint] = counts
}

func attempt(at int64, status int) Attempt {
	return Attempt{At: time.Unix(0, at*int64(time.Millisecond)), Status: status}
}

// deliver is received, and told as it was.
func (w *world) deliver(at int64, endpoint, org, name string) {
	w.receive(at, endpoint, org, name, 200)
	w.tell(endpoint, org, name, "succeeded", attempt(at-1, 200))
}

func (w *world) delivery(name string) *Delivery {
	for i := range w.state.Deliveries {
		if d := &w.state.Deliveries[i]; d.ID == "dlv_"+name {
			return d
		}
	}
	w.t.Fatalf("there is no delivery %s", name)
	return nil
}

func (w *world) receipt(endpoint, name string) *Receipt {
	for i := range w.records {
		if r := w.records[i].Receipt; r != nil && r.Endpoint == endpoint && r.ID == "evt_"+name {
			return r
		}
	}
	w.t.Fatalf("there is no receipt of %s at %s", name, endpoint)
	return nil
}

// drop removes all receipts of an event at an endpoint.
func (w *world) drop(endpoint, name string) {
	w.records = slices.DeleteFunc(w.records, func(r Record) bool {
		return r.Receipt != nil && r.Receipt.Endpoint == endpoint && r.Receipt.ID == "evt_"+name
	})
}

func (w *world) check() *Verdict {
	slices.SortStableFunc(w.records, func(a, b Record) int { return cmp.Compare(a.Mono, b.Mono) })
	return Check(w.records, w.state, w.rules)
}

// newWorld is one in which all is well: two tenants, an endpoint that takes
// everything, one in order, one that fails first, and one that is paused for a
// while; an event that was refused, and one whose post got no answer.
func newWorld(t *testing.T) *world {
	w := &world{t: t, state: &State{Attempts: map[string][]Attempt{}, Stats: map[string]Counts{}, Data: map[string]string{}, Metrics: map[string]float64{"hookwheel_events_accepted_total": 5}}}
	w.rules = Rules{Retry: []time.Duration{100 * time.Millisecond, time.Second}, Jitter: 0.2, Timeout: time.Second, Unrecorded: 100 * time.Millisecond, Slack: 10 * time.Millisecond}
	w.create("a", "all", Settings{})
	w.create("a", "line", Settings{Fifo: true})
	w.create("b", "other", Settings{})
	w.post(100, "a", 202, "1", "2")
	w.post(200, "a", 202, "3")
	w.post(300, "b", 202, "4")
	w.post(400, "a", 400, "bad")
	w.post(500, "a", 0, "lost")
	w.post(600, "a", 0, "found")
	w.show("a", "found")
	w.state.Data["evt_found"] = testItem("a", "found").Data
	for i, name := range []string{"1", "2", "3", "found"} {
		w.deliver(int64(1000+100*i), "line", "a", name)
	}
	for _, name := range []string{"1", "2", "found"} {
		w.deliver(700, "all", "a", name)
	}
	w.receive(800, "all", "a", "3", 500)
	w.receive(900, "all", "a", "3", 429).RetryAfter = 2
	w.receive(3000, "all", "a", "3", 200)
	w.tell("all", "a", "3", "succeeded", attempt(799, 500), attempt(899, 429), attempt(2999, 200))
	w.deliver(700, "other", "b", "4")
	w.changed(4000, 4010, Change{Verb: "pause", Org: "a", Endpoint: "all"})
	w.changed(6000, 6010, Change{Verb: "resume", Org: "a", Endpoint: "all"})
	w.add(700, Record{Walk: &Walk{Org: "a", Began: 700 * int64(time.Millisecond), IDs: []string{"evt_found", "evt_3", "evt_2", "evt_1"}}})
	return w
}

func crash(w *world, from, to int64) {
	w.add(from, Record{Fault: &Fault{What: "kill", Crash: true}})
	w.add(to, Record{Fault: &Fault{What: "kill", Crash: true, Over: true}})
}

const hour = 3600 * 1000

// step sets the server's clock forward by an hour; the attempts that it tells of
// later are told an hour late.
func step(w *world, at int64, down bool) {
	w.add(at, Record{Fault: &Fault{What: "clock", Step: hour / 1000, Down: down}})
	w.add(at+5, Record{Fault: &Fault{What: "clock", Step: hour / 1000, Down: down, Over: true}})
	for _, list := range w.state.Attempts {
		for i := range list {
			if list[i].At.UnixMilli() > at {
				list[i].At = list[i].At.Add(time.Hour)
			}
		}
	}
}

// Each change makes one invariant fail, or, where there is a reason for what
// happened, none.
var histories = []struct {
	name string
	want string // the invariant; "" = none
	make func(w *world)
}{
	{"all is well", "", func(*world) {}},

	{"accepted and never received", "fated", func(w *world) { w.drop("other", "4"); w.delivery("other4").State = "pending" }},
	{"accepted and only refused", "fated", func(w *world) { w.receipt("other", "4").Status = 500; w.delivery("other4").State = "retrying" }},
	{"exhausted is a fate", "", func(w *world) {
		w.receipt("other", "4").Status = 500
		w.receive(900, "other", "b", "4", 500)
		w.receive(2000, "other", "b", "4", 500)
		w.delivery("other4").State = "exhausted"
		w.state.Stats["ed_other"] = Counts{Matched: 1, Exhausted: 1}
		w.state.Attempts["dlv_other4"] = []Attempt{attempt(699, 500), attempt(899, 500), attempt(1999, 500)}
	}},

	{"never sent", "known", func(w *world) { w.receive(900, "all", "a", "invented", 200) }},
	{"rejected, but received", "known", func(w *world) { w.receive(900, "all", "a", "bad", 200) }},
	{"shown, but never sent", "known", func(w *world) { w.show("a", "invented"); w.state.Metrics = nil }},
	{"not of its type", "known", func(w *world) {
		w.changed(20, 30, Change{Verb: "update", Org: "b", Endpoint: "other", Settings: Settings{Types: []string{"u"}}})
	}},
	{"perhaps of its type", "", func(w *world) {
		w.changed(290, 310, Change{Verb: "update", Org: "b", Endpoint: "other", Settings: Settings{Types: []string{"u"}}})
	}},
	{"disabled before", "known", func(w *world) { w.changed(20, 30, Change{Verb: "disable", Org: "b", Endpoint: "other"}) }},

	{"half there", "consistent", func(w *world) { w.receive(900, "all", "a", "lost", 200) }},
	{"there, but not everywhere", "consistent", func(w *world) { w.drop("line", "found"); w.delivery("linefound").State = "pending" }},

	{"a key with two events", "idempotent", func(w *world) { w.state.Events[0].Key = w.state.Events[1].Key }},
	{"two answers", "idempotent", func(w *world) {
		in := &Intent{Post: "again", Org: "b", Items: []Item{testItem("b", "4")}}
		w.add(350, Record{Intent: in})
		w.add(360, Record{Answer: &Answer{Post: "again", Status: 202, Results: []Result{{ID: "evt_5"}}}})
	}},

	{"other bytes the second time", "unchanged", func(w *world) {
		r := w.receive(950, "all", "a", "3", 500)
		r.Body = strings.Replace(r.Body, " ", "", 1)
	}},
	{"other data", "unchanged", func(w *world) {
		r := w.receipt("other", "4")
		r.Body = strings.Replace(r.Body, "1.0", "1", 1)
	}},
	{"other id", "unchanged", func(w *world) {
		r := w.receipt("other", "4")
		r.Body = strings.Replace(r.Body, "evt_4", "evt_x", 1)
	}},

	{"no signature", "signed", func(w *world) { w.receipt("other", "4").Signature = "" }},
	{"a wrong signature", "signed", func(w *world) { w.receipt("other", "4").Signature += " v1,AAAA" }},
	{"an expired secret", "signed", func(w *world) {
		w.changed(1000, 1010, Change{Verb: "rotate", Org: "b", Endpoint: "other", Grace: 1, Secret: "whsec_AAAA"})
		w.post(4000, "b", 202, "late")
		w.deliver(4100, "other", "b", "late")
		w.state.Metrics = nil
	}},

	{"of another tenant", "isolated", func(w *world) { w.receive(900, "other", "a", "1", 200) }},
	{"shown to another tenant", "isolated", func(w *world) { w.state.Foreign = []string{"b finds a"} }},

	{"sent twice", "duplicates", func(w *world) { w.receive(900, "other", "b", "4", 200) }},
	{"sent twice across a crash", "", func(w *world) { crash(w, 750, 760); w.receive(900, "other", "b", "4", 200) }},
	{"sent twice long before a crash", "duplicates", func(w *world) { crash(w, 2000, 2010); w.receive(2100, "other", "b", "4", 200) }},
	{"sent twice when the disk was slow before a crash", "", func(w *world) {
		w.add(800, Record{Intent: &Intent{Post: "slow", Org: "b", Items: []Item{testItem("b", "4")}}})
		w.add(1300, Record{Answer: &Answer{Post: "slow", Status: 202, Results: []Result{{ID: "evt_4"}}}})
		crash(w, 1500, 1510)
		w.receive(1600, "other", "b", "4", 200)
	}},
	{"sent twice after a lost answer", "", func(w *world) {
		w.receive(900, "other", "b", "4", 200)
		w.state.Attempts["dlv_other4"] = []Attempt{attempt(699, 0), attempt(899, 200)}
	}},

	{"overtaken in a batch", "ordered", func(w *world) { swap(w, "line", "1", "2") }},
	{"overtaken by a later post", "ordered", func(w *world) { swap(w, "line", "1", "3") }},

	{"too early, by the API", "schedule", func(w *world) { w.state.Attempts["dlv_all3"][1] = attempt(810, 429) }},
	{"too early, by the receiver", "schedule", func(w *world) { w.receive(810, "all", "a", "3", 500) }},
	{"too often", "schedule", func(w *world) {
		w.receive(5000, "other", "b", "4", 500)
		for _, at := range []int64{100, 300, 500} {
			w.receive(at, "other", "b", "4", 500)
		}
	}},
	{"given up early", "schedule", func(w *world) {
		w.receipt("other", "4").Status = 500
		w.delivery("other4").State = "exhausted"
		w.state.Attempts["dlv_other4"] = []Attempt{attempt(699, 500)}
	}},
	{"gone is given up at once", "", func(w *world) {
		w.receipt("other", "4").Status = 410
		w.delivery("other4").State = "failed"
		w.state.Stats["ed_other"] = Counts{Matched: 1, Failed: 1}
		w.state.Attempts["dlv_other4"] = []Attempt{attempt(699, 410)}
	}},

	{"the clock is set", "", func(w *world) { step(w, 850, false) }},
	{"the clock is set, and back", "", func(w *world) {
		step(w, 850, false)
		w.add(3500, Record{Fault: &Fault{What: "clock", Step: -hour / 1000}})
		w.add(3505, Record{Fault: &Fault{What: "clock", Step: -hour / 1000, Over: true}})
	}},
	{"a retry follows the clock", "schedule", func(w *world) {
		w.receive(1500, "other", "b", "4", 500)
		w.receive(1540, "other", "b", "4", 500)
		step(w, 1520, false)
	}},
	{"the clock is set without the server", "", func(w *world) {
		w.receipt("all", "3").Status = 500
		w.state.Attempts["dlv_all3"][1] = attempt(829, 429)
		step(w, 810, true)
	}},
	{"the clock is set with the server, and a retry follows", "schedule", func(w *world) {
		w.state.Attempts["dlv_all3"][1] = attempt(829, 429)
		step(w, 810, false)
	}},

	{"not left alone", "retry-after", func(w *world) {
		w.post(2000, "a", 202, "soon")
		w.deliver(2500, "all", "a", "soon")
		w.deliver(2500, "line", "a", "soon")
		w.state.Metrics = nil
	}},

	{"told to be taken, but was not", "agreement", func(w *world) { w.receipt("other", "4").Status = 500 }},
	{"told to be exhausted, but was taken", "agreement", func(w *world) { w.delivery("other4").State = "exhausted" }},
	{"told another status", "agreement", func(w *world) { w.state.Attempts["dlv_other4"] = []Attempt{attempt(699, 201)} }},
	{"told at a time that never was", "agreement", func(w *world) {
		step(w, 850, false)
		w.state.Attempts["dlv_other4"][0].At = time.Unix(9*hour/1000, 0)
	}},
	{"an attempt is not told", "agreement", func(w *world) { w.receive(600, "other", "b", "4", 500) }},

	{"started while paused, by the API", "stopped", func(w *world) {
		w.post(4500, "a", 202, "during")
		w.deliver(4600, "line", "a", "during")
		w.receive(4600, "all", "a", "during", 200)
		w.tell("all", "a", "during", "succeeded", attempt(4599, 200))
		w.state.Metrics = nil
	}},
	{"started while paused, by the receiver", "stopped", func(w *world) {
		w.post(4500, "a", 202, "during")
		w.deliver(4600, "line", "a", "during")
		w.receive(5500, "all", "a", "during", 200)
		w.tell("all", "a", "during", "succeeded", attempt(3900, 200))
		w.state.Metrics = nil
	}},
	{"after it was deleted", "stopped", func(w *world) {
		w.changed(650, 660, Change{Verb: "delete", Org: "b", Endpoint: "other"})
	}},

	{"accepted, but not listed", "counted", func(w *world) { w.state.Events = w.state.Events[1:]; w.state.Metrics = nil }},
	{"listed twice", "counted", func(w *world) { w.state.Repeated = []string{"event 1"} }},
	{"stats of another number", "counted", func(w *world) { w.state.Stats["ed_other"] = Counts{Matched: 1, Failed: 1} }},
	{"owed what is not in the ledgers", "counted", func(w *world) {
		w.tell("other", "b", "5", "canceled")
	}},
	{"metrics of another number", "counted", func(w *world) { w.state.Metrics["hookwheel_events_accepted_total"] = 9 }},

	{"a walk sees one twice", "listed", func(w *world) {
		w.add(800, Record{Walk: &Walk{Org: "b", Began: 800 * int64(time.Millisecond), IDs: []string{"evt_4", "evt_4"}}})
	}},
	{"a walk misses one", "listed", func(w *world) {
		w.add(800, Record{Walk: &Walk{Org: "b", Began: 800 * int64(time.Millisecond)}})
	}},
	{"a walk before it was there", "", func(w *world) {
		w.add(250, Record{Walk: &Walk{Org: "b", Began: 250 * int64(time.Millisecond)}})
	}},

	{"not drained", "drained", func(w *world) { w.state.Open = 1 }},
	{"not released", "released", func(w *world) { w.state.Retained = []string{"1000 goroutines"} }},
	{"a secret in the log", "secrets", func(w *world) { w.state.Leaks = []string{"the log"} }},
}

// swap exchanges when an endpoint received two events.
func swap(w *world, endpoint, a, b string) {
	ra, rb := w.receipt(endpoint, a), w.receipt(endpoint, b)
	*ra, *rb = *rb, *ra
}

func TestCheck(t *testing.T) {
	for _, h := range histories {
		t.Run(h.name, func(t *testing.T) {
			w := newWorld(t)
			h.make(w)
			v := w.check()
			var got []string
			for _, f := range v.Findings {
				if f.Violations > 0 {
					got = append(got, f.Invariant)
				}
			}
			if h.want == "" && len(got) > 0 || h.want != "" && !slices.Contains(got, h.want) {
				t.Errorf("got violations of %q, want %q\n%v", got, h.want, v.Violations)
			}
		})
	}
}

// What comes again and is refused is retried until it is taken: all of that is
// one duplicate, since one outcome was lost.
func TestDuplicateIsRetried(t *testing.T) {
	w := newWorld(t)
	crash(w, 750, 760)
	w.receive(900, "other", "b", "4", 500)
	w.receive(3000, "other", "b", "4", 200)
	w.state.Attempts["dlv_other4"] = []Attempt{attempt(899, 500), attempt(2999, 200)}
	v := w.check()
	if v.Duplicates != 1 || len(v.Violations) > 0 {
		t.Errorf("got %d duplicates, violations %v, want 1 and none", v.Duplicates, v.Violations)
	}
}

// No invariant is without a history that violates it, and a good history gives
// each something to look at.
func TestInvariantsAreTested(t *testing.T) {
	names, about := Invariants()
	findings := newWorld(t).check().Findings
	for i, name := range names {
		if about[i] == "" {
			t.Errorf("%s: got no meaning, want one", name)
		}
		tested := slices.ContainsFunc(histories, func(h struct {
			name, want string
			make       func(*world)
		}) bool {
			return h.want == name
		})
		if !tested || findings[i].Looked == 0 {
			t.Errorf("%s: got tested %v, looked at %d things, want it tested and to look at some", name, tested, findings[i].Looked)
		}
	}
}

func TestVerdictCounts(t *testing.T) {
	w := newWorld(t)
	crash(w, 750, 760)
	w.receive(900, "other", "b", "4", 200)
	v := w.check()
	if v.Accepted != 4 || v.Owed != 7 || v.Delivered != 7 || v.Lost != 0 || v.Duplicates != 1 || v.Bound < 1 {
		t.Errorf("got %+v, want 4 accepted, 7 owed and delivered, 1 duplicate within bound", v)
	}
	twice := Verdict{}
	twice.Add(v)
	twice.Add(v)
	if twice.Owed != 14 || twice.Findings[0].Looked != 14 {
		t.Errorf("twice: got %+v, want everything twice", twice)
	}
}
