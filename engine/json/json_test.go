package json

import (
	"bytes"
	"cmp"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// request has fields of all the kinds that the engine's own types have.
type request struct {
	Name    string            `json:"name"`
	Count   int               `json:"count"`
	Small   uint8             `json:"small"`
	Ratio   *float64          `json:"ratio,omitempty"`
	Active  *bool             `json:"active"`
	Events  []string          `json:"events"`
	Labels  map[string]string `json:"labels"`
	Nested  nested            `json:"nested"`
	List    []nested          `json:"list"`
	Payload RawMessage        `json:"payload,omitempty"`
	Any     any               `json:"any"`
}

type nested struct {
	URL  string  `json:"url"`
	Next *nested `json:"next,omitempty"`
}

func TestMarshal(t *testing.T) {
	value := map[string]any{
		"b": RawMessage(`{ "z" : "<&>" , "a":1.0, "u":"\u00e4" }`),
		"a": "<script>&é\u2028",
		"c": []int{},
		"d": nil,
	}
	got, err := Marshal(value)
	want := `{"a":"<script>&é\u2028","b":{"z":"<&>","a":1.0,"u":"\u00e4"},"c":[],"d":null}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if got, err := Marshal(map[string]any{"a": RawMessage(`{bad`)}); err == nil {
		t.Errorf("an invalid RawMessage: got %s, want an error", got)
	}
	if got, err := Marshal(make(chan int)); err == nil {
		t.Errorf("a channel: got %s, want an error", got)
	}
}

func TestFaults(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		text, field, problem string // "" for no error
	}{
		{`{}`, "", ""},
		{` {"name":"a","payload":{"x":[1,2.50]},"nested":{"url":"u","next":{"url":"v"}}} `, "", ""},
		{`{"any":` + deep(MaxDepth-1) + `}`, "", ""},
		{`{"any":"` + deep(100) + `\"` + deep(100) + `"}`, "", ""},
		{`{"any":[` + strings.Repeat("[],", 100) + `{}]}`, "", ""},
		{`{"any":` + deep(MaxDepth) + `}`, "", "nested deeper than 64"},
		{`{"payload":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100) + `}`, "", "nested deeper than 64"},
		{deep(5_000_000), "", "invalid JSON"},
		{strings.Repeat("[", 5_000_000), "", "invalid JSON"},
		{`{"name":1}`, "name", "must be a string"},
		{`{"count":"1"}`, "count", "must be a whole number within range"},
		{`{"count":1.5}`, "count", "must be a whole number within range"},
		{`{"count":99999999999999999999}`, "count", "must be a whole number within range"},
		{`{"small":256}`, "small", "must be a whole number within range"},
		{`{"ratio":"x"}`, "ratio", "must be a number within range"},
		{`{"active":"yes"}`, "active", "must be true or false"},
		{`{"events":"a"}`, "events", "must be an array"},
		{`{"labels":[]}`, "labels", "must be an object"},
		{`{"nested":{"url":[]}}`, "nested.url", "must be a string"},
		{`{"nested":{"next":{"url":0}}}`, "nested.next.url", "must be a string"},
		{`[]`, "", "must be an object"},
		{`"text"`, "", "must be an object"},
		{``, "", "invalid JSON at byte 0: unexpected end of JSON input"},
		{`{"name":`, "", "invalid JSON at byte 8: unexpected end of JSON input"},
		{`{"name":"a",}`, "", "invalid JSON at byte 13"},
		{`{"name":"a"} x`, "", "invalid JSON at byte 14"},
		{`{"name":"a"}{"name":"b"}`, "", "invalid JSON at byte 13"},
		{"{\"name\":\"\xff\"}", "", "not valid UTF-8"},
		{"{\"name\":\"\x01\"}", "", "invalid JSON at byte 10"},
	}
	for _, tt := range tests {
		var v request
		err := cmp.Or(Check([]byte(tt.text)), Unmarshal([]byte(tt.text), &v))
		if tt.problem == "" {
			if err != nil {
				t.Errorf("%.80s: got %v, want nil", tt.text, err)
			}
			continue
		}
		fault, ok := errors.AsType[*Error](err)
		if !ok || fault.Field != tt.field || !strings.Contains(fault.Problem, tt.problem) {
			t.Errorf("%.80s: got %#v, want field %q, %q", tt.text, err, tt.field, tt.problem)
		}
	}
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		err  Error
		want string
	}{
		{Error{Field: "a.b", Problem: "must be a string"}, `field "a.b" must be a string`},
		{Error{Problem: "invalid JSON"}, "invalid JSON"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

type picky struct{}

var errPicky = errors.New("not this one")

func (*picky) UnmarshalText([]byte) error { return errPicky }

func TestUnmarshalersErrorsStay(t *testing.T) {
	var v struct{ A picky }
	if err := Unmarshal([]byte(`{"a":"x"}`), &v); !errors.Is(err, errPicky) {
		t.Errorf("got %v, want %v", err, errPicky)
	}
}

// TestNothingRefersToTheSource overwrites the source: buffers of requests are
// used again as soon as the handler returns.
func TestNothingRefersToTheSource(t *testing.T) {
	const text = `{"name":"n","payload":{"a":1},"events":["e"],"labels":{"k":"v"},"any":{"x":["y"]}}`
	data := []byte(text)
	var v request
	if err := Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	want, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = '#'
	}
	if got, err := Marshal(v); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %s, %v after the source was overwritten, want %s", got, err, want)
	}
}

