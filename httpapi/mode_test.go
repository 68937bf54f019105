package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/auth"
)

// What a key of test mode makes says so, also in an organization that is live:
// every dialect's endpoints, their pings, and events.
func TestModeIsTheKeys(t *testing.T) {
	e := apitest.Open(t)
	key := ledger.Key{ID: "key_sandbox", Organization: "org_acme", Name: "sandbox", Hash: secret.Hash("sandbox"), Scopes: auth.Ordinary.Names()}
	if _, err := e.Ledger().Change(t.Context(), &ledger.Change{Key: &key}); err != nil {
		t.Fatal(err)
	}
	client := apitest.Serve(t, e, dialects(e)...)
	for path, body := range map[string]string{
		"/v1/endpoints": `{"url":"https://93.184.216.34/"}`,
		"/v1/organizations/org_acme/webhook-endpoints": `{"url":"https://93.184.216.34/"}`,
		"/v1/webhook-endpoints":                        `{"url":"https://93.184.216.34/","name":"Mine","events":["*"]}`,
		"/webhooks":                                    `{"endpoint_url":"https://93.184.216.34/","topic":"a.b"}`,
		"/v2/core/event_destinations":                  `{"name":"Mine","type":"webhook_endpoint","event_payload":"thin","enabled_events":["*"],"webhook_endpoint":{"url":"https://93.184.216.34/"}}`,
		"/v1/events":                                   `{"type":"a.b"}`,
	} {
		for key, mode := range map[string]string{"sandbox": "_test_", "acme": "_"} {
			var answer json.RawMessage
			apitest.Call(t, client, key, "POST", path, body, &answer)
			prefix := `"id":"ed` + mode + "0"
			if path == "/v1/events" {
				prefix = `"id":"evt` + mode + "0"
			}
			if !strings.Contains(string(answer), prefix) {
				t.Errorf("POST %s with key %s: got %s, want an id that begins with %s", path, key, answer, prefix)
			}
			if path != "/v2/core/event_destinations" {
				continue
			}
			var made, ping struct {
				ID       string `json:"id"`
				Livemode bool   `json:"livemode"`
			}
			if err := json.Unmarshal(answer, &made); err != nil {
				t.Fatal(err)
			}
			apitest.Call(t, client, key, "POST", path+"/"+made.ID+"/ping", "{}", &ping)
			if want := key == "acme"; made.Livemode != want || ping.Livemode != want {
				t.Errorf("livemode with key %s: got %v of the destination, %v of its ping, want %v", key, made.Livemode, ping.Livemode, want)
			}
		}
	}
}
