package command

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Each verb makes the call that the contract names.
func TestVerbsCall(t *testing.T) {
	for _, test := range []struct {
		args, answer        string
		method, path, query string
		body                string // "" = none
		out                 string
	}{
		{"endpoint create https://x", `{"id":"ed_1","secret":"whsec_s"}`, "POST", "/v1/endpoints", "", `{"url":"https://x"}`, "secret  whsec_s"},
		{"endpoint create --types a,b.* --attempt-timeout 5s --retry-schedule 150ms,1d --rate-limit 10 --rate-burst 3 --header X-A:1,2 --metadata k=v=w --disable-after 0 --ordering fifo https://x",
			`{"id":"ed_1"}`, "POST", "/v1/endpoints", "",
			`{"url":"https://x","event_types":["a","b.*"],"timeout_ms":5000,"retry_schedule":[150,86400000],"rate_limit":{"per_second":10,"burst":3},"headers":[{"name":"X-A","value":"1,2"}],"metadata":{"k":"v=w"},"disable_after":0,"ordering":"fifo"}`, "ed_1"},
		{"endpoint create --kind eventbridge --aws-account 123456789012 --aws-region eu-central-1 --format thin", `{"id":"ed_1"}`, "POST", "/v1/endpoints", "",
			`{"kind":"eventbridge","eventbridge":{"aws_account_id":"123456789012","aws_region":"eu-central-1"},"payload_format":"thin"}`, "ed_1"},
		{"endpoint get ed_1", `{"id":"ed_1"}`, "GET", "/v1/endpoints/ed_1", "", "", "id  ed_1"},
		{"endpoint get --json ../x%", `{"id":1}`, "GET", "/v1/endpoints/..%2Fx%25", "", "", "{\"id\":1}\n"},
		{"endpoint update --name n --max-attempts 0 --unset description,edition_id ed_1", `{}`, "PATCH", "/v1/endpoints/ed_1", "",
			`{"name":"n","max_attempts":null,"description":null,"edition_id":null}`, ""},
		{"endpoint update --rate-limit 5 ed_1", `{}`, "PATCH", "/v1/endpoints/ed_1", "", `{"rate_limit":{"per_second":5}}`, ""},
		{"endpoint update --rate-burst 3 ed_1", `{}`, "PATCH", "/v1/endpoints/ed_1", "", `{"rate_limit":{"burst":3}}`, ""},
		{"endpoint update --rate-limit 0 ed_1", `{}`, "PATCH", "/v1/endpoints/ed_1", "", `{"rate_limit":null}`, ""},
		{"endpoint create --rate-limit 0 https://x", `{}`, "POST", "/v1/endpoints", "", `{"url":"https://x"}`, ""},
		{"endpoint enable ed_1", `{}`, "POST", "/v1/endpoints/ed_1/enable", "", "", "enabled ed_1\n"},
		{"endpoint disable ed_1", `{}`, "POST", "/v1/endpoints/ed_1/disable", "", "", "disabled ed_1\n"},
		{"endpoint pause ed_1", `{}`, "POST", "/v1/endpoints/ed_1/pause", "", "", "paused ed_1\n"},
		{"endpoint resume ed_1", `{}`, "POST", "/v1/endpoints/ed_1/resume", "", "", "resumed ed_1\n"},
		{"endpoint delete ed_1", ``, "DELETE", "/v1/endpoints/ed_1", "", "", "deleted ed_1\n"},
		{"endpoint delete --json ed_1", ``, "DELETE", "/v1/endpoints/ed_1", "", "", "{}\n"},
		{"endpoint rotate --grace 1h ed_1", `{"secret":"whsec_n"}`, "POST", "/v1/endpoints/ed_1/rotate-secret", "", `{"grace_seconds":3600}`, "whsec_n\n"},
		{"endpoint rotate --secret s ed_1", `{"secret":"s"}`, "POST", "/v1/endpoints/ed_1/rotate-secret", "", `{"grace_seconds":86400,"secret":"s"}`, "s\n"},
		{"endpoint test --type t --data [1] ed_1", `{"event_id":"evt_1","delivery_id":"dlv_1"}`, "POST", "/v1/endpoints/ed_1/test", "", `{"type":"t","data":[1]}`, "hookwheel delivery get dlv_1"},
		{"endpoint list", `{"data":[{"id":"ed_1","state":"enabled","url":"https://x"}],"next_cursor":null}`, "GET", "/v1/endpoints", "limit=100", "", "ed_1  -     enabled  -       -      https://x"},
		{"event list --type t --source api --endpoint ed_1 --since 2026-01-01T00:00:00Z --until 2026-01-02T00:00:00Z --limit 7", `{"data":[]}`, "GET", "/v1/events",
			"created_after=2026-01-01T00%3A00%3A00.000Z&created_before=2026-01-02T00%3A00%3A00.000Z&endpoint_id=ed_1&limit=7&source=api&type=t", "", "(none)"},
		{"event get evt_1", `{"id":"evt_1"}`, "GET", "/v1/events/evt_1", "", "", "evt_1"},
		{"event explain --endpoint ed_1 evt_1", `{"data":[{"endpoint_id":"ed_1","owed":false,"reason":"type"}]}`, "GET", "/v1/events/evt_1/explain", "endpoint_id=ed_1", "", "ed_1      false  type"},
		{"delivery list --state failed --event evt_1", `{"data":[{"id":"dlv_1","state":"failed"}]}`, "GET", "/v1/deliveries", "event_id=evt_1&limit=100&state=failed", "", "dlv_1"},
		{"delivery get --json dlv_1", `{"id":"dlv_1"}`, "GET", "/v1/deliveries/dlv_1", "", "", `{"id":"dlv_1"}`},
		{"delivery retry dlv_1", `{}`, "POST", "/v1/deliveries/dlv_1/retry", "", "", "put back in line dlv_1"},
		{"delivery cancel dlv_1", `{}`, "POST", "/v1/deliveries/dlv_1/cancel", "", "", "canceled dlv_1"},
		{"event replay --endpoints ed_1,ed_2 evt_1", `{"deliveries":[{"id":"dlv_1","endpoint_id":"ed_1","state":"pending"}],"waiting":[]}`, "POST", "/v1/events/evt_1/replay", "",
			`{"endpoint_ids":["ed_1","ed_2"]}`, "dlv_1     ed_1      pending"},
		{"replay create", `{"id":"rpl_1","matched":3}`, "POST", "/v1/replays", "", `{}`, "rpl_1"},
		{"replay create --endpoints ed_1 --states failed,canceled --types a.* --since 2026-01-01T00:00:00Z --until 2026-01-02T00:00:00Z --rate 0.5 --dry-run", `{"id":null,"matched":3}`, "POST", "/v1/replays", "",
			`{"endpoint_ids":["ed_1"],"states":["failed","canceled"],"types":["a.*"],"from":"2026-01-01T00:00:00.000Z","to":"2026-01-02T00:00:00.000Z","rate_per_second":0.5,"dry_run":true}`, "matched  3"},
		{"replay list", `{"data":[{"id":"rpl_1","state":"done","matched":3,"replayed":3}]}`, "GET", "/v1/replays", "limit=100", "", "rpl_1  done   3        3"},
		{"replay get rpl_1", `{"id":"rpl_1"}`, "GET", "/v1/replays/rpl_1", "", "", "rpl_1"},
		{"replay cancel rpl_1", `{}`, "POST", "/v1/replays/rpl_1/cancel", "", "", "canceled rpl_1\n"},
		{"key create --scopes events:write,events:read ci", `{"api_key":{},"plaintext_api_key":"hw_live_p"}`, "POST", "/v1/organizations/default/api-keys", "",
			`{"name":"ci","scopes":["events:write","events:read"]}`, "hw_live_p\n"},
		{"key list --organization org_1", `{"api_keys":[{"id":"key_1","is_active":true}]}`, "GET", "/v1/organizations/org_1/api-keys", "", "", "key_1"},
		{"key revoke key_1", `{"revoked":true}`, "DELETE", "/v1/organizations/default/api-keys/key_1", "", "", "revoked key_1"},
		{"client create --scopes webhooks:read portal", `{"client_id":"client_1","client_secret":"hw_secret_s"}`, "POST", "/v1/organizations/default/oauth-clients", "",
			`{"name":"portal","scopes":["webhooks:read"]}`, "hw_secret_s\n"},
		{"client list --organization org_1", `{"data":[{"client_id":"client_1","name":"portal"}]}`, "GET", "/v1/organizations/org_1/oauth-clients", "limit=100", "", "client_1  portal"},
		{"client delete client_1", ``, "DELETE", "/v1/organizations/default/oauth-clients/client_1", "", "", "deleted client_1\n"},
		{"organization create --test acme", `{"id":"org_1"}`, "POST", "/v1/organizations", "", `{"name":"acme","livemode":false}`, "org_1"},
		{"organization list", `{"data":[{"id":"org_1"}]}`, "GET", "/v1/organizations", "limit=100", "", "org_1"},
		{"organization get org_1", `{"id":"org_1"}`, "GET", "/v1/organizations/org_1", "", "", "org_1"},
		{"organization delete --yes org_1", `{}`, "DELETE", "/v1/organizations/org_1", "", "", "deleted org_1"},
		{"connector set --signing-secrets whsec_a,whsec_b", `{"enabled":true,"signing_secrets":[]}`, "PUT", "/v1/organizations/default/connectors/stripe", "",
			`{"signing_secrets":["whsec_a","whsec_b"]}`, "enabled  true\n"},
		{"connector set --disable --json", `{"enabled":false}`, "PUT", "/v1/organizations/default/connectors/stripe", "", `{"enabled":false}`, "{\"enabled\":false}\n"},
		{"connector set --disable=false", `{"enabled":true}`, "PUT", "/v1/organizations/default/connectors/stripe", "", `{"enabled":true}`, "enabled  true\n"},
		{"connector get --organization org_1", `{"enabled":true,"signing_secrets":[{"id":"sec_1","last4":"abcd"}]}`, "GET", "/v1/organizations/org_1/connectors/stripe", "", "", "sec_1"},
		{"connector delete", ``, "DELETE", "/v1/organizations/default/connectors/stripe", "", "", "deleted the connector of default\n"},
		{"stats", `{"events":{"accepted":3},"empty":{}}`, "GET", "/v1/stats", "", "", "events.accepted  3\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			a := serveAPI(t, func(request, int) (int, string) { return 200, test.answer })
			runCommand(t, "", strings.Fields(test.args)...).want(t, exitDone, test.out, "")
			r := a.only(t)
			if r.method != test.method || r.path != test.path || r.query != test.query {
				t.Errorf("call: got %s %s?%s, want %s %s?%s", r.method, r.path, r.query, test.method, test.path, test.query)
			}
			if !sameJSON(r.body, test.body) {
				t.Errorf("body: got %s, want %s", r.body, test.body)
			}
			if repeatable := r.method == "POST" || r.method == "DELETE"; repeatable != (r.header.Get("Idempotency-Key") != "") {
				t.Errorf("Idempotency-Key: got %q", r.header.Get("Idempotency-Key"))
			}
		})
	}
}

