package httpapi_test

import (
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi/apitest"
)

// Some script shows each operation of the OpenAPI document with each answer that
// is no error, and each member of a schema in one of the answers that have it.
func TestScriptsShowEveryAnswer(t *testing.T) {
	e := apitest.Open(t)
	all := dialects(e)
	text := description(t, all)
	api := check(t, apitest.Serve(t, e, all...), text).Transport.(*checked)
	var document struct {
		Components struct {
			Schemas members `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	shown := map[string][]apitest.Answer{} // by method, pattern and status
	for _, dialect := range dialectDirs(t) {
		for _, a := range apitest.Answers(t, filepath.Join(scripts, dialect)) {
			pattern, _ := api.find(a.Method, strings.TrimSuffix(a.Path, "/"))
			name := a.Method + " " + pattern + " " + a.Status
			shown[name] = append(shown[name], a)
		}
	}
	delete(api.paths, "/openapi.json") // TestOpenAPI gets it
	missing, seen := map[string]bool{}, map[string]bool{}
	for pattern, methods := range api.paths {
		for method, op := range methods {
			for status, answer := range op.Responses {
				name := strings.ToUpper(method) + " " + pattern + " " + status
				if status[0] != '2' {
					continue
				}
				if shown[name] == nil {
					t.Errorf("%s: no script shows it", name)
				}
				document.Components.Schemas.walk(answer.Here.Content["application/json"].Schema.Ref, func(member, at string) {
					if slices.ContainsFunc(shown[name], func(a apitest.Answer) bool { return a.Has(at) }) {
						seen[member] = true
					} else {
						missing[member] = true
					}
				})
			}
		}
	}
	for member := range missing {
		if !seen[member] {
			t.Errorf("%s: no script shows it", member)
		}
	}
}

// members are the schemas of the document by name.
type members map[string]any

// walk visits what values of a schema can have inside: the member's name, which
// begins with that of its schema, and where in the value it is, such as
// Endpoint.url and data[].url.
func (m members) walk(ref string, visit func(member, at string)) {
	if ref != "" {
		m.in(map[string]any{"$ref": ref}, "", "", visit)
	}
}

func (m members) in(schema any, name, at string, visit func(member, at string)) {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		name = path.Base(ref)
		s, _ = m[name].(map[string]any)
	}
	alternatives, _ := s["oneOf"].([]any)
	for _, one := range alternatives {
		m.in(one, name, at, visit)
	}
	if items, ok := s["items"]; ok {
		m.in(items, name+"[]", at+"[]", visit)
	}
	properties, _ := s["properties"].(map[string]any)
	for property, schema := range properties {
		member, here := name+"."+property, strings.TrimPrefix(at+"."+property, ".")
		visit(member, here)
		m.in(schema, member, here, visit)
	}
}
