package openapi

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// backups is a dialect of which there is a fragment, with other routes.
func backups(routes ...wire.Route) *wire.Dialect {
	return &wire.Dialect{Name: "backups", Prefixes: []string{"/v1/backups"}, Render: wire.Problem, Routes: routes}
}

// A route and its description come and go together.
func TestWeaveFaults(t *testing.T) {
	for name, test := range map[string]struct {
		dialects []*wire.Dialect
		want     []string
	}{
		"no fragment":     {[]*wire.Dialect{{Name: "nobody"}}, []string{"nobody.json"}},
		"not described":   {[]*wire.Dialect{backups(wire.Route{Method: "GET", Pattern: "/v1/backups"})}, []string{"nothing describes GET /v1/backups"}},
		"without a route": {[]*wire.Dialect{backups()}, []string{"there is no route POST /v1/backups"}},
		"twice":           {[]*wire.Dialect{backups(), backups()}, []string{"schemas: Backup stands in more than one", "responses: backupsError stands in more than one"}},
		"without Problem": {[]*wire.Dialect{backups()}, []string{"schemas: there is no Problem"}},
	} {
		_, err := weave("v0", test.dialects)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q among the faults", name, err, want)
			}
		}
	}
}

// What a route table says stands in the document, whatever the fragment says.
func TestOperation(t *testing.T) {
	w := weaver{components: map[string]object{
		"schemas": {"New": object{}, "Made": object{}}, "headers": {}, "responses": {},
		"parameters": {"Idempotency-Key": object{}, "Hookwheel-Organization": object{}},
	}}
	d := &wire.Dialect{
		Name: "d", Prefixes: []string{"/d"}, OrganizationHeaders: []string{"Account"},
		Idempotency: wire.Idempotency{Reused: &wire.Error{Status: 409}},
	}
	w.dialects = []*wire.Dialect{d}
	f := &fragment{Title: "D", Parameters: map[string]map[string]any{"id": {}, "limit": {}, "Account": {}}}
	for _, name := range []string{"X-Request-Id", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed"} {
		w.components["headers"][name] = object{}
	}
	made := w.operation(d, f, &wire.Route{Method: "POST", Pattern: "/d/{id}", Scope: auth.EventsWrite | auth.EventsRead, Once: true, Query: []string{"limit"}}, &operation{
		ID: "make", Body: map[string]string{"application/json": "New"}, Optional: true, Answers: map[int]string{201: "Made", 204: ""}, Errors: []int{412},
	})
	if len(w.faults) > 0 {
		t.Fatal(w.faults)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"bearer":["events:write","events:read"]}`,
		`"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/New"}}},"required":false}`,
		`"parameters":[{"$ref":"#/components/parameters/d-id"},{"$ref":"#/components/parameters/d-limit"},{"$ref":"#/components/parameters/Idempotency-Key"},{"$ref":"#/components/parameters/Hookwheel-Organization"},{"$ref":"#/components/parameters/d-Account"}]`,
		`"412":{"$ref":"#/components/responses/dError","description":"Precondition Failed"}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("operation: got %s, want %s in it", text, want)
		}
	}
	var got []string
	for status := range made["responses"].(object) {
		got = append(got, status)
	}
	slices.Sort(got)
	if want := "201 204 400 401 403 404 409 412 413 415 429 500 503"; strings.Join(got, " ") != want {
		t.Errorf("statuses: got %v, want %s", got, want)
	}
	if p := w.components["parameters"]["d-id"].(object); p["in"] != "path" || p["required"] != true {
		t.Errorf("parameter of the path: got %v, want it required", p)
	}
}

// Every scope that a key can have is one that a client can ask a token for.
func TestScopes(t *testing.T) {
	var document struct {
		Components struct {
			SecuritySchemes struct {
				OAuth2 struct {
					Flows struct {
						ClientCredentials struct{ Scopes map[string]string }
					}
				}
			}
		}
	}
	text, err := files.ReadFile("document.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	scopes := document.Components.SecuritySchemes.OAuth2.Flows.ClientCredentials.Scopes
	all := (auth.Admin<<1 - 1).Names()
	for _, name := range all {
		if scopes[name] == "" {
			t.Errorf("scope %s: got no description, want one", name)
		}
	}
	if len(scopes) != len(all) {
		t.Errorf("scopes: got %d, want the %d that there are", len(scopes), len(all))
	}
}

func TestRequireAll(t *testing.T) {
	schema := object{
		"properties": object{
			"b": object{"properties": object{"c": object{}}, "required": []any{}},
			"a": object{"items": object{"properties": object{"d": object{}}}},
		},
	}
	requireAll(schema)
	got, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"properties":{"a":{"items":{"properties":{"d":{}},"required":["d"]}},"b":{"properties":{"c":{}},"required":[]}},"required":["a","b"]}`
	if string(got) != want {
		t.Errorf("requireAll: got %s, want %s", got, want)
	}
}
