package command

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzBatcher: the batches of a file are its lines, all of them and in their
// order, each under its number and no batch larger than it may be.
func FuzzBatcher(f *testing.F) {
	f.Add("{\"type\":\"a\"}\n\n  {\"type\":\"b\"}\r\n{}", 2, 20, false)
	f.Add("1\n2\n\"a\u2028b\"\n", 1, 1, true)
	f.Add("\n\n\r\n", 5, 5, false)
	f.Add("{}\n{]", 5, 50, true)
	f.Fuzz(func(t *testing.T, input string, events, size int, data bool) {
		events, size = max(1, events%100), max(1, size%1000)
		eventType, want := "", [][]byte{}
		if data {
			eventType = "a.b"
		}
		var numbers []int
		for i, line := range strings.Split(input, "\n") {
			if line = string(bytes.TrimSpace([]byte(line))); line != "" {
				want, numbers = append(want, []byte(line)), append(numbers, i+1)
			}
		}
		b := newBatcher(strings.NewReader(input), eventType, events, int64(size))
		read := 0
		for {
			part, err := b.next()
			if err != nil {
				if !data || !slices.ContainsFunc(want, func(line []byte) bool { return !json.Valid(line) }) {
					t.Fatalf("%q: got %v, want every line taken", input, err)
				}
				return
			}
			read += part.read
			if len(part.lines) == 0 {
				break
			}
			if len(part.lines) > events || len(part.body) > size+len(part.lines) && len(part.lines) > 1 {
				t.Fatalf("%q: got a batch of %d events and %d bytes, want %d and %d at most", input, len(part.lines), len(part.body), events, size)
			}
			for i, got := range bytes.Split(bytes.TrimSuffix(part.body, []byte("\n")), []byte("\n")) {
				if len(want) == 0 || i >= len(part.lines) || part.lines[i] != numbers[0] {
					t.Fatalf("%q: got %q, more than its lines, or not in their order", input, part.body)
				}
				if data {
					var e struct{ Data json.RawMessage }
					if err := json.Unmarshal(got, &e); err != nil {
						t.Fatalf("%q: got event %q, %v", input, got, err)
					}
					got = e.Data
					var compact bytes.Buffer
					if err := json.Compact(&compact, want[0]); err != nil {
						t.Fatalf("%q: line %d is sent, which is no JSON: %v", input, numbers[0], err)
					}
					want[0] = compact.Bytes()
				}
				if !bytes.Equal(got, want[0]) {
					t.Fatalf("%q: line %d is sent as %q, want %q", input, numbers[0], got, want[0])
				}
				want, numbers = want[1:], numbers[1:]
			}
		}
		if len(want) != 0 || read != len(input) {
			t.Errorf("%q: %d lines are left, and %d bytes of %d read", input, len(want), read, len(input))
		}
	})
}

// FuzzObject: an answer is an object with the fields that encoding/json finds,
// and whatever they hold can be shown on a terminal.
func FuzzObject(f *testing.F) {
	f.Add(`{"id":"a","health":{"state":null,"n":1.50},"types":["x",[1]]}`, "health.state")
	f.Add(`{"a":"\u001b[31m","a":2} `, "a")
	f.Add(`{}]`, "")
	f.Add("  ", "a.b.c")
	f.Fuzz(func(t *testing.T, text, path string) {
		var want map[string]json.RawMessage
		bad := json.Unmarshal([]byte(text), &want)
		got, err := parseObject([]byte(text))
		if err != nil {
			if bad == nil && want != nil {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
			return
		}
		if len(bytes.TrimSpace([]byte(text))) > 0 && (bad != nil || want == nil) {
			t.Fatalf("%q: got %q, want an error: %v", text, got.names, bad)
		}
		if len(got.fields) != len(want) || len(got.names) != len(want) {
			t.Errorf("%q: got the fields %q, want %q", text, got.names, want)
		}
		for name, value := range want {
			if !bytes.Equal(bytes.TrimSpace(got.fields[name]), bytes.TrimSpace(value)) {
				t.Errorf("%q: field %q: got %q, want %q", text, name, got.fields[name], value)
			}
		}
		before := string(got.raw)
		if shown := printable(got.text(path)); strings.ContainsFunc(shown, unsafeRune) {
			t.Errorf("%q: %q is shown as %q", text, path, shown)
		}
		_, _ = got.objects(path)
		if string(got.raw) != before {
			t.Errorf("%q: is %q after it was shown", text, got.raw)
		}
	})
}

// FuzzProblem: whatever refuses a call, ours or a proxy, the error is brief,
// names the status, and asks for a pause that is no longer than said.
func FuzzProblem(f *testing.F) {
	f.Add(400, `{"title":"Bad Request","detail":"no","errors":[{"pointer":"/a","detail":"b"}]}`, "1", "/x")
	f.Add(503, `<html>`, "Tue, 03 Feb 2099 12:01:30 GMT", "")
	f.Add(301, `{"error":"a","errors":null}`, "-5", "\x1b[31m")
	f.Add(429, `{"title":1}`, "99999999999999999999", "")
	f.Fuzz(func(t *testing.T, status int, body, after, location string) {
		if status < 300 || status > 599 {
			return
		}
		header := http.Header{"Retry-After": {after}, "Location": {location}}
		p := newProblem(&http.Response{StatusCode: status, Header: header}, []byte(body))
		if p.Status != status || !strings.Contains(p.Error(), "("+strconv.Itoa(status)) {
			t.Errorf("%d %q: got %v", status, body, p)
		}
		if limit := len(body) + len(location) + 200 + 4*len(p.Errors); len(p.Error()) > limit {
			t.Errorf("%d %q: the error has %d bytes, want %d at most", status, body, len(p.Error()), limit)
		}
		if at, err := http.ParseTime(after); p.retryAfter < 0 || err == nil && p.retryAfter > max(0, time.Until(at)+time.Second) {
			t.Errorf("Retry-After %q: got %v", after, p.retryAfter)
		}
	})
}
