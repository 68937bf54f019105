package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// planted stands in everything that the organization of this test owns.
const planted = "planted"

// caller makes requests with one key after the other.
type caller struct {
	t      *testing.T
	client *http.Client
}

func (c caller) call(key, method, path, body string) (int, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, "http://x"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// made calls for something to be made and returns a field of the answer.
func (c caller) made(path, body, field string) string {
	c.t.Helper()
	status, answer := c.call("acme", "POST", path, body)
	var fields map[string]any
	if err := json.Unmarshal([]byte(answer), &fields); err != nil || status > 299 {
		c.t.Fatalf("POST %s: got %d %s", path, status, answer)
	}
	return fields[field].(string)
}

// G9: every route of every dialect, with every kind of key that may not. What
// belongs to another organization is answered exactly like what does not exist,
// and shows nothing of it.
func TestTenancy(t *testing.T) {
	e := apitest.Open(t)
	all := dialects(e)
	c := caller{t, apitest.Serve(t, e, all...)}
	endpoint := c.made("/v1/endpoints", `{"url":"https://93.184.216.34/hooks/planted","name":"planted","event_types":["planted"]}`, "id")
	event := c.made("/v1/events", `{"type":"planted","data":{"planted":true}}`, "id")
	test := c.made("/v1/endpoints/"+endpoint+"/test", `{"type":"planted"}`, "delivery_id")
	own := map[string]string{"endpoints": endpoint, "events": event, "deliveries": test, "organizations": "key_acme"}
	absent := map[string]string{
		"endpoints": "ed_01JZZZZZZZZZZZZZZZZZZZZZZZ", "events": "evt_01JZZZZZZZZZZZZZZZZZZZZZZZ",
		"deliveries": "dlv_" + strings.Repeat("0", 39), "organizations": "key_none",
	}
	// path fills a pattern in with the ids of one of the maps.
	path := func(pattern string, ids map[string]string) string {
		kind := strings.Split(pattern, "/")[2]
		return strings.NewReplacer("{id}", ids[kind], "{org}", "org_acme", "{orgId}", "org_acme", "{orgID}", "org_acme").Replace(pattern)
	}
	for _, d := range all {
		for _, r := range d.Routes {
			name, target := r.Method+" "+r.Pattern, path(r.Pattern, own)
			for _, key := range []string{"", "nobody", "expired", "revoked"} {
				if status, _ := c.call(key, r.Method, target, "{}"); status != 401 && !(key == "" && r.OptionalKey) {
					t.Errorf("%s with key %q: got %d, want 401", name, key, status)
				}
			}
			if status, _ := c.call("bare", r.Method, target, "{}"); status != 403 && r.Scope != 0 {
				t.Errorf("%s without its scope: got %d, want 403", name, status)
			}
			status, answer := c.call("other", r.Method, target, "{}")
			if strings.Contains(answer, planted) {
				t.Errorf("%s by another organization: shows %s", name, answer)
			}
			checkForeign(t, c, r, status, path(r.Pattern, absent))
		}
	}
	// Nothing of all that changed anything.
	if status, answer := c.call("acme", "GET", "/v1/endpoints/"+endpoint, ""); status != 200 || !strings.Contains(answer, `"state":"enabled"`) {
		t.Errorf("afterwards: got %d %s, want it untouched", status, answer)
	}
}

// checkForeign compares what another organization was told about an object with
// what it is told about one that does not exist.
func checkForeign(t *testing.T, c caller, r wire.Route, status int, absent string) {
	t.Helper()
	switch {
	case r.Scope == auth.Admin, r.Tenant != "" && !r.OptionalKey:
		if status != 403 {
			t.Errorf("%s %s by another organization: got %d, want 403", r.Method, r.Pattern, status)
		}
	case strings.Contains(r.Pattern, "{id}"):
		if want, _ := c.call("other", r.Method, absent, "{}"); status != 404 || want != 404 {
			t.Errorf("%s %s: got %d for another's object and %d for none, want 404", r.Method, r.Pattern, status, want)
		}
	}
}
