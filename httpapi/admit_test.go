package httpapi

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// tenantDialect has a route of every kind that names an organization.
func tenantDialect() *wire.Dialect {
	who := func(c *wire.Ctx) error { return c.Raw(200, []byte(c.Organization+" "+c.Principal.KeyID)) }
	return &wire.Dialect{
		Name: "tenant", Prefixes: []string{"/t"}, Render: plain("tenant"), OrganizationHeaders: []string{"Stripe-Context", "Stripe-Account"},
		Routes: []wire.Route{
			{Method: "POST", Pattern: "/t/plain", Scope: auth.EventsWrite, Handle: who},
			{Method: "POST", Pattern: "/t/of/{org}", Tenant: "org", Scope: auth.EventsWrite, Handle: who},
			{Method: "PUT", Pattern: "/t/of/{org}", Tenant: "org", Scope: auth.Admin, Handle: who},
			{Method: "POST", Pattern: "/t/open/{org}", Tenant: "org", OptionalKey: true, Scope: auth.EventsWrite, Handle: who},
			{Method: "POST", Pattern: "/t/thing", Contextual: true, Scope: auth.EventsWrite, Handle: who},
		},
	}
}

// G9: a key acts for its own organization and for no other, however a request
// names one.
func TestAdmit(t *testing.T) {
	h := start(t, func(o *Options) { o.Dialects = []*wire.Dialect{tenantDialect()} })
	const writer, reader, root = "Authorization: Bearer writer\r\n", "Authorization: Bearer reader\r\n", "Authorization: Bearer root\r\n"
	const stripe, account, own = "Stripe-Context: ", "Stripe-Account: ", "Hookwheel-Organization: "
	const forbidden, missing, unknown = "tenant 403 forbidden", "tenant 404 not_found", "tenant 401 unauthenticated"
	for _, test := range []struct{ request, headers, want string }{
		{"POST /t/plain", writer, "org_a key_writer"},
		{"POST /t/plain", writer + stripe + "org_a\r\n", "org_a key_writer"},
		{"POST /t/plain", writer + stripe + "org_b\r\n", forbidden},
		{"POST /t/plain", writer + account + "org_b\r\n", forbidden},
		{"POST /t/plain", writer + stripe + "org_a\r\n" + account + "org_b\r\n", forbidden},
		{"POST /t/plain", writer + own + "org_a\r\n" + account + "org_none\r\n", forbidden},
		{"POST /t/plain", root, "default key_root"},
		{"POST /t/plain", root + account + "org_b\r\n", "org_b key_root"},
		{"POST /t/plain", root + own + "org_b\r\n" + account + "org_b\r\n", "org_b key_root"},
		{"POST /t/plain", root + own + "org_a\r\n" + account + "org_b\r\n", forbidden},
		{"POST /t/plain", root + stripe + "org_none\r\n", missing},

		{"POST /t/of/org_a", writer, "org_a key_writer"},
		{"POST /t/of/org%5Fa", writer, "org_a key_writer"},
		{"POST /t/of/org_b", writer, forbidden},
		{"POST /t/of/org_none", writer, forbidden},
		{"POST /t/of/org_a", writer + own + "org_b\r\n", forbidden},
		{"POST /t/of/org_b", root, "org_b key_root"},
		{"POST /t/of/org_b", root + own + "org_a\r\n", "org_b key_root"},
		{"POST /t/of/org_none", root, missing},
		{"PUT /t/of/org_none", root, missing},
		{"PUT /t/of/org_a", writer, forbidden},
		{"POST /t/of/org_a", reader, forbidden},
		{"POST /t/of/org_a", "", unknown},

		{"POST /t/open/org_a", "", " "},
		{"POST /t/open/org_none", "", " "},
		{"POST /t/open/org_a", writer, "org_a key_writer"},
		{"POST /t/open/org_b", writer, unknown},
		{"POST /t/open/org_none", writer, unknown},
		{"POST /t/open/org_none", root, unknown},
		{"POST /t/open/org_b", root, "org_b key_root"},
		{"POST /t/open/org_a", "Authorization: Bearer nobody\r\n", unknown},
		{"POST /t/open/org_a", "Authorization: Digest x\r\n", unknown},
		{"POST /t/open/org_a", reader, forbidden},

		{"POST /t/thing", writer + stripe + "acct_1\r\n", "org_a key_writer"},
		{"POST /t/thing", writer + stripe + "org_b\r\n", "org_a key_writer"}, // nothing tells that there is an org_b
		{"POST /t/thing", writer + own + "org_a\r\n" + account + "acct_1\r\n", "org_a key_writer"},
		{"POST /t/thing", writer + own + "org_b\r\n" + account + "acct_1\r\n", forbidden},
		{"POST /t/thing", writer + own + "org_b\r\n", forbidden},
		{"POST /t/thing", root + stripe + "org_b\r\n", "org_b key_root"},
		{"POST /t/thing", root + stripe + "acct_1\r\n", "default key_root"},
		{"POST /t/thing", root + own + "org_none\r\n" + stripe + "org_b\r\n", missing},
		{"POST /t/thing", reader + stripe + "acct_1\r\n", forbidden},
		{"POST /t/thing", stripe + "acct_1\r\n", unknown},
	} {
		method, target, _ := strings.Cut(test.request, " ")
		if got := body(h.one(t, method, target, test.headers, "")); got != test.want {
			t.Errorf("%s with %q: got %q, want %q", test.request, test.headers, got, test.want)
		}
	}
}

