package openapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// object is a JSON object of the document.
type object = map[string]any

// weaver puts the document together, one dialect after the other.
type weaver struct {
	dialects   []*wire.Dialect
	root       object
	paths      object
	components map[string]object // "schemas", "parameters", …
	tags       []any
	faults     []error
}

// weave returns the document of the dialects. All faults are reported at once.
func weave(version string, dialects []*wire.Dialect) ([]byte, error) {
	w := weaver{dialects: dialects, paths: object{}}
	if err := read("document.json", &w.root); err != nil {
		return nil, err
	}
	w.root["info"].(object)["version"] = version
	w.components = map[string]object{"schemas": {}, "parameters": {}, "responses": {}}
	for kind, members := range w.root["components"].(object) {
		w.components[kind] = members.(object)
	}
	fragments := make([]*fragment, len(dialects))
	for i, d := range dialects {
		fragments[i] = w.declare(d)
	}
	for i, d := range dialects {
		w.describe(d, fragments[i])
	}
	for _, schema := range w.components["schemas"] {
		requireAll(schema)
	}
	w.root["paths"], w.root["components"], w.root["tags"] = w.paths, w.components, w.tags
	if err := errors.Join(w.faults...); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return json.Marshal(w.root)
}

func (w *weaver) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Errorf(format, args...))
}

// component adds a member of the components, whose name must be new.
func (w *weaver) component(kind, name string, value any) {
	if _, taken := w.components[kind][name]; taken {
		w.fault("%s: %s stands in more than one fragment", kind, name)
	}
	w.components[kind][name] = value
}

// ref refers to a component, which must exist.
func (w *weaver) ref(kind, name string) object {
	if _, ok := w.components[kind][name]; !ok {
		w.fault("%s: there is no %s", kind, name)
	}
	return object{"$ref": "#/components/" + kind + "/" + name}
}

// declare reads what is said of a dialect and adds what others may refer to.
func (w *weaver) declare(d *wire.Dialect) *fragment {
	f, err := readFragment(d.Name)
	if err != nil {
		w.faults = append(w.faults, err)
		return &fragment{}
	}
	w.tags = append(w.tags, object{"name": f.Title, "description": f.Description})
	for name, schema := range f.Schemas {
		w.component("schemas", name, schema)
	}
	return f
}

// describe adds the operations of a dialect.
func (w *weaver) describe(d *wire.Dialect, f *fragment) {
	w.component("responses", errorOf(d), object{
		"description": "What was wrong.",
		"headers":     w.headers("X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"),
		"content":     object{f.ErrorType: object{"schema": w.ref("schemas", f.Error)}},
	})
	for i := range d.Routes {
		r := &d.Routes[i]
		name := r.Method + " " + r.Pattern
		op, ok := f.Operations[name]
		if !ok {
			w.fault("%s: nothing describes %s", d.Name, name)
			continue
		}
		delete(f.Operations, name)
		path, _ := w.paths[r.Pattern].(object)
		if path == nil {
			path = object{}
			w.paths[r.Pattern] = path
		}
		path[strings.ToLower(r.Method)] = w.operation(d, f, r, &op)
	}
	for name := range f.Operations {
		w.fault("%s: there is no route %s", d.Name, name)
	}
}

// errorOf names the response that a dialect's errors are.
func errorOf(d *wire.Dialect) string { return d.Name + "Error" }

func (w *weaver) operation(d *wire.Dialect, f *fragment, r *wire.Route, op *operation) object {
	made := object{
		"operationId": op.ID, "tags": []string{f.Title}, "summary": op.Summary,
		"parameters": w.parameters(d, f, r, op), "responses": w.responses(d, r, op),
		"security": security(r),
	}
	if op.Description != "" {
		made["description"] = op.Description
	}
	if len(op.Body) > 0 {
		content := object{}
		for kind, schema := range op.Body {
			body := object{"schema": w.ref("schemas", schema)}
			if op.Example != nil && kind == jsonType {
				body["example"] = op.Example
			}
			content[kind] = body
		}
		made["requestBody"] = object{"content": content, "required": !op.Optional}
	}
	return made
}

