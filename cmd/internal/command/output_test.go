package command

import (
	"bytes"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"unicode"
)

func TestPrintable(t *testing.T) {
	for _, test := range []struct{ text, line, lines string }{
		{"plain äöü 漢", "plain äöü 漢", "plain äöü 漢"},
		{"a\tb\nc\rd", "a b c d", "a\tb\nc\uFFFDd"},
		{"\x1b[31mred\x07", "\uFFFD[31mred\uFFFD", "\uFFFD[31mred\uFFFD"},
		{"\u009b2J\x7f", "\uFFFD2J\uFFFD", "\uFFFD2J\uFFFD"},
		{"exe\u202efdp", "exe\uFFFDfdp", "exe\uFFFDfdp"},
		{"x\u2028y\u2066z", "x\uFFFDy\uFFFDz", "x\uFFFDy\uFFFDz"},
		{"bad \xff utf-8", "bad \uFFFD utf-8", "bad \uFFFD utf-8"},
	} {
		if got := printable(test.text); got != test.line {
			t.Errorf("printable(%q): got %q, want %q", test.text, got, test.line)
		}
		if got := printableLines(test.text); got != test.lines {
			t.Errorf("printableLines(%q): got %q, want %q", test.text, got, test.lines)
		}
	}
}

// Escaping keeps what a JSON text means, and leaves nothing that a terminal
// would obey.
func FuzzPrintableJSON(f *testing.F) {
	f.Add("a\u009b2J")
	f.Add("\x1b]0;title\x07 \u202e\U000E0001")
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := json.Marshal(map[string]string{"k": text})
		if err != nil {
			t.Fatal(err)
		}
		var want, got map[string]string
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		shown := printableJSON(encoded)
		if err := json.Unmarshal(shown, &got); err != nil || got["k"] != want["k"] {
			t.Errorf("printableJSON(%q) = %q: got %q, %v, want %q", encoded, shown, got["k"], err, want["k"])
		}
		if i := strings.IndexFunc(string(shown), unicode.IsControl); i >= 0 {
			t.Errorf("printableJSON(%q) = %q: a control character is left", encoded, shown)
		}
	})
}

func TestObject(t *testing.T) {
	o, err := parseObject([]byte(`{"id":"a","n":null,"health":{"state":"healthy","n":1.50},"types":["x","y"],"secrets":[{"id":1}],"big":12345678901234567890}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"id": "a", "n": "", "health.state": "healthy", "health.n": "1.50", "types": "x, y", "secrets": `[{"id":1}]`,
		"big": "12345678901234567890", "missing": "", "id.deeper": "", "missing.deeper": "",
	} {
		if got := o.text(path); got != want {
			t.Errorf("text(%q): got %q, want %q", path, got, want)
		}
	}
	var b bytes.Buffer
	printFields(&b, o)
	want := "id            a\nhealth.state  healthy\nhealth.n      1.50\ntypes         x, y\nsecrets       [{\"id\":1}]\nbig           12345678901234567890\n"
	if b.String() != want {
		t.Errorf("printFields: got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestParseObjectRefuses(t *testing.T) {
	for _, text := range []string{"[]", "1", "null", "{", `{"a"}`, `{"a":1}x`, `{"a":1} {}`, "<html>"} {
		if _, err := parseObject([]byte(text)); err == nil {
			t.Errorf("parseObject(%q): got nil, want an error", text)
		}
	}
	if o, err := parseObject(nil); err != nil || len(o.names) != 0 || string(o.raw) != "{}" {
		t.Errorf("parseObject of nothing: got %v, %v, want an empty object", o, err)
	}
}

func TestPrintTable(t *testing.T) {
	var rows []object
	for _, text := range []string{`{"id":"a","name":"x\u001b[2J"}`, `{"id":"longer","name":null}`} {
		row, err := parseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	printTable(&b, columns("id", "its name=name"), rows)
	if got, want := b.String(), "ID      ITS NAME\na       x\uFFFD[2J\nlonger  -\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.Reset()
	printTable(&b, columns("id"), nil)
	if got, want := b.String(), "(none)\n"; got != want {
		t.Errorf("no rows: got %q, want %q", got, want)
	}
}

// A result that could not be written is no success, however it is shown.
func TestFullOutput(t *testing.T) {
	serveAPI(t, func(request, int) (int, string) { return 200, `{"id":"ed_1","secret":"s","data":[{"id":"ed_1"}]}` })
	for _, line := range []string{
		"endpoint create https://x", "endpoint list", "endpoint list --json", "stats", "version", "--help", "endpoint --help",
		"sign --secret abcdefghijklmnop output_test.go", "check ../../../testdata/store/v1/data",
	} {
		var errs bytes.Buffer
		code := Main(t.Context(), "", append([]string{"hookwheel"}, strings.Fields(line)...), strings.NewReader(""), fullDisk{}, &errs)
		result{code, "", errs.String()}.want(t, exitFailed, "", "no space left on device")
	}
}

// fullDisk is a file that has no room for anything.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
