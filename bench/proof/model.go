package proof

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// model is the ledgers put in order: what each item became, what each endpoint
// was at any time, what it received, and when the server was struck. Times are
// Mono unless they say otherwise.
type model struct {
	Rules
	clock
	state *State

	items     []*item
	byMarker  map[string]*item
	byID      map[string]*item // by the id that posts were told, or that the state shows
	endpoints map[string]*endpoint
	byAPI     map[string]*endpoint
	crashes   []outage
	restarts  int
	walks     []*Walk
	strange   []*receipt // to no known endpoint, or of no known marker
	timeless  []string   // what is told to have happened at times that never were
}

// span is a time from one moment to a later one. What a change says holds from
// some moment in its span.
type span struct{ from, to int64 }

// item is an event with all that its producer learned.
type item struct {
	Item
	org     string
	span             // from the first intent to the first answer that accepted it; to = never when there was none
	last    int64    // intent
	ids     []string // distinct, as answered
	said    map[verdict]int
	post    string
	index   int    // in its post
	foundID string // in the state, when no answer named it
}

const never = math.MaxInt64

// accepted reports whether the server has it, as far as anybody was told.
func (it *item) accepted() bool { return len(it.ids) > 0 }

// id is the event's id, "" if it is nowhere.
func (it *item) id() string {
	if len(it.ids) > 0 {
		return it.ids[0]
	}
	return it.foundID
}

// barred reports whether the server must not have it: every post of it was
// rejected or never arrived.
func (it *item) barred() bool { return it.said[accepted] == 0 && it.said[unknown] == 0 }

// receipt is a Receipt with its time and what it is of.
type receipt struct {
	*Receipt
	wall, at int64
	item     *item
}

// phase is what an endpoint is from some moment in its span on.
type phase struct {
	span
	wall    span // the same in Unix nanoseconds
	verb    string
	exists  bool
	enabled bool
	paused  bool
	types   []string
}

// stopped reports whether no attempt may start.
func (p *phase) stopped() bool { return !p.exists || !p.enabled || p.paused }

func (p *phase) owed(eventType string) bool {
	return p.exists && p.enabled && (len(p.types) == 0 || slices.Contains(p.types, eventType))
}

// endpoint is an endpoint with its history.
type endpoint struct {
	name, org, id string
	settings      Settings
	phases        []phase
	secrets       []validity
	receipts      []*receipt
	byEvent       map[string][]*receipt // by webhook-id
	deliveries    map[string]*Delivery  // by event id
}

// validity is a secret with when it began to sign, and when it ended.
type validity struct {
	secret string
	from   span
	until  span
	since  int64 // when it was rotated away; never = it was not
}

func newModel(records []Record, s *State, rules Rules) *model {
	m := &model{
		Rules: rules, state: s, clock: clock{periods: make([]period, 1)},
		byMarker: map[string]*item{}, byID: map[string]*item{}, endpoints: map[string]*endpoint{}, byAPI: map[string]*endpoint{},
	}
	posts := map[string]*Intent{}
	begun := map[string]Record{} // the change of each endpoint that is under way
	for i := range records {
		r := &records[i]
		switch {
		case r.Intent != nil:
			posts[r.Intent.Post] = r.Intent
			m.intent(r.Mono, r.Intent)
		case r.Answer != nil:
			m.answer(r.Mono, posts[r.Answer.Post], r.Answer)
		case r.Change != nil && !r.Change.Done:
			begun[r.Change.Endpoint] = *r
		case r.Change != nil:
			m.change(begun[r.Change.Endpoint], *r)
		case r.Fault != nil:
			m.fault(r)
		case r.Walk != nil:
			m.walks = append(m.walks, r.Walk)
		}
	}
	m.measureCommits(records)
	m.ownTimes(records)
	m.unanswered(posts, records)
	m.join(records)
	return m
}

func (m *model) intent(at int64, in *Intent) {
	for i, it := range in.Items {
		known := m.byMarker[it.Marker]
		if known == nil {
			known = &item{Item: it, org: in.Org, span: span{at, never}, said: map[verdict]int{}, post: in.Post, index: i}
			m.byMarker[it.Marker] = known
			m.items = append(m.items, known)
		}
		known.last = at
	}
}

func (m *model) answer(at int64, in *Intent, a *Answer) {
	if in == nil {
		return
	}
	for i, it := range in.Items {
		known := m.byMarker[it.Marker]
		said := a.of(i)
		known.said[said]++
		if said != accepted {
			continue
		}
		known.to = min(known.to, at)
		if id := a.Results[i].ID; !slices.Contains(known.ids, id) {
			known.ids = append(known.ids, id)
			m.byID[id] = known
		}
	}
}

// unanswered counts posts whose producer was not there any more to hear the
// answer: anything may have become of them.
func (m *model) unanswered(posts map[string]*Intent, records []Record) {
	for i := range records {
		if a := records[i].Answer; a != nil {
			delete(posts, a.Post)
		}
	}
	for _, in := range posts {
		for _, it := range in.Items {
			m.byMarker[it.Marker].said[unknown]++
		}
	}
}