// parameters lists those of the path, those that the operation names, and those
// that follow from the route.
func (w *weaver) parameters(d *wire.Dialect, f *fragment, r *wire.Route, op *operation) []any {
	list := []any{}
	add := func(in, name string) {
		component := d.Name + "-" + name
		if _, known := w.components["parameters"][component]; !known {
			p, ok := f.Parameters[name]
			if !ok {
				w.fault("%s: nothing describes the parameter %s", d.Name, name)
			}
			p = maps.Clone(p)
			p["name"], p["in"] = name, in
			if in == "path" {
				p["required"] = true
			}
			w.component("parameters", component, p)
		}
		list = append(list, w.ref("parameters", component))
	}
	for segment := range strings.SplitSeq(r.Pattern, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			add("path", strings.TrimSuffix(name, "}"))
		}
	}
	for _, name := range r.Query {
		add("query", name)
	}
	for _, name := range op.Headers {
		add("header", name)
	}
	if r.Once {
		list = append(list, w.ref("parameters", "Idempotency-Key"))
	}
	if !r.Public && !r.OptionalKey && r.Tenant == "" {
		list = append(list, w.ref("parameters", "Hookwheel-Organization"))
		for _, name := range d.OrganizationHeaders {
			add("header", name)
		}
	}
	return list
}

func (w *weaver) responses(d *wire.Dialect, r *wire.Route, op *operation) object {
	made := object{}
	headers := []string{"X-Request-Id"}
	if !r.Unlimited {
		headers = append(headers, "RateLimit", "RateLimit-Policy")
	}
	if r.Once {
		headers = append(headers, "Idempotent-Replayed")
	}
	for status, schema := range op.Answers {
		answer := object{"description": http.StatusText(status), "headers": w.headers(headers...)}
		if schema != "" {
			kind := jsonType
			if op.Type != "" {
				kind = op.Type
			}
			answer["content"] = object{kind: object{"schema": w.ref("schemas", schema)}}
		}
		made[strconv.Itoa(status)] = answer
	}
	// An error looks as the path wants it, whoever handles the route.
	shape := errorOf(owner(w.dialects, r.Pattern))
	for _, status := range faults(d, r, op) {
		made[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + shape, "description": http.StatusText(status)}
	}
	return made
}

func (w *weaver) headers(names ...string) object {
	made := object{}
	for _, name := range names {
		made[name] = w.ref("headers", name)
	}
	return made
}

// owner is the dialect whose paths a pattern is among.
func owner(dialects []*wire.Dialect, pattern string) *wire.Dialect {
	return slices.MaxFunc(dialects, func(a, b *wire.Dialect) int { return a.Owns(pattern) - b.Owns(pattern) })
}

// faults are the statuses of an operation's errors: those that it names, and
// those that follow from what it is.
func faults(d *wire.Dialect, r *wire.Route, op *operation) []int {
	list := slices.Clone(op.Errors)
	if !r.Public {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, // an organization that there is not
			http.StatusInternalServerError, http.StatusServiceUnavailable)
	}
	if !r.Unlimited {
		list = append(list, http.StatusTooManyRequests)
	}
	if len(r.Query) > 0 || d.StrictQuery {
		list = append(list, http.StatusBadRequest)
	}
	if len(op.Body) > 0 {
		list = append(list, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.Once {
		list = append(list, http.StatusBadRequest,
			cmp.Or(d.Idempotency.InUse, wire.KeyInUse()).Status, cmp.Or(d.Idempotency.Reused, wire.KeyReused()).Status)
	}
	return list
}

// security says which credentials open a route: any of those listed.
func security(r *wire.Route) []any {
	if r.Public {
		return []any{}
	}
	scopes := r.Scope.Names()
	list := []any{object{"bearer": scopes}, object{"key": scopes}, object{"basic": scopes}, object{"oauth2": scopes}}
	if r.OptionalKey {
		list = append(list, object{}) // or none
	}
	return list
}

// requireAll makes every property of a schema's objects required, unless the
// schema says which are.
func requireAll(schema any) {
	switch schema := schema.(type) {
	case []any:
		for _, member := range schema {
			requireAll(member)
		}
	case object:
		for _, member := range schema {
			requireAll(member)
		}
		properties, _ := schema["properties"].(object)
		if _, given := schema["required"]; len(properties) > 0 && !given {
			schema["required"] = slices.Sorted(maps.Keys(properties))
		}
	}
}
