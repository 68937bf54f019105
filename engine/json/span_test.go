package json

import (
	"bytes"
	stdjson "encoding/json"
	"testing"
	"unicode/utf8"
)

// The spans that Members and Elements find are what encoding/json finds.
func FuzzSpans(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` { } `, `{"a":1}`, `{"a" : "b" , "c\"d":[1,{"x":"}]"}] ,"e":null}`, `[1,-2.5e3, true,"\\","\\\"",[[]],{}]`,
		`{"":""}`, "[\n\t1\r\n]", `{"a":"x\\"}`, `["\\\\\\",""]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value := bytes.TrimSpace([]byte(text))
		if !stdjson.Valid(value) || !utf8.Valid(value) { // encoding/json replaces what is not UTF-8
			return
		}
		switch value[0] {
		case '{':
			var want map[string]stdjson.RawMessage
			if err := stdjson.Unmarshal(value, &want); err != nil {
				t.Fatal(err)
			}
			got := map[string]stdjson.RawMessage{}
			Members(value, func(name, value []byte) {
				got[Unquote(name)] = value
			})
			if len(got) != len(want) {
				t.Errorf("%q: got %d members, want %d", text, len(got), len(want))
			}
			for name := range want {
				if !bytes.Equal(got[name], want[name]) {
					t.Errorf("%q: member %q: got %q, want %q", text, name, got[name], want[name])
				}
			}
		case '[':
			var want []stdjson.RawMessage
			if err := stdjson.Unmarshal(value, &want); err != nil {
				t.Fatal(err)
			}
			var got []stdjson.RawMessage
			Elements(value, func(value []byte) { got = append(got, value) })
			if len(got) != len(want) {
				t.Fatalf("%q: got %d elements, want %d", text, len(got), len(want))
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%q: element %d: got %q, want %q", text, i, got[i], want[i])
				}
			}
		}
	})
}
