package apitest

import "testing"

const fieldScript = `# A comment.
> POST /things?include[0]=a&include[1]=b&limit=2
> X-API-Key: k
{"a": {"b": [{"c": 1}]}}
< 201
< Retry-After: 1
[{"d": null}]

! settle
> POST /token
grant=x&scope=y
< 400
{"e":
`

func TestShown(t *testing.T) {
	got := shown{}
	for _, s := range parse(t, fieldScript) {
		got.step(&s)
	}
	for _, want := range [][2]string{
		{"query", "include"}, {"query", "limit"}, {"header", "X-API-Key"}, {"header", "Retry-After"},
		{"request", "a"}, {"request", "a.b"}, {"request", "a.b[]"}, {"request", "a.b[].c"}, {"request", "grant"}, {"request", "scope"},
		{"response", "[].d"}, {"status", "201"}, {"status", "400"},
	} {
		if !got.has(want[0], want[1]) {
			t.Errorf("%s %s: got nothing, want it shown", want[0], want[1])
		}
	}
	for _, absent := range [][2]string{{"response", "a"}, {"request", "[].d"}, {"response", "e"}, {"status", "200"}} {
		if got.has(absent[0], absent[1]) {
			t.Errorf("%s %s: got it, though nothing shows it", absent[0], absent[1])
		}
	}
}
