package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// A query parameter of the native API that is unknown or given twice is refused
// by name before anything happens. Other dialects ignore what they do not know.
func TestUnknownQuery(t *testing.T) {
	w := plant(t)
	before, _ := w.state()
	for target, want := range map[string]string{
		"GET /v1/events?typ=planted":                     "typ: unknown; the query parameters of this operation are limit, after, before, type,",
		"GET /v1/events?limit=1&limit=2":                 "limit: given more than once",
		"GET /v1/events/" + w.own["events"] + "?limit=1": "limit: unknown; this operation has no query parameters",
		"GET /v1/events?" + strings.Repeat("x", 1000):    strings.Repeat("x", 64) + "…: unknown",
		"GET /v1/endpoints?%ff=1":                        "unknown",
		"POST /v1/endpoints?dry_run=true":                "dry_run: unknown",
		"POST /v1/events?onerror=stop":                   "onerror: unknown; the query parameters of this operation are on_error",
	} {
		method, path, _ := strings.Cut(target, " ")
		body := ""
		if method == "POST" {
			body = `{"url":"https://93.184.216.34/","type":"planted","data":{}}`
		}
		status, answer := w.call("acme", method, path, body)
		if status != http.StatusBadRequest || !strings.Contains(answer, want) || !strings.Contains(answer, `"invalid_parameter"`) {
			t.Errorf("%.80s: got %d %s, want 400 with %q", target, status, answer, want)
		}
	}
	if after, _ := w.state(); after != before {
		t.Error("something that was refused has changed the state")
	}
	for _, path := range []string{"/v1/webhook-endpoints?utm=1", "/webhooks?utm=1", "/v2/core/events?utm=1"} {
		if status, answer := w.ask("acme", "GET", path, ""); status != http.StatusOK {
			t.Errorf("GET %s: got %d %s, want 200", path, status, answer)
		}
	}
}
