package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// object is one JSON object of an answer, its fields in the server's order.
// Verbs pick the fields they need by name and show all others as they are, so
// a field that a newer server adds is not lost on the way to the screen.
type object struct {
	raw    json.RawMessage
	names  []string
	fields map[string]json.RawMessage
}

// parseObject reads an object; an empty text is one without fields.
func parseObject(text []byte) (object, error) {
	o := object{raw: text, fields: map[string]json.RawMessage{}}
	if len(bytes.TrimSpace(text)) == 0 {
		o.raw = json.RawMessage("{}")
		return o, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return object{}, errNotAnObject
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return object{}, errNotAnObject
		}
		var field json.RawMessage
		if err := decoder.Decode(&field); err != nil {
			return object{}, errNotAnObject
		}
		key := name.(string)
		if _, twice := o.fields[key]; !twice {
			o.names = append(o.names, key)
		}
		o.fields[key] = field
	}
	if _, err := decoder.Token(); err != nil {
		return object{}, errNotAnObject
	}
	if _, err := decoder.Token(); err != io.EOF { // More would take a bracket for the end
		return object{}, errNotAnObject
	}
	return o, nil
}

var errNotAnObject = errors.New("read answer: it is no JSON object; is this the URL of a Hookwheel server?")

// at is the value at a path of names, "health.state"; nil if there is none.
func (o object) at(path string) json.RawMessage {
	name, rest, deeper := strings.Cut(path, ".")
	field := o.fields[name]
	if !deeper || field == nil {
		return field
	}
	inner, err := parseObject(field)
	if err != nil {
		return nil
	}
	return inner.at(rest)
}

// text is the value at a path, for people.
func (o object) text(path string) string { return plain(o.at(path)) }

// objects is the list of objects at a path.
func (o object) objects(path string) ([]object, error) {
	field := o.at(path)
	if field == nil {
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(field, &raw); err != nil {
		return nil, fmt.Errorf("read answer: %s is no list", path)
	}
	list := make([]object, 0, len(raw))
	for _, text := range raw {
		one, err := parseObject(text)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// plain is a JSON value for people: texts without quotes, lists of texts and
// numbers with commas, nothing for null.
func plain(value json.RawMessage) string {
	switch first := append(bytes.TrimSpace(value), 0)[0]; first {
	case 0, 'n':
		return ""
	case '"':
		var text string
		if json.Unmarshal(value, &text) == nil {
			return text
		}
	case '[':
		var parts []json.RawMessage
		if json.Unmarshal(value, &parts) == nil && flat(parts) {
			shown := make([]string, len(parts))
			for i, part := range parts {
				shown[i] = plain(part)
			}
			return strings.Join(shown, ", ")
		}
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return string(value)
	}
	return b.String()
}

// flat reports whether no part is a list or an object.
func flat(parts []json.RawMessage) bool {
	for _, part := range parts {
		if c := bytes.TrimSpace(part)[0]; c == '[' || c == '{' {
			return false
		}
	}
	return true
}
