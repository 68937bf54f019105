package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/auth"
)

// foreign are values of org_acme for parameters of the query: "" where none can
// be its own. A parameter that is not here fails the test.
var foreign = map[string]string{
	"endpoint_id": "$endpoints", "event_id": "$events", "organization_id": "$organizations", "object_id": "$endpoints", "object": "$endpoints", "actor": "key_acme",
	"limit": "", "page_size": "", "ordering": "", "type": "", "types": "", "topic": "", "source": "", "state": "", "status": "", "is_active": "", "edition_id": "",
	"from": "", "to": "", "from_date": "", "to_date": "", "created": "", "created_after": "", "created_before": "", "include": "", "on_error": "", "secret": "",
	"after": "", "before": "", "page": "", // cursors: see TestTenancyOfCursors
}

// G9: every route of every dialect, with every kind of key that may not, and
// with everything in the request that can name something of another
// organization. What belongs to it is answered exactly like what does not
// exist, in the shape of the dialect, and nothing of it is shown or changed.
func TestTenancy(t *testing.T) {
	w := plant(t)
	if acme, other := w.ledger.PartitionOf("org_acme"), w.ledger.PartitionOf("org_other"); acme == other || acme == 0 {
		t.Fatalf("partitions: got %d of org_acme, %d of org_other, want two of their own", acme, other)
	}
	sum, shown := w.state()
	for _, r := range w.routes {
		w.withoutRight(r)
		for key := range w.others {
			w.foreignPath(r, key)
			w.foreignHeaders(r, key)
			w.foreignQuery(r, key)
		}
		w.foreignBody(r, "boss") // who may do everything; a second one would repeat what the first has done
	}
	sumAfter, shownAfter := w.state()
	if sumAfter != sum {
		t.Errorf("partition of org_acme: another organization has changed it")
	}
	for pattern, want := range shown {
		if got := shownAfter[pattern]; got != want {
			t.Errorf("%s of org_acme: got %s, want %s as before", pattern, got, want)
		}
	}
	// What the comparison would have seen.
	if status, _ := w.call("acme", "POST", "/v1/deliveries/"+w.own["deliveries"]+"/retry", ""); status != http.StatusAccepted {
		t.Errorf("retry by org_acme itself: got %d, want 202", status)
	}
	if sumAfter, _ := w.state(); sumAfter == sum {
		t.Error("a retry does not show in the state, so the comparison says nothing")
	}
}

// withoutRight uses keys that nobody has, or not any more, or without scopes.
func (w *world) withoutRight(r route) {
	path := w.path(r, w.own)
	for _, key := range []string{"", "nobody", "expired", "revoked"} {
		if status, _ := w.call(key, r.Method, path, "{}"); status != http.StatusUnauthorized && !(key == "" && r.OptionalKey) {
			w.t.Errorf("%s with key %q: got %d, want 401", r.name(), key, status)
		}
	}
	if status, _ := w.call("bare", r.Method, path, "{}"); status != http.StatusForbidden && r.Scope != 0 {
		w.t.Errorf("%s without its scope: got %d, want 403", r.name(), status)
	}
}

// refusal is how a route answers about something of another organization: 403
// where it asks for one by name or for a scope that the key does not have, and
// 404 else.
func (w *world) refusal(r route, key string) int {
	switch scopes := w.others[key]; {
	case r.OptionalKey:
		return http.StatusUnauthorized
	case r.Tenant != "", strings.HasPrefix(r.Pattern, "/v1/organizations/{"), scopes&auth.Admin == 0 && scopes&r.Scope != r.Scope:
		return http.StatusForbidden
	}
	return http.StatusNotFound
}

// foreignPath asks for what belongs to org_acme, and for what nobody has.
func (w *world) foreignPath(r route, key string) {
	if !strings.Contains(r.Pattern, "{") {
		return
	}
	path, none := w.path(r, w.own), w.path(r, w.absent())
	status, answer := w.call(key, r.Method, path, "{}", "Idempotency-Key", planted)
	w.checkHidden(r, key, answer)
	if want := w.refusal(r, key); status != want {
		w.t.Errorf("%s of another organization by %s: got %d, want %d", r.name(), key, status, want)
	}
	statusNone, answerNone := w.call(key, r.Method, none, "{}", "Idempotency-Key", planted)
	if statusNone != status || strings.ReplaceAll(answerNone, none, path) != answer {
		w.t.Errorf("%s by %s: got %d %s for what is another organization's, but %d %s for what does not exist", r.name(), key, status, answer, statusNone, answerNone)
	}
	if r.Tenant != "" && r.object() { // its own organization, another's object
		mixed := strings.Replace(path, "/org_acme", "/org_other", 1)
		if status, answer := w.call(key, r.Method, mixed, "{}"); status != http.StatusNotFound && status != http.StatusForbidden {
			w.t.Errorf("%s for an object of another organization by %s: got %d %s, want 404", r.name(), key, status, answer)
		}
	}
}