func (m *model) change(begun, done Record) {
	c := done.Change
	e := m.endpoints[c.Endpoint]
	if e == nil {
		e = &endpoint{name: c.Endpoint, org: c.Org, id: c.ID, settings: c.Settings, byEvent: map[string][]*receipt{}, deliveries: map[string]*Delivery{}}
		m.endpoints[c.Endpoint] = e
		m.byAPI[c.ID] = e
	}
	next := phase{}
	if len(e.phases) > 0 {
		next = e.phases[len(e.phases)-1]
	}
	next.verb, next.span, next.wall = c.Verb, span{begun.Mono, done.Mono}, span{begun.Wall, done.Wall}
	switch c.Verb {
	case "create":
		next.exists, next.enabled, next.types = true, true, c.Settings.Types
	case "update":
		next.types = c.Settings.Types
	case "enable", "disable":
		next.enabled = c.Verb == "enable"
	case "pause", "resume":
		next.paused = c.Verb == "pause"
	case "delete":
		next.exists = false
	}
	if c.Secret != "" {
		grace := int64(c.Grace) * int64(time.Second)
		for i := range e.secrets {
			e.secrets[i].until.from = min(e.secrets[i].until.from, begun.Mono+grace-int64(time.Millisecond)) // it counts in these
			e.secrets[i].until.to = min(e.secrets[i].until.to, done.Mono+grace)
			e.secrets[i].since = min(e.secrets[i].since, begun.Mono)
		}
		from := next.span
		if c.Verb == "create" {
			from = span{-never, -never} // there was no attempt without it
		}
		e.secrets = append(e.secrets, validity{c.Secret, from, span{never, never}, never})
	}
	e.phases = append(e.phases, next)
}

// Told returns the ids of the events that posts were told of.
func Told(records []Record) map[string]bool {
	told := map[string]bool{}
	for i := range records {
		if a := records[i].Answer; a != nil {
			for _, r := range a.Results {
				if r.ID != "" {
					told[r.ID] = true
				}
			}
		}
	}
	return told
}

// join brings receipts and the state together with items and endpoints.
func (m *model) join(records []Record) {
	for id, data := range m.state.Data {
		if it := m.marked(data); it != nil && !it.accepted() {
			it.foundID = id
			m.byID[id] = it
		}
	}
	for i := range records {
		r := &records[i]
		if r.Receipt == nil {
			continue
		}
		got := &receipt{Receipt: r.Receipt, wall: r.Wall, at: r.Mono, item: m.marked(r.Receipt.Body)}
		e := m.endpoints[got.Endpoint]
		if e == nil || got.item == nil {
			m.strange = append(m.strange, got)
			continue
		}
		e.receipts = append(e.receipts, got)
		e.byEvent[got.ID] = append(e.byEvent[got.ID], got)
		if got.item.to == never {
			got.item.to = got.at
		}
	}
	for i := range m.state.Deliveries {
		d := &m.state.Deliveries[i]
		if e := m.byAPI[d.Endpoint]; e != nil {
			e.deliveries[d.Event] = d
		}
	}
	slices.SortFunc(m.items, func(a, b *item) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.index, b.index)) })
}

// marked finds the item whose marker is in a text.
func (m *model) marked(text string) *item {
	_, after, ok := strings.Cut(text, `"marker":"`)
	if !ok {
		return nil
	}
	marker, _, _ := strings.Cut(after, `"`)
	return m.byMarker[marker]
}

// possible returns what an endpoint can have been at any moment of a time.
func (e *endpoint) possible(s span) []phase {
	before := phase{}
	var during []phase
	for _, p := range e.phases {
		if p.to < s.from {
			before = p
		} else if p.from <= s.to {
			during = append(during, p)
		}
	}
	return append(during, before)
}

// owes says whether an endpoint is owed an item: surely, possibly, or not.
func (e *endpoint) owes(it *item) (surely, possibly bool) {
	if e.org != it.org {
		return false, false
	}
	surely = true
	for _, p := range e.possible(it.span) {
		owed := p.owed(it.Type)
		surely, possibly = surely && owed, possibly || owed
	}
	return surely, possibly
}

// taken is the first receipt that the receiver took.
func taken(receipts []*receipt) *receipt {
	if i := slices.IndexFunc(receipts, func(r *receipt) bool { return r.ok() }); i >= 0 {
		return receipts[i]
	}
	return nil
}

// dataOf is the data in a delivered body, byte for byte.
func dataOf(body string) (id, eventType, data string, err error) {
	var envelope struct {
		ID   string
		Type string
		Data json.RawMessage
	}
	err = json.Unmarshal([]byte(body), &envelope)
	return envelope.ID, envelope.Type, string(envelope.Data), err
}
