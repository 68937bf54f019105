// Package json reads and writes JSON. It is the only importer of the JSON
// library, so that the library can be exchanged, and it turns its errors into
// words for the client who sent the text.
//
// Two things go through here that must not be mixed up. What the engine itself
// defines (requests, answers, settings) is decoded and encoded. What producers
// hand over as payload is only checked and then kept byte for byte: decoding
// and encoding again would change numbers, order and escapes of something that
// gets signed.
//
// The library is goccy/go-json: it reads an event three to six times as fast
// as encoding/json. Tests compare the two on every kind of input, because
// earlier versions accepted texts that are not JSON.
package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	gojson "github.com/goccy/go-json"
)

// MaxDepth is how many arrays and objects may lie within each other in what
// Check accepts. Receivers' parsers often stop at 100 or less.
const MaxDepth = 64

// RawMessage is a value that is kept as it is.
type RawMessage = gojson.RawMessage

// Error says what is wrong with a JSON text. It is written for the client who
// sent it and tells nothing of the program's inside.
type Error struct {
	Field   string // path of the field in question, like "webhook_endpoint.url"; "" = the text as a whole
	Problem string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return fmt.Sprintf("field %q %s", e.Field, e.Problem)
}

// Marshal returns v as JSON without line feed at the end. It leaves <, > and &
// as they are, so that what is embedded as RawMessage reads as it came but for
// spaces. Map keys are sorted: equal values give equal texts.
func Marshal(v any) ([]byte, error) {
	return gojson.MarshalWithOption(v, gojson.DisableHTMLEscape())
}

// Unmarshal reads data into v, ignoring fields that v does not have. Nothing
// in v refers to data afterwards. Faults of the text are *Error.
func Unmarshal(data []byte, v any) error {
	if err := gojson.Unmarshal(data, v); err != nil {
		return explain(err, data)
	}
	return nil
}

// Valid says whether data is one JSON value.
func Valid(data []byte) bool { return gojson.Valid(data) }

// Check returns nil if data is one JSON value in valid UTF-8 that is nested no
// deeper than MaxDepth, otherwise an *Error.
func Check(data []byte) error {
	switch {
	case !gojson.Valid(data):
		return syntaxError(data)
	case !utf8.Valid(data):
		return &Error{Problem: "invalid JSON: not valid UTF-8"}
	case depth(data) > MaxDepth:
		return &Error{Problem: fmt.Sprintf("invalid JSON: nested deeper than %d", MaxDepth)}
	}
	return nil
}

// depth returns how deep valid JSON is nested, or less if that is within
// MaxDepth for sure: what has few brackets need not be walked through.
func depth(data []byte) int {
	opening := bytes.Count(data, []byte{'{'}) + bytes.Count(data, []byte{'['})
	if opening <= MaxDepth {
		return 0
	}
	deepest, now := 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		case '"':
			i = stringEnd(data, i) - 1
		}
	}
	return deepest
}

// explain turns an error of the library into an *Error; what comes from a
// value's own UnmarshalJSON or UnmarshalText stays as it is.
func explain(err error, data []byte) error {
	if wrong, ok := errors.AsType[*gojson.UnmarshalTypeError](err); ok {
		return &Error{Field: wrong.Field, Problem: "must be " + expected(wrong.Type)}
	}
	if !gojson.Valid(data) {
		return syntaxError(data)
	}
	return err
}

// syntaxError asks encoding/json, which knows where the fault is.
func syntaxError(data []byte) *Error {
	var raw stdjson.RawMessage
	err := stdjson.Unmarshal(data, &raw)
	if fault, ok := errors.AsType[*stdjson.SyntaxError](err); ok {
		return &Error{Problem: fmt.Sprintf("invalid JSON at byte %d: %s", fault.Offset, fault)}
	}
	return &Error{Problem: "invalid JSON"}
}

// expected names a Go type as JSON has it.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number within range"
	case reflect.Float32, reflect.Float64:
		return "a number within range"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "of another type"
}