// The shape of an error follows from the path alone, whichever dialect has the
// route.
func TestErrorShapeByPath(t *testing.T) {
	fail := func(c *wire.Ctx) error { return wire.NotFound("thing") }
	h := start(t, func(o *Options) {
		o.Dialects = []*wire.Dialect{
			{Name: "outer", Prefixes: []string{"/v"}, Render: plain("outer"), Routes: []wire.Route{
				{Method: "GET", Pattern: "/v/things", Public: true, Handle: fail},
				{Method: "GET", Pattern: "/v/inner/things", Public: true, Handle: fail},
			}},
			{Name: "inner", Prefixes: []string{"/v/inner"}, Render: plain("inner")},
		}
	})
	for target, want := range map[string]string{
		"/v/things": "outer 404 not_found", "/v/inner/things": "inner 404 not_found", "/v/inner/none": "inner 404 not_found",
	} {
		if got := body(h.one(t, "GET", target, "", "")); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	dialects := func(o *Options) {
		o.Dialects = []*wire.Dialect{{Name: "base", Render: plain("base"), Routes: []wire.Route{
			{Method: "GET", Pattern: "/base", Public: true, Handle: func(c *wire.Ctx) error { return c.Raw(200, []byte(c.BaseURL())) }},
		}}}
	}
	direct := start(t, dialects)
	proxied := start(t, func(o *Options) {
		dialects(o)
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for _, test := range []struct {
		server        *harness
		headers, want string
	}{
		{direct, "", "http://x"},
		{direct, "X-Forwarded-Proto: https\r\n", "http://x"}, // of a stranger
		{proxied, "X-Forwarded-Proto: https\r\n", "https://x"},
		{proxied, "X-Forwarded-Proto: HTTPS\r\n", "https://x"},
		{proxied, "X-Forwarded-Proto: javascript\r\n", "http://x"},
		{proxied, "", "http://x"},
	} {
		if got := body(test.server.one(t, "GET", "/base", test.headers, "")); got != test.want {
			t.Errorf("%q: got %q, want %q", test.headers, got, test.want)
		}
	}
	if got := body(direct.raw(t, "GET /base HTTP/1.0\r\n\r\n")[0]); got != "" {
		t.Errorf("without a host: got %q, want nothing", got)
	}
}