func sameJSON(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func TestVerbsStopAtTheFirstThatFails(t *testing.T) {
	a := serveAPI(t, func(r request, _ int) (int, string) {
		if strings.Contains(r.path, "dlv_2") {
			return 409, `{"title":"Conflict","detail":"it has succeeded"}`
		}
		return 202, "{}"
	})
	runCommand(t, "", "delivery", "retry", "dlv_1", "dlv_2", "dlv_3").want(t, exitFailed, "put back in line dlv_1\n", "dlv_2: conflict (409): it has succeeded")
	if len(a.requests) != 2 {
		t.Errorf("requests: got %d, want 2", len(a.requests))
	}
}

func TestListFollowsPages(t *testing.T) {
	const total = 1234
	a := serveAPI(t, func(r request, _ int) (int, string) {
		q, _ := url.ParseQuery(r.query)
		var from, limit int
		fmt.Sscan(q.Get("after"), &from)
		fmt.Sscan(q.Get("limit"), &limit)
		var rows []string
		for i := from; i < min(from+limit, total); i++ {
			rows = append(rows, fmt.Sprintf(`{"id":"evt_%d"}`, i))
		}
		next := "null"
		if from+limit < total {
			next = fmt.Sprintf("%q", fmt.Sprint(from+limit))
		}
		return 200, fmt.Sprintf(`{"data":[%s],"next_cursor":%s}`, strings.Join(rows, ","), next)
	})
	for _, test := range []struct {
		limit          string
		rows, requests int
	}{{"0", total, 3}, {"600", 600, 2}, {"500", 500, 1}, {"1", 1, 1}, {"5000", total, 3}} {
		a.requests = nil
		r := runCommand(t, "", "event", "list", "--json", "--limit", test.limit)
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		if len(lines) != test.rows || len(a.requests) != test.requests {
			t.Errorf("--limit %s: got %d rows in %d requests, want %d in %d", test.limit, len(lines), len(a.requests), test.rows, test.requests)
		}
		if want := fmt.Sprintf(`{"id":"evt_%d"}`, test.rows-1); lines[len(lines)-1] != want {
			t.Errorf("--limit %s: last row: got %s, want %s", test.limit, lines[len(lines)-1], want)
		}
		if told := strings.Contains(r.errors, "more than these "+test.limit); told != (test.rows < total) {
			t.Errorf("--limit %s: got %q on standard error", test.limit, r.errors)
		}
	}
}

func TestDeliveryGetShowsAttempts(t *testing.T) {
	serveAPI(t, func(r request, _ int) (int, string) {
		if strings.HasSuffix(r.path, "/attempts") && r.query == "" {
			return 200, `{"data":[{"n":1,"status":500,"error_class":"http_5xx","response_snippet":"oops\u001b[2J"}]}`
		}
		return 200, `{"id":"dlv_1","state":"retrying"}`
	})
	r := runCommand(t, "", "delivery", "get", "dlv_1")
	r.want(t, exitDone, "state  retrying", "")
	r.want(t, exitDone, "http_5xx  oops\uFFFD[2J", "")
}

func TestKeyExpires(t *testing.T) {
	a := serveAPI(t, func(request, int) (int, string) { return 201, `{"plaintext_api_key":"k"}` })
	before := time.Now()
	runCommand(t, "", "key", "create", "--scopes", "admin", "--expires", "1d", "ci").want(t, exitDone, "k\n", "not shown again")
	var body struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(a.only(t).body), &body); err != nil {
		t.Fatal(err)
	}
	if got := body.ExpiresAt.Sub(before); got < day-time.Minute || got > day+time.Minute {
		t.Errorf("expires_at: got %v from now, want about a day", got)
	}
}
