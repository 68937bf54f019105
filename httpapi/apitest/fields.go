package apitest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fieldsFile lists what the document that a dialect follows shows of its wire, a
// line each, # beginning a comment:
//
//	request  <path>   a member of a request's body, such as webhook_endpoint.url
//	response <path>   a member of an answer, such as data[].id
//	query    <name>   a parameter; of include[0] and created[gte] what precedes the bracket
//	header   <name>   of a request or of an answer
//	status   <code>
const fieldsFile = "fields.txt"

// CheckFields fails for every line of a directory's list of fields that no
// script of the directory shows, and if there is no list.
func CheckFields(t *testing.T, dir string) {
	t.Helper()
	shown := shown{}
	for _, s := range steps(t, dir) {
		shown.step(&s)
	}
	file, err := os.Open(filepath.Join(dir, fieldsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case len(words) != 2:
			t.Errorf("%s:%d: got %q, want a kind and a name", file.Name(), n, line)
		case !shown.has(words[0], words[1]):
			t.Errorf("%s:%d: no script shows %s %s", file.Name(), n, words[0], words[1])
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// steps are those of all scripts of a directory.
func steps(t *testing.T, dir string) (all []step) {
	t.Helper()
	for _, path := range scripts(t, dir) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parse(t, string(text))...)
	}
	return all
}

// Answer is what a script says is answered to a request.
type Answer struct {
	Method, Path, Status string
	fields               shown
}

// Answers are those of all scripts of a directory.
func Answers(t *testing.T, dir string) (all []Answer) {
	t.Helper()
	for _, s := range steps(t, dir) {
		path, _, _ := strings.Cut(s.target, "?")
		a := Answer{Method: s.method, Path: path, Status: s.status, fields: shown{}}
		a.fields.body("response", s.answer)
		all = append(all, a)
	}
	return all
}

// Has reports whether the answer has a member, such as data[].id.
func (a *Answer) Has(member string) bool { return a.fields.has("response", member) }

// shown has every kind and name that scripts show.
type shown map[[2]string]bool

func (m shown) add(kind, name string) { m[[2]string{kind, name}] = true }

func (m shown) has(kind, name string) bool {
	if kind == "header" {
		name = http.CanonicalHeaderKey(name)
	}
	return m[[2]string{kind, name}]
}

func (m shown) step(s *step) {
	m.add("status", s.status)
	for _, h := range append(s.header, s.answerHeader...) {
		m.add("header", http.CanonicalHeaderKey(h[0]))
	}
	_, query, _ := strings.Cut(s.target, "?")
	values, _ := url.ParseQuery(query) // what cannot be read shows nothing
	for name := range values {
		name, _, _ = strings.Cut(name, "[")
		m.add("query", name)
	}
	m.body("request", s.body)
	m.body("response", s.answer)
}

// body adds the members of one or more JSON texts, or of a form. What is
// neither is a body that some script sends to be refused.
func (m shown) body(kind, text string) {
	var value any
	values := json.NewDecoder(strings.NewReader(text))
	for values.Decode(&value) == nil {
		m.value(kind, "", value)
		value = nil
	}
	if form, err := url.ParseQuery(strings.TrimSpace(text)); err == nil && !strings.ContainsAny(text, "{[") {
		for name := range form {
			m.add(kind, name)
		}
	}
}

func (m shown) value(kind, path string, value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			m.value(kind, path+"[]", element)
		}
	case map[string]any:
		for name, member := range value {
			m.value(kind, strings.TrimPrefix(path+"."+name, "."), member)
		}
	}
	if path != "" {
		m.add(kind, path)
	}
}
