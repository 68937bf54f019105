package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/openapi"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// The document is valid OpenAPI 3.1, its examples match its schemas, and every
// operation has what generators of clients need.
func TestOpenAPI(t *testing.T) {
	e := apitest.Open(t)
	text := description(t, dialects(e))
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	for path, item := range document.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s: got id %q, summary %q, tags %q, want one of each", method, path, op.OperationID, op.Summary, op.Tags)
			}
		}
	}
}

// description gets the document as clients do.
func description(t *testing.T, all []*wire.Dialect) []byte {
	t.Helper()
	own, err := openapi.Dialect("v0", all...)
	if err != nil {
		t.Fatal(err)
	}
	client := apitest.Serve(t, apitest.Open(t), own)
	response, err := client.Get("http://x/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET /openapi.json: got %d, %v", response.StatusCode, err)
	}
	return text
}

// checked is a client that compares what goes through it with the document. It
// is stricter than the document: no object may have a member that its schema
// does not name.
type checked struct {
	t       *testing.T
	next    http.RoundTripper
	paths   map[string]map[string]described // by pattern and method, in small letters
	shared  components
	schemas *schemas
}

// described is what the checks need of an operation.
type described struct {
	Parameters []reference[parameter] `json:"parameters"`
	Body       struct {
		Content content `json:"content"`
	} `json:"requestBody"`
	Responses map[string]reference[answer] `json:"responses"`
}

type content map[string]struct {
	Schema reference[any] `json:"schema"`
}

type parameter struct {
	Name   string         `json:"name"`
	In     string         `json:"in"`
	Schema map[string]any `json:"schema"`
}

type answer struct {
	Content content `json:"content"`
}

type components struct {
	Parameters map[string]parameter `json:"parameters"`
	Responses  map[string]answer    `json:"responses"`
}

// reference is something, or a reference to a component that is it.
type reference[T any] struct {
	Ref  string
	Here T
}

func (r *reference[T]) UnmarshalJSON(text []byte) error {
	var ref struct {
		Ref string `json:"$ref"`
	}
	err := json.Unmarshal(text, &ref)
	r.Ref = ref.Ref
	return errors.Join(err, json.Unmarshal(text, &r.Here))
}

// in finds what is referred to.
func (r reference[T]) in(all map[string]T) T {
	if r.Ref == "" {
		return r.Here
	}
	return all[r.Ref[strings.LastIndexByte(r.Ref, '/')+1:]]
}

