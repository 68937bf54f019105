package json

import (
	"bytes"
	stdjson "encoding/json"
	"reflect"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1,"b":[{"c":2,"d":3}]}`, "{ \"b\" : [ {\"d\":3,\n\"c\":2} ], \"a\":1 }", true},
		{`"\u0061\/"`, `"a/"`, true},
		{`{"a":1,"a":2}`, `{"a":2}`, true},
		{`[1,2]`, `[2,1]`, false},
		{`1.0`, `1`, false},
		{`1`, `"1"`, false},
		{`12345678901234567890`, `12345678901234567891`, false},
		{`{"a":null}`, `{}`, false},
	} {
		a, errA := Canonical([]byte(test.a))
		b, errB := Canonical([]byte(test.b))
		if errA != nil || errB != nil || bytes.Equal(a, b) != test.same {
			t.Errorf("%s and %s: got %s, %v and %s, %v, want them the same: %t", test.a, test.b, a, errA, b, errB, test.same)
		}
	}
	if got, err := Canonical([]byte(`{"a"`)); err == nil {
		t.Errorf("no JSON: got %s, want an error", got)
	}
}

// The canonical text says the same as the text, and is its own canonical text.
func FuzzCanonical(f *testing.F) {
	f.Add(`{"b":[1e9,-0.10,"\u00e9\ud83d\ude00<&>"],"a":null}`)
	f.Add(` "\u2028" `)
	f.Fuzz(func(t *testing.T, text string) {
		once, err := Canonical([]byte(text))
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q: got %s and then %s, %v", text, once, twice, err)
		}
		var want, got any
		if err := stdjson.Unmarshal([]byte(text), &want); err != nil {
			t.Skip("a number out of range")
		}
		if err := stdjson.Unmarshal(once, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %s, %v, which says something else", text, once, err)
		}
	})
}
