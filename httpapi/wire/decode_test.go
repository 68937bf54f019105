package wire

import (
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/json"
)

type request struct {
	Name   string            `json:"name"`
	Limit  *int              `json:"limit"`
	Flag   bool              `json:"flag"`
	Rate   float64           `json:"rate"`
	Tags   []string          `json:"tags"`
	Labels map[string]string `json:"labels"`
	Inner  *inner            `json:"inner"`
	Data   json.RawMessage   `json:"data"`
	Patch  Patch[string]     `json:"patch"`
	Hidden string            `json:"-"`
}

type inner struct {
	Depth int `json:"depth"`
}

func TestDecode(t *testing.T) {
	var got request
	err := DecodeJSON([]byte(` {"name":"ü","limit":3,"flag":true,"rate":1.5,"tags":["a","b"],"labels":{"k":"v"},"inner":{"depth":2},"data":{"b" : 1.0},"patch":"p"} `), &got)
	three := 3
	want := request{
		Name: "ü", Limit: &three, Flag: true, Rate: 1.5, Tags: []string{"a", "b"}, Labels: map[string]string{"k": "v"},
		Inner: &inner{Depth: 2}, Data: json.RawMessage(`{"b" : 1.0}`), Patch: Patch[string]{Given: true, Value: "p"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("DecodeJSON: got %+v, %v, want %+v", got, err, want)
	}
	got = request{}
	if err := DecodeJSON([]byte(`{"patch":null,"limit":null,"data":null}`), &got); err != nil || got.Limit != nil || got.Patch != (Patch[string]{Given: true, Null: true}) || string(got.Data) != "null" {
		t.Errorf("DecodeJSON of nulls: got %+v, %v", got, err)
	}
	got = request{}
	if err := DecodeJSON([]byte(`{}`), &got); err != nil || got.Patch.Given {
		t.Errorf("DecodeJSON of nothing: got %+v, %v, want all absent", got, err)
	}
}

// The bad-input table of a body: what is told, and where it points.
func TestDecodeFaults(t *testing.T) {
	deep := strings.Repeat("[", json.MaxDepth+1) + strings.Repeat("]", json.MaxDepth+1)
	for text, want := range map[string]string{
		``:                                 "invalid_json",
		"  \n":                             "invalid_json",
		`{`:                                "invalid_json",
		`{"name":"a"} {}`:                  "invalid_json",
		`{"name":"a",}`:                    "invalid_json",
		`{'name':'a'}`:                     "invalid_json",
		`{"rate":01}`:                      "invalid_json",
		`{"rate":NaN}`:                     "invalid_json",
		"{\"name\":\"\x00\"}":              "invalid_json",
		"{\"name\":\"\xff\"}":              "invalid_json",
		"\xef\xbb\xbf{}":                   "invalid_json",
		`{"data":` + deep + `}`:            "invalid_json",
		strings.Repeat("[", 5_000_000):     "invalid_json",
		`[]`:                               "invalid_fields  must be an object",
		`null`:                             "invalid_fields  must not be null",
		`"text"`:                           "invalid_fields  must be an object",
		`{"nam":"a"}`:                      "invalid_fields /nam unknown field",
		`{"Name":"a"}`:                     "invalid_fields /Name unknown field",
		`{"-":"a"}`:                        "invalid_fields /- unknown field",
		`{"a/b~c":1}`:                      "invalid_fields /a~1b~0c unknown field",
		`{"name":1}`:                       "invalid_fields /name must be a string",
		`{"name":null}`:                    "invalid_fields /name must not be null",
		`{"limit":1.5}`:                    "invalid_fields /limit must be an integer",
		`{"limit":"1"}`:                    "invalid_fields /limit must be an integer",
		`{"limit":99999999999999999999}`:   "invalid_fields /limit must be an integer",
		`{"flag":"true"}`:                  "invalid_fields /flag must be true or false",
		`{"rate":"1"}`:                     "invalid_fields /rate must be a number",
		`{"rate":1e999}`:                   "invalid_fields /rate must be a number",
		`{"tags":"a"}`:                     "invalid_fields /tags must be an array",
		`{"tags":null}`:                    "invalid_fields /tags must not be null",
		`{"tags":["a",2,null]}`:            "invalid_fields /tags/1 must be a string, /tags/2 must not be null",
		`{"labels":{"k":1}}`:               "invalid_fields /labels/k must be a string",
		`{"labels":["k"]}`:                 "invalid_fields /labels must be an object",
		`{"name":"a","name":"b"}`:          "invalid_fields /name is given twice",
		`{"name":"a","n\u0061me":"b"}`:     "invalid_fields /name is given twice",
		`{"labels":{"k":"a","k":"b"}}`:     "invalid_fields /labels/k is given twice",
		`{"inner":{"depth":1,"depth":1}}`:  "invalid_fields /inner/depth is given twice",
		`{"inner":{"depth":true,"x":1}}`:   "invalid_fields /inner/depth must be an integer, /inner/x unknown field",
		`{"patch":1}`:                      "invalid_fields /patch must be a string",
		`{"flag":0,"name":1,"rate":false}`: "invalid_fields /flag must be true or false, /name must be a string, /rate must be a number",
	} {
		err := DecodeJSON([]byte(text), new(request))
		if err == nil {
			t.Errorf("%.60q: got no error, want %s", text, want)
			continue
		}
		e := From(err)
		got, separator := e.Code, " "
		for _, f := range e.Fields {
			got += separator + f.Pointer + " " + f.Detail
			separator = ", "
		}
		if got != want || e.Status != 400 {
			t.Errorf("%.60q: got %d %q, want 400 %q", text, e.Status, got, want)
		}
	}
}

// One request cannot make an answer much larger than itself.
func TestDecodeManyFaults(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"` + strings.Repeat("a", 10_000) + `":0`)
	for i := range 1000 {
		fmt.Fprintf(&b, `,"unknown%d":0`, i)
	}
	e := From(DecodeJSON([]byte(b.String()+"}"), new(request)))
	if got := len(e.Fields); got != MaxFaults {
		t.Errorf("faults: got %d, want %d", got, MaxFaults)
	}
	for _, f := range e.Fields {
		if len(f.Pointer) > 100 {
			t.Errorf("pointer: got %d bytes, want it cut", len(f.Pointer))
		}
	}
}

func TestExpectJSON(t *testing.T) {
	for _, test := range []struct {
		kind, encoding string
		want           int
	}{
		{"", "", 0},
		{"application/json", "", 0},
		{"Application/JSON; charset=utf-8", "identity", 0},
		{"application/merge-patch+json", "", 0},
		{"text/plain", "", 415},
		{"application/x-www-form-urlencoded", "", 415},
		{"application/jsonp", "", 415},
		{"application/json", "gzip", 415},
	} {
		var rc fasthttp.RequestCtx
		rc.Request.Header.SetMethod("POST")
		rc.Request.Header.SetContentType(test.kind)
		rc.Request.Header.SetContentEncoding(test.encoding)
		got := 0
		if err := (&Ctx{RequestCtx: &rc}).ExpectJSON(); err != nil {
			got = From(err).Status
		}
		if got != test.want {
			t.Errorf("Content-Type %q, Content-Encoding %q: got %d, want %d", test.kind, test.encoding, got, test.want)
		}
	}
}

// What Decode accepts, encoding/json accepts too and reads in the same way.
func FuzzDecode(f *testing.F) {
	f.Add(`{"name":"a","limit":3,"tags":["x"],"labels":{"k":"v"},"inner":{"depth":1},"data":[1]}`)
	f.Add(`{"name":"\ud800","rate":1e3}`)
	f.Add(`{"name":"a","name":"b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		type plain struct {
			Name   string            `json:"name"`
			Limit  *int              `json:"limit"`
			Rate   float64           `json:"rate"`
			Tags   []string          `json:"tags"`
			Labels map[string]string `json:"labels"`
			Inner  *inner            `json:"inner"`
			Data   json.RawMessage   `json:"data"`
		}
		var got, want plain
		if err := DecodeJSON([]byte(text), &got); err != nil {
			checkRefusal(t, text, err)
			return
		}
		d := stdjson.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: accepted, encoding/json says %v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	})
}

// checkRefusal: a refusal names fields, few of them and briefly, whatever the
// text is like.
func checkRefusal(t *testing.T, text string, err error) {
	t.Helper()
	e := From(err)
	if e.Status != 400 || (e.Code == CodeInvalid) != (len(e.Fields) > 0) || len(e.Fields) > MaxFaults {
		t.Errorf("%q: got %d %s with %d faults", text, e.Status, e.Code, len(e.Fields))
	}
	for _, field := range e.Fields {
		if field.Pointer != "" && field.Pointer[0] != '/' || len(field.Pointer) > len(text)+100 || !utf8.ValidString(field.Pointer) || field.Detail == "" || len(field.Detail) > 200 {
			t.Errorf("%q: got fault %+v, want a pointer and a short text", text, field)
		}
	}
}