var seeds = []string{
	``, `null`, `true`, `"a"`, `-0`, `1e400`, `01`, `1.`, `.5`, `-`, `"\ud800"`, "\"\xff\"", "\"\x00\"", `"\x"`, `[1,]`, `{,}`,
	`{"a":1,"a":2}`, `{"NAME":"upper"}`, `{"name":null,"count":null,"events":null,"nested":null}`,
	`{"name":"a","count":1,"small":255,"ratio":0.1,"active":true,"events":["x"],"labels":{"k":"v"}}`,
	`{"nested":{"url":"u","next":{"url":"v"}},"list":[{"url":"a"},{}],"payload": { "a" : [ 1 ] },"any":{"b":[1e3,"\u00e4"]}}`,
	`{"unknown":{"deep":[01]}}`, `{"count":1.0}`, `{"count":9223372036854775808}`, `{"small":-1}`, ` { } `, `{}x`, "\ufeff{}",
}

// checked is what Check must do, said with encoding/json alone.
func checked(data []byte) bool {
	if !stdjson.Valid(data) || !utf8.Valid(data) {
		return false
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(data))
	for depth := 0; ; {
		token, err := decoder.Token()
		if err != nil {
			return true
		}
		switch token {
		case stdjson.Delim('{'), stdjson.Delim('['):
			depth++
		case stdjson.Delim('}'), stdjson.Delim(']'):
			depth--
		}
		if depth > MaxDepth {
			return false
		}
	}
}

// FuzzAgainstStandardLibrary checks that both libraries accept the same texts,
// read the same from them, and write the same.
func FuzzAgainstStandardLibrary(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(strings.Repeat("[", 64) + strings.Repeat("]", 64)))
	f.Add([]byte(strings.Repeat("[", 65) + strings.Repeat("]", 65)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, want := Valid(data), stdjson.Valid(data); got != want {
			t.Errorf("Valid(%q): got %v, want %v", data, got, want)
		}
		if err, want := Check(data), checked(data); (err == nil) != want {
			t.Errorf("Check(%q): got %v, want ok %v", data, err, want)
		}
		var got, want request
		err, wantErr := Unmarshal(data, &got), stdjson.Unmarshal(data, &want)
		compare(t, "Unmarshal", data, got, want, err == nil, wantErr == nil)
		var gotAny, wantAny any
		err, wantErr = Unmarshal(data, &gotAny), stdjson.Unmarshal(data, &wantAny)
		compare(t, "Unmarshal any", data, gotAny, wantAny, err == nil, wantErr == nil)
	})
}

func compare(t *testing.T, name string, data []byte, got, want any, ok, wantOK bool) {
	t.Helper()
	if ok != wantOK {
		t.Errorf("%s(%q): got ok %v, want %v", name, data, ok, wantOK)
	}
	if !ok || !wantOK {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s(%q): got %+v, want %+v", name, data, got, want)
	}
	text, err := Marshal(got)
	var buffer bytes.Buffer
	encoder := stdjson.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if stdErr := encoder.Encode(want); err != nil || stdErr != nil {
		t.Fatalf("%s(%q): writing it again got %v, encoding/json %v", name, data, err, stdErr)
	}
	if want := bytes.TrimSuffix(buffer.Bytes(), []byte("\n")); !bytes.Equal(text, want) {
		t.Errorf("Marshal of %q: got %s, want %s", data, text, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	data := []byte(`{"type":"invoice.paid","data":{"id":"in_1","lines":[` +
		strings.Repeat(`{"id":"il_1MtHbELkdIwHu7ixl4OzzPMv","amount":1000},`, 18) + `{}]}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Check(data); err != nil {
			b.Fatal(err)
		}
	}
}
