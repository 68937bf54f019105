package proof

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const maxBatch = 20

// worker is one of the connections of a producer. Used by one goroutine.
type worker struct {
	*producer
	name   string // in the names of its posts
	source string // in the markers of its items: its name, or one that twins share
	random *rand.Rand
	posts  int // made so far
	made   int // items composed so far
}

// request is a post that can be repeated.
type request struct {
	tenant      Tenant
	items       []Item
	keyed       bool
	untyped     int // the item that lacks its type; -1 = none
	contentType string
	onError     string
	header      string // Idempotency-Key
	body        string
}

// compose makes up a post.
func (w *worker) compose() *request {
	r := &request{tenant: w.Tenants[w.random.IntN(len(w.Tenants))], keyed: w.random.Float64() < w.Keyed, untyped: -1, onError: "skip"}
	count := 1
	if w.random.Float64() < w.Batches {
		count = 2 + w.random.IntN(maxBatch-1)
	}
	for range count {
		r.items = append(r.items, w.item(r))
	}
	if w.random.Float64() < w.Bad {
		r.untyped = w.random.IntN(count)
		r.items[r.untyped].Bad = true
	}
	if r.untyped >= 0 && w.random.IntN(4) == 0 {
		r.onError = "abort" // so the others are rejected with it
	}
	w.encode(r)
	return r
}

func (w *worker) item(r *request) Item {
	w.made++
	marker := Marker(r.tenant.Org, fmt.Sprintf("%s-%d", w.source, w.made))
	it := Item{Marker: marker, Type: w.Types[w.random.IntN(len(w.Types))]}
	if r.keyed {
		it.Key = "key-" + marker
	}
	// Spaces, a number that no encoder writes like that, and what is not ASCII:
	// whoever parses the data and writes it again gives himself away.
	it.Data = fmt.Sprintf(`{"marker":%q, "n" : 1.0e0,"text":"é%s"}`, marker, w.padding())
	return it
}

// padding is letters that no store can compress to less than three quarters.
func (w *worker) padding() string {
	letters := make([]byte, w.Padding)
	for i := range letters {
		letters[i] = '0' + byte(w.random.IntN(64)) // up to 'o'
	}
	return strings.ReplaceAll(string(letters), `\`, "x")
}

// Marker is what is found in the data of one item and in nothing else. It
// begins with what only its organization's markers begin with.
func Marker(org, item string) string { return tag(org) + item }

func tag(org string) string { return "mark(" + org + ")" }

// encode writes the body of a request from its items.
func (w *worker) encode(r *request) {
	var lines []string
	r.header = ""
	for i, it := range r.items {
		fields := []string{`"data":` + it.Data}
		if i != r.untyped {
			fields = append(fields, fmt.Sprintf(`"type":%q`, it.Type))
		}
		if it.Key != "" && len(r.items) == 1 && w.random.IntN(2) == 0 {
			r.header = it.Key
		} else if it.Key != "" {
			fields = append(fields, fmt.Sprintf(`"id":%q`, it.Key))
		}
		lines = append(lines, "{"+strings.Join(fields, ",")+"}")
	}
	r.contentType, r.body = "application/json", lines[0]
	if len(lines) > 1 && w.random.IntN(2) == 0 {
		r.body = "[" + strings.Join(lines, ",") + "]"
	} else if len(lines) > 1 {
		r.contentType, r.body = "application/x-ndjson", strings.Join(lines, "\n")
	}
}

// abuse makes other events with the keys of a request that was accepted. They
// must be rejected.
func (w *worker) abuse(r *request) *request {
	other := *r
	other.items = slices.Clone(r.items)
	for i := range other.items {
		other.items[i] = w.item(&other)
		other.items[i].Key, other.items[i].Bad = r.items[i].Key, true
	}
	w.encode(&other)
	return &other
}
