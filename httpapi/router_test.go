package httpapi

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

func testRouter(t testing.TB, dialects ...*wire.Dialect) *router {
	t.Helper()
	r, err := newRouter(dialects, anyRoute, func(*wire.Route) *routeStats { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func routes(list ...string) []wire.Route {
	var all []wire.Route
	for _, text := range list {
		method, pattern, _ := strings.Cut(text, " ")
		all = append(all, wire.Route{Method: method, Pattern: pattern})
	}
	return all
}

var (
	strictDialect = &wire.Dialect{Name: "strict", Prefixes: []string{"/v1", "/webhooks"}, Routes: routes(
		"GET /v1/endpoints", "POST /v1/endpoints",
		"GET /v1/endpoints/{id}", "DELETE /v1/endpoints/{id}", "PATCH /v1/endpoints/{id}",
		"GET /v1/endpoints/{id}/deliveries", "GET /v1/endpoints/search/{term}/now",
		"GET /webhooks/events", "DELETE /webhooks/{subscription}",
		"GET /v1/organizations/{org}/webhook-endpoints/{id}",
	)}
	slashDialect = &wire.Dialect{Name: "slash", Prefixes: []string{"/v1/webhook-endpoints"}, Slash: true, Routes: routes(
		"GET /v1/webhook-endpoints", "PUT /v1/webhook-endpoints/{id}",
	)}
)

func TestRoute(t *testing.T) {
	r := testRouter(t, strictDialect, slashDialect)
	for _, test := range []struct {
		method, path, want string // pattern, or status
		params             []string
	}{
		{"GET", "/v1/endpoints", "/v1/endpoints", nil},
		{"HEAD", "/v1/endpoints", "/v1/endpoints", nil},
		{"GET", "/v1/%65ndpoints", "/v1/endpoints", nil},
		{"GET", "/v1/endpoints/ed_1", "/v1/endpoints/{id}", []string{"ed_1"}},
		{"GET", "/v1/endpoints/a%2Fb", "/v1/endpoints/{id}", []string{"a/b"}},
		{"GET", "/v1/endpoints/a%2fdeliveries", "/v1/endpoints/{id}", []string{"a/deliveries"}},
		{"GET", "/v1/endpoints/a+b", "/v1/endpoints/{id}", []string{"a+b"}},
		{"GET", "/v1/endpoints/%2E%2E", "/v1/endpoints/{id}", []string{".."}},
		{"GET", "/v1/organizations/org%2F1/webhook-endpoints/ed_2", "/v1/organizations/{org}/webhook-endpoints/{id}", []string{"org/1", "ed_2"}},
		// A literal wins, but not if it leads nowhere.
		{"GET", "/v1/endpoints/search/x/now", "/v1/endpoints/search/{term}/now", []string{"x"}},
		{"GET", "/v1/endpoints/search/deliveries", "/v1/endpoints/{id}/deliveries", []string{"search"}},
		{"GET", "/v1/endpoints/search", "/v1/endpoints/{id}", []string{"search"}},
		{"GET", "/webhooks/events", "/webhooks/events", nil},
		{"DELETE", "/webhooks/wh_1", "/webhooks/{subscription}", []string{"wh_1"}},
		// Trailing slashes.
		{"GET", "/v1/webhook-endpoints/", "/v1/webhook-endpoints", nil},
		{"PUT", "/v1/webhook-endpoints/x/", "/v1/webhook-endpoints/{id}", []string{"x"}},
		{"PUT", "/v1/webhook-endpoints/x//", "404", nil},
		{"GET", "/v1/endpoints/", "404", nil},
		// Nothing is normalised.
		{"GET", "/v1//endpoints", "404", nil},
		{"GET", "/v1/x/../endpoints", "404", nil},
		{"GET", "/V1/endpoints", "404", nil},
		{"GET", "/v1/endpoints/%zz", "404", nil},
		{"GET", "/v1/endpoints/%", "404", nil},
		{"GET", "v1/endpoints", "404", nil},
		{"GET", "*", "404", nil},
		{"GET", "", "404", nil},
		{"GET", "/", "404", nil},
		{"GET", "/v1", "404", nil},
		{"GET", "/v1/endpoints/a/b/c/d", "404", nil},
		{"GET", strings.Repeat("/a", 5000), "404", nil},
		{"PUT", "/v1/endpoints", "405 GET, HEAD, POST", nil},
		{"get", "/v1/endpoints", "405 GET, HEAD, POST", nil},
		{"HEAD", "/webhooks/x", "405 DELETE", nil},
		{"DELETE", "/webhooks/events", "405 GET, HEAD", nil},
	} {
		e, params, err := r.route(test.method, test.path, nil)
		var got string
		switch {
		case err == nil:
			got = e.route.Pattern
		case err.Status == 405:
			got = "405 " + err.Headers[0].Value
		default:
			got = "404"
		}
		if got != test.want || !slices.Equal(params, test.params) {
			t.Errorf("%s %.60s: got %s %q, want %s %q", test.method, test.path, got, params, test.want, test.params)
		}
	}
}

func TestDialectOf(t *testing.T) {
	r := testRouter(t, strictDialect, slashDialect)
	for path, want := range map[string]string{
		"/v1/endpoints":           "strict",
		"/v1/nothing":             "strict",
		"/v1/webhook-endpoints":   "slash",
		"/v1/webhook-endpoints/x": "slash",
		"/v1/webhook-endpointsx":  "strict",
		"/elsewhere":              "none",
		"":                        "none",
	} {
		if got := r.dialectOf(path).Name; got != want {
			t.Errorf("dialectOf(%q): got %s, want %s", path, got, want)
		}
	}
}

func TestBadRoutes(t *testing.T) {
	for name, list := range map[string][]wire.Route{
		"twice":               routes("GET /a/{x}", "GET /a/{y}"),
		"no slash":            routes("GET a"),
		"too many parameters": routes("GET /{a}/{b}/{c}/{d}/{e}"),
		"no tenant":           {{Method: "GET", Pattern: "/a/{x}", Tenant: "org"}},
		"too many segments":   routes("GET " + strings.Repeat("/a", maxSegments+1)),
	} {
		if _, err := newRouter([]*wire.Dialect{{Routes: list}}, anyRoute, func(*wire.Route) *routeStats { return nil }); err == nil {
			t.Errorf("%s: got a router, want an error", name)
		}
	}
}

// The tree finds what a naive comparison with every pattern finds. Where the
// naive search finds several, the one with the leftmost literals must win.
func FuzzRoute(f *testing.F) {
	r := testRouter(f, strictDialect)
	f.Add("GET", "/v1/endpoints/search/x/now")
	f.Add("GET", "/v1/endpoints/a%2Fb/deliveries")
	f.Add("DELETE", "/webhooks/events")
	f.Add("POST", "//v1/../%zz")
	f.Fuzz(func(t *testing.T, method, path string) {
		want, wantParams := naiveRoute(method, path)
		e, params, err := r.route(method, path, nil)
		got := ""
		if err == nil {
			got = e.route.Method + " " + e.route.Pattern
		}
		if got != want || !slices.Equal(params, wantParams) {
			t.Errorf("%q %q: got %q %q, want %q %q", method, path, got, params, want, wantParams)
		}
	})
}

func naiveRoute(method, path string) (best string, bestParams []string) {
	if method == "HEAD" {
		method = "GET" // no route of the fuzz target is declared for HEAD
	}
	segments := strings.Split(path, "/")
	bestShape := ""
	for _, route := range strictDialect.Routes {
		pattern := strings.Split(route.Pattern, "/")
		if len(pattern) != len(segments) || segments[0] != "" {
			continue
		}
		shape, params, ok := "", []string(nil), true
		for i := 1; i < len(pattern); i++ {
			value, err := url.PathUnescape(segments[i])
			switch _, isParam := parameter(pattern[i]); {
			case err != nil || value == "" && isParam:
				ok = false
			case isParam:
				shape, params = shape+"1", append(params, value)
			default:
				shape, ok = shape+"0", ok && value == pattern[i]
			}
		}
		// The best shape of any method: a literal without this method is a 405.
		if ok && (bestShape == "" || shape < bestShape) {
			best, bestParams, bestShape = "", nil, shape
		}
		if ok && shape == bestShape && route.Method == method {
			best, bestParams = route.Method+" "+route.Pattern, params
		}
	}
	return best, bestParams
}

func BenchmarkRoute(b *testing.B) {
	r := testRouter(b, strictDialect, slashDialect)
	b.ReportAllocs()
	for b.Loop() {
		var buffer [wire.MaxParams]string
		if _, _, err := r.route("GET", "/v1/organizations/org_1/webhook-endpoints/ed_1", buffer[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
