package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// bombs are bodies that no operation can take, made to cost a server much: in
// its parser, its memory, or its answer.
func bombs() map[string]string {
	const deep = 200_000
	return map[string]string{
		"a zero byte":         "\x00",
		"open":                "{",
		"text behind":         "{}{}",
		"a zero byte behind":  "{}\x00",
		"byte order mark":     "\xef\xbb\xbf{}",
		"UTF-16":              "{\x00}\x00",
		"bad UTF-8":           "{\"type\":\"\xff\",\"name\":\"\xff\"}",
		"overlong UTF-8":      "{\"type\":\"\xc0\xaf\"}",
		"surrogate in UTF-8":  "{\"type\":\"\xed\xa0\x80\"}",
		"control in a string": "{\"type\":\"\x01\"}",
		"deep arrays":         strings.Repeat("[", deep) + strings.Repeat("]", deep),
		"deep objects":        strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep),
		"deep, never closed":  strings.Repeat(`[{"a":`, deep),
		"deep in a member":    `{"data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"wide":                `{"x":[` + strings.Repeat("[],", 100_000) + `[]]}`,
		"many members":        "{" + strings.Repeat(`"a":1,`, 50_000) + `"b":1}`,
		"a long name":         `{"` + strings.Repeat("a", 200_000) + `":1}`,
		"a long number":       `{"x":` + strings.Repeat("9", 200_000) + `}`,
		"a huge exponent":     `{"x":1e999999999}`,
		"many escapes":        `{"` + strings.Repeat(`\u0041`, 40_000) + `":1}`,
		"NaN":                 `{"x":NaN}`,
		"hexadecimal":         `{"x":0x10}`,
		"a comment":           `{/**/}`,
		"a trailing comma":    `{"type":"a","data":{},}`,
		"prototype":           `{"__proto__":{"admin":true}}`,
	}
}

// Whatever operation such a body is sent to, the answer is a short refusal that
// comes soon, and the server goes on.
func TestBombs(t *testing.T) {
	w := plant(t)
	tried := 0
	for _, r := range w.routes {
		_, op := w.api.find(r.Method, r.Pattern)
		if _, takesJSON := op.Body.Content["application/json"]; !takesJSON {
			continue
		}
		for name, bomb := range bombs() {
			tried++
			begun := time.Now()
			status, answer := w.ask("root", r.Method, w.path(r, w.own), bomb)
			if allowed := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}; !slices.Contains(allowed, status) {
				t.Errorf("%s with %s: got %d %.200s, want one of %v", r.name(), name, status, answer, allowed)
			}
			if took := time.Since(begun); took > 5*time.Second || len(answer) > 10_000 {
				t.Errorf("%s with %s: took %v and answered %d bytes", r.name(), name, took, len(answer))
			}
		}
	}
	for _, path := range []string{"/v1/events", "/v1/endpoints", "/webhooks", "/v2/core/event_destinations"} { // others take nothing for an object without members
		for _, body := range []string{"", strings.Repeat(" ", 100_000)} {
			if status, answer := w.ask("root", "POST", path, body); status != http.StatusBadRequest {
				t.Errorf("POST %s without a body: got %d %s, want 400", path, status, answer)
			}
		}
	}
	if tried < 200 {
		t.Errorf("got %d requests, want one for each operation and body", tried)
	}
}

// What is JSON is an event's own affair: numbers that no computer holds, halves
// of surrogates and names that are there twice come out as they went in (G7).
func TestStrangeDataIsKept(t *testing.T) {
	w := plant(t)
	for _, data := range []string{
		`{"n":1e999999999}`, `{"n":` + strings.Repeat("9", 1500) + `}`, `{"n":-0.0}`, `{"s":"\ud800"}`, `{"s":"\udfff\ud800"}`, `{"a":1,"a":2}`, `{"s":"\u0000\u202e\u001b[31m"}`,
		`{"\u0061":1,"a":2}`, `"text"`, `-1`, `false`, `[[],{}]`, `{"s":"</script><!--"}`, strings.Repeat("[", 60) + strings.Repeat("]", 60),
	} {
		status, answer := w.ask("acme", "POST", "/v1/events", `{"type":"strange","data":`+data+`}`)
		id := idField.FindStringSubmatch(answer)
		if status != http.StatusAccepted || id == nil {
			t.Errorf("data %.80s: got %d %s, want it accepted", data, status, answer)
			continue
		}
		if _, answer := w.ask("acme", "GET", "/v1/events/"+id[1], ""); !strings.Contains(answer, `"data":`+data) {
			t.Errorf("data %.80s: got %.300s, want it as it was", data, answer)
		}
	}
}

// An event may be as large as it may be, to the byte.
func TestEventSize(t *testing.T) {
	w := plant(t)
	const most = maxEventSize
	for size, want := range map[int]int{most - 1: http.StatusAccepted, most: http.StatusAccepted, most + 1: http.StatusRequestEntityTooLarge} {
		frame := `{"type":"size","data":""}`
		body := strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
		if status, answer := w.ask("acme", "POST", "/v1/events", body); status != want {
			t.Errorf("an event of %d bytes: got %d %.200s, want %d", size, status, answer, want)
		}
		if status, answer := w.ask("acme", "POST", "/v1/events", "["+body+"]"); status != want {
			t.Errorf("a batch with an event of %d bytes: got %d %.200s, want %d", size, status, answer, want)
		}
	}
}
