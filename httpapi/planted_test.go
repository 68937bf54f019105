package httpapi_test

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// planted stands in everything that org_acme owns in this test, and is its
// idempotency key for everything that it has made.
const planted = "planted"

// plants are what org_acme makes, in this order: something of every kind, by
// every operation that makes something. Bodies name objects by their kind, $ in
// front.
var plants = []struct{ route, kind, body string }{
	{"POST /v1/endpoints", "endpoints", `{"url":"https://93.184.216.34/planted/hooks/503","name":"planted","event_types":["planted"],"max_attempts":1}`},
	{"POST /v2/core/event_destinations", "event_destinations", `{"name":"planted","type":"webhook_endpoint","webhook_endpoint":{"url":"https://93.184.216.34/planted"},"event_payload":"thin","enabled_events":["planted"]}`},
	{"POST /webhooks", "webhooks", `{"endpoint_url":"https://93.184.216.34/planted","topic":"planted"}`},
	{"POST /v1/organizations/{orgID}/webhook-endpoints", "webhook-endpoints", `{"url":"https://93.184.216.34/planted","event_types":["planted"]}`},
	{"POST /v1/webhook-endpoints", "webhook-endpoints", `{"name":"planted","url":"https://93.184.216.34/planted","events":["planted"]}`},
	{"POST /v1/events", "events", `{"type":"planted","data":{"planted":true}}`},
	{"POST /v1/replays", "replays", `{"endpoint_ids":["$endpoints"]}`},
	{"POST /webhooks/retry", "", `{}`},
	{"POST /v1/organizations", "", `{"name":"planted"}`},
	{"POST /v1/organizations/{org}/api-keys", "api-keys", `{"name":"planted"}`},
	{"POST /v1/organizations/{org}/oauth-clients", "oauth-clients", `{"name":"planted"}`},
	{"PUT /v1/organizations/{org}/connectors/stripe", "", `{"signing_secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}`},
}

// world is a server with something of org_acme of every kind.
type world struct {
	t      *testing.T
	client *http.Client
	api    *checked
	ledger *ledger.Ledger
	routes []route
	own    map[string]string     // the id of an object by its kind: the segment before it in paths
	others map[string]auth.Scope // what the credentials of org_other allow: two keys, and a token of an OAuth client
}

type route struct {
	*wire.Route
	dialect *wire.Dialect
}

func (r route) name() string { return r.Method + " " + r.Pattern }

// object reports whether the path names something besides an organization.
func (r route) object() bool {
	return strings.Contains(strings.Replace(r.Pattern, "{"+r.Tenant+"}", "", 1), "{")
}

func plant(t *testing.T) *world {
	e := apitest.Open(t)
	all := dialects(e)
	client := check(t, apitest.Serve(t, e, all...), description(t, all))
	w := &world{
		t: t, client: client, api: client.Transport.(*checked), ledger: e.Ledger(),
		own: map[string]string{"organizations": "org_acme", "orgs": "org_acme"},
	}
	for _, d := range all {
		for i := range d.Routes {
			if r := &d.Routes[i]; !r.Public {
				w.routes = append(w.routes, route{r, d})
			}
		}
	}
	for _, p := range plants {
		i := slices.IndexFunc(w.routes, func(r route) bool { return r.name() == p.route })
		if i < 0 {
			t.Fatalf("%s: there is no such route", p.route)
		}
		status, answer := w.call("root", w.routes[i].Method, w.path(w.routes[i], w.own), w.fill(p.body), "Hookwheel-Organization", "org_acme", "Idempotency-Key", planted)
		if status > 299 {
			t.Fatalf("%s: got %d %s, want it done", p.route, status, answer)
		}
		if id := idField.FindStringSubmatch(answer); id != nil && p.kind != "" {
			w.own[p.kind] = id[1]
		}
	}
	apitest.Settle(t, w.ledger)
	_, answer := w.call("acme", "GET", "/v1/deliveries?state=exhausted", "")
	w.own["deliveries"] = idField.FindStringSubmatch(answer)[1]
	w.others = map[string]auth.Scope{w.token(): auth.Ordinary, "other": auth.Ordinary | auth.SecretsRead, "boss": auth.Admin}
	return w
}

// token is one of an OAuth client of org_other.
func (w *world) token() string {
	_, client := w.call("root", "POST", "/v1/organizations/org_other/oauth-clients", `{"name":"other"}`)
	secret := secretField.FindStringSubmatch(client)
	if secret == nil {
		w.t.Fatalf("OAuth client: got %s, want one", client)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {idField.FindStringSubmatch(client)[1]}, "client_secret": {secret[1]}}
	_, answer := w.call("", "POST", "/oauth/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	token := tokenField.FindStringSubmatch(answer)
	if token == nil {
		w.t.Fatalf("token: got %s, want one", answer)
	}
	return token[1]
}

var (
	idField     = regexp.MustCompile(`"(?:id|client_id)":"([^"]+)"`)
	secretField = regexp.MustCompile(`"client_secret":"([^"]+)"`)
	tokenField  = regexp.MustCompile(`"access_token":"([^"]+)"`)
)

// call makes a request with a key, and with headers, names and values in turn.
// Every request has the same id, so that equal answers read alike.
func (w *world) call(key, method, path, body string, headers ...string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://x"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("X-Request-Id", "tenancy")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if response.Header.Get("Idempotent-Replayed") != "" {
		content = append(content, " replayed"...)
	}
	return response.StatusCode, string(content)
}

// fill puts ids in the place of kinds.
func (w *world) fill(text string) string {
	for kind, id := range w.own {
		text = strings.ReplaceAll(text, "$"+kind, id)
	}
	return text
}

// path fills the pattern of a route with ids by kind.
func (w *world) path(r route, ids map[string]string) string {
	segments := strings.Split(r.Pattern, "/")
	for i, segment := range segments {
		if !strings.HasPrefix(segment, "{") {
			continue
		}
		kind := strings.Split(r.Pattern, "/")[i-1]
		if ids[kind] == "" {
			w.t.Fatalf("%s: nothing of the kind %s is planted", r.name(), kind)
		}
		segments[i] = ids[kind]
	}
	return strings.Join(segments, "/")
}

// body is what the test sends to a route, in the name of whoever.
func (w *world) body(r route) string {
	for _, p := range plants {
		if p.route == r.name() {
			return strings.ReplaceAll(w.fill(p.body), planted, "another")
		}
	}
	if r.Method == "POST" && !r.object() && !r.OptionalKey {
		w.t.Errorf("%s makes something that is not planted", r.name())
	}
	return "{}"
}

// absent are ids of the same form that nothing has.
func (w *world) absent() map[string]string {
	ids := map[string]string{}
	for kind, id := range w.own {
		last := "0"
		if strings.HasSuffix(id, last) {
			last = "1"
		}
		ids[kind] = id[:len(id)-1] + last
	}
	return ids
}

// state is all that org_acme is and has: its partition of the ledger, and what
// is in another, as the operations show it that list it.
func (w *world) state() (sum [sha256.Size]byte, shown map[string]string) {
	w.t.Helper()
	sum, err := w.ledger.StateHash(w.ledger.PartitionOf("org_acme"))
	if err != nil {
		w.t.Fatal(err)
	}
	shown = map[string]string{}
	for _, r := range w.routes {
		if r.Method == "GET" && r.Tenant != "" {
			_, shown[r.Pattern] = w.call("root", "GET", w.path(r, w.own), "")
		}
	}
	return sum, shown
}