// foreignHeaders names org_acme, and an organization that there is not.
func (w *world) foreignHeaders(r route, key string) {
	own := map[string]string{"organizations": "org_other", "orgs": "org_other"}
	for kind, id := range w.absent() {
		if own[kind] == "" {
			own[kind] = id
		}
	}
	for _, header := range append([]string{httpapi.OrganizationHeader}, r.dialect.OrganizationHeaders...) {
		status, answer := w.call(key, r.Method, w.path(r, own), w.body(r), header, "org_acme")
		none, answerNone := w.call(key, r.Method, w.path(r, own), w.body(r), header, "org_none")
		w.checkHidden(r, key, answer)
		if status != none || answer != answerNone || status < http.StatusBadRequest {
			w.t.Errorf("%s by %s, %s naming another organization: got %d %s, and %d %s for one that is not, want the same refusal", r.name(), key, header, status, answer, none, answerNone)
		}
	}
}

// foreignQuery puts ids of org_acme into every parameter that takes one.
func (w *world) foreignQuery(r route, key string) {
	_, op := w.api.find(r.Method, r.Pattern)
	for _, reference := range op.Parameters {
		p := reference.in(w.api.shared.Parameters)
		if p.In != "query" {
			continue
		}
		kind, known := foreign[p.Name]
		if !known {
			w.t.Errorf("%s: whether the parameter %s can name something of another organization, the test does not know", r.name(), p.Name)
		}
		if kind != "" && !r.object() {
			path := strings.Replace(w.path(r, w.own), "/org_acme", "/org_other", 1)
			_, answer := w.call(key, r.Method, path+"?"+url.Values{p.Name: {w.fill(kind)}}.Encode(), "")
			w.checkHidden(r, key, answer)
		}
	}
}

// foreignBody does what org_acme has done, with the same idempotency key, and
// names what is org_acme's where something can be named.
func (w *world) foreignBody(r route, key string) {
	if r.Method == "GET" || r.object() {
		return
	}
	path := strings.Replace(w.path(r, w.own), "/org_acme", "/org_other", 1)
	status, answer := w.call(key, r.Method, path, w.body(r), "Idempotency-Key", planted)
	w.checkHidden(r, key, answer)
	if status == http.StatusUnprocessableEntity || strings.HasSuffix(answer, " replayed") {
		w.t.Errorf("%s by %s with the idempotency key of another organization: got %d %s, want it to mean nothing", r.name(), key, status, answer)
	}
}

// checkHidden reports an answer that shows anything of org_acme.
func (w *world) checkHidden(r route, key, answer string) {
	w.t.Helper()
	for _, hidden := range []string{planted, "Acme", "key_acme"} {
		if strings.Contains(answer, hidden) {
			w.t.Errorf("%s by %s: got %s, which shows %q", r.name(), key, answer, hidden)
		}
	}
}

// Cursors of one organization are none of another.
func TestTenancyOfCursors(t *testing.T) {
	w := plant(t)
	for range 2 { // a second page of everything
		for _, p := range plants {
			for _, r := range w.routes {
				if r.name() == p.route {
					w.call("root", r.Method, w.path(r, w.own), w.fill(p.body), "Hookwheel-Organization", "org_acme")
				}
			}
		}
	}
	seen := 0
	for _, r := range w.routes {
		if r.Method != "GET" || r.object() {
			continue
		}
		_, op := w.api.find("GET", r.Pattern)
		if !slices.ContainsFunc(op.Parameters, func(p reference[parameter]) bool { return p.in(w.api.shared.Parameters).Name == "limit" }) {
			continue
		}
		_, answer := w.call("root", "GET", w.path(r, w.own)+"?limit=1", "", "Hookwheel-Organization", "org_acme")
		var fields map[string]any
		if err := json.Unmarshal([]byte(answer), &fields); err != nil {
			t.Fatalf("%s: got %s", r.name(), answer)
		}
		for name, value := range fields {
			text, isText := value.(string)
			parameter := map[string]string{"next_cursor": "after", "end_cursor": "after", "next_page_url": "page"}[name]
			if !isText || parameter == "" {
				continue
			}
			if _, page, isURL := strings.Cut(text, "page="); isURL {
				text, _, _ = strings.Cut(page, "&")
			}
			seen++
			path := strings.Replace(w.path(r, w.own), "/org_acme", "/org_other", 1)
			if status, answer := w.call("boss", "GET", path+"?limit=1&"+parameter+"="+text, ""); status != http.StatusBadRequest {
				t.Errorf("%s with a cursor of another organization: got %d %s, want 400", r.name(), status, answer)
			}
		}
	}
	if seen < 3 {
		t.Errorf("got %d cursors, want those of events, endpoints and deliveries at least", seen)
	}
}