// check returns the client with the checks in between.
func check(t *testing.T, client *http.Client, text []byte) *http.Client {
	t.Helper()
	var document struct {
		Paths      map[string]map[string]described `json:"paths"`
		Components components                      `json:"components"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: &checked{t: t, next: client.Transport, paths: document.Paths, shared: document.Components, schemas: newSchemas(t, text)}}
}

func (c *checked) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, errors.Join(err, response.Body.Close())
	}
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(answer))
	if err := c.exchange(request, body, response, answer); err != nil {
		c.t.Errorf("%s %s, answered with %d, and the OpenAPI document: %v", request.Method, request.URL.RequestURI(), response.StatusCode, err)
	}
	return response, nil
}

// exchange compares a request, unless it was refused, and its answer with their
// operation.
func (c *checked) exchange(request *http.Request, body []byte, response *http.Response, text []byte) error {
	path := request.URL.EscapedPath()
	pattern, op := c.find(request.Method, path)
	if pattern == "" && response.StatusCode != http.StatusNotFound {
		pattern, op = c.find(request.Method, strings.TrimSuffix(path, "/")) // a dialect may not mind
	}
	if pattern == "" {
		if response.StatusCode < http.StatusBadRequest {
			return errors.New("there is no such operation")
		}
		return nil
	}
	status, known := op.Responses[strconv.Itoa(response.StatusCode)]
	if !known {
		return errors.New("there is no such status")
	}
	var errs []error
	if err := c.body(status.in(c.shared.Responses).Content, response.Header.Get("Content-Type"), text); err != nil {
		errs = append(errs, fmt.Errorf("answer: %w", err))
	}
	if response.StatusCode < http.StatusMultipleChoices {
		if err := c.query(&op, request.URL.Query()); err != nil {
			errs = append(errs, err)
		}
		if len(body) > 0 && len(op.Body.Content) > 0 { // without either, it is ignored
			if err := c.body(op.Body.Content, request.Header.Get("Content-Type"), body); err != nil {
				errs = append(errs, fmt.Errorf("request: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// find finds the operation of a path and its pattern, "" if there is none, by the
// rules of the router: the more of the pattern is literal, the better.
func (c *checked) find(method, path string) (best string, op described) {
	segments := strings.Split(path, "/")
	most := -1
	for pattern, methods := range c.paths {
		literal := 0
		parts := strings.Split(pattern, "/")
		for i := 0; literal >= 0 && i < len(parts) && len(parts) == len(segments); i++ {
			switch {
			case parts[i] == segments[i]:
				literal++
			case !strings.HasPrefix(parts[i], "{") || segments[i] == "":
				literal = -len(parts)
			}
		}
		if found, has := methods[strings.ToLower(method)]; has && len(parts) == len(segments) && literal > most {
			best, op, most = pattern, found, literal
		}
	}
	return best, op
}

// query compares parameters as they were sent: as text, or as the number, the
// truth value or the list that the text is of.
func (c *checked) query(op *described, values url.Values) error {
	var errs []error
	for name, list := range values {
		base, _, _ := strings.Cut(name, "[")
		known := false
		for _, reference := range op.Parameters {
			p := reference.in(c.shared.Parameters)
			if known = p.In == "query" && (p.Name == name || p.Name == base); !known {
				continue
			}
			if p.Schema["type"] == "integer" {
				if _, err := strconv.Atoi(list[0]); err != nil {
					errs = append(errs, fmt.Errorf("parameter %s: %w", name, err))
				}
			}
			break
		}
		if !known {
			errs = append(errs, fmt.Errorf("there is no parameter %s", name))
		}
	}
	return errors.Join(errs...)
}

// body compares a body with the schema of its media type.
func (c *checked) body(content content, header string, text []byte) error {
	kind, _, err := mime.ParseMediaType(header)
	if header == "" && len(content) == 0 {
		if len(text) > 0 {
			return fmt.Errorf("got %d bytes, want none", len(text))
		}
		return nil
	}
	media, known := content[kind]
	if header == "" || !known && strings.HasSuffix(kind, "+json") {
		kind, err = "application/json", nil // what the server takes it for
		media, known = content[kind]
	}
	if err != nil || !known {
		return fmt.Errorf("got the media type %q, want one of the document's", header)
	}
	var value any = string(text)
	if strings.HasSuffix(kind, "json") && !strings.HasSuffix(kind, "ndjson") {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
			return err
		}
	}
	if kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return err
		}
		fields := map[string]any{}
		for name := range form {
			fields[name] = form.Get(name)
		}
		value = fields
	}
	return c.schemas.validate(media.Schema.Ref, value)
}

// schemas are those of the document, made strict.
type schemas struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

const documentURL = "http://x/openapi.json"

func newSchemas(t *testing.T, text []byte) *schemas {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(document)
	s := &schemas{compiler: jsonschema.NewCompiler()}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.AssertFormat()
	if err := s.compiler.AddResource(documentURL, document); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *schemas) validate(ref string, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	schema, err := s.compiler.Compile(documentURL + ref)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// closeObjects lets no object have members that its schema does not name.
func closeObjects(node any) {
	switch node := node.(type) {
	case []any:
		for _, member := range node {
			closeObjects(member)
		}
	case map[string]any:
		for _, member := range node {
			closeObjects(member)
		}
		_, isObject := node["properties"].(map[string]any)
		if _, open := node["additionalProperties"]; isObject && !open {
			node["additionalProperties"] = false
		}
	}
}
