package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSendOne(t *testing.T) {
	for _, test := range []struct{ args, stdin, body string }{
		{`invoice.paid {"a":1.50,"b":"<&>"}`, "", `{"data":{"a":1.50,"b":"<&>"},"type":"invoice.paid"}`}, // bytes are kept
		{`invoice.paid -`, " [1, 2]\n", `{"data":[1,2],"type":"invoice.paid"}`},
		{`invoice.paid`, "", `{"data":null,"type":"invoice.paid"}`},
		{`--account acct_1 --occurred-at 2026-01-31T08:00:00Z t 1`, "", `{"account":"acct_1","data":1,"occurred_at":"2026-01-31T08:00:00.000Z","type":"t"}`},
	} {
		a := serveAPI(t, func(request, int) (int, string) { return 202, `{"id":"evt_1","matched":2,"duplicate":false}` })
		runCommand(t, test.stdin, append([]string{"send"}, strings.Fields(test.args)...)...).want(t, exitDone, "evt_1 accepted, matching endpoints: 2\n", "")
		if got := a.only(t); got.body != test.body || got.path != "/v1/events" {
			t.Errorf("%s: got %s %s, want %s", test.args, got.path, got.body, test.body)
		}
	}
}

func TestSendOneTwice(t *testing.T) {
	a := serveAPI(t, func(request, int) (int, string) { return 200, `{"id":"evt_1","duplicate":true}` })
	runCommand(t, "", "send", "--id", "k1", "t").want(t, exitDone, "evt_1 was accepted before\n", "")
	if got := a.only(t).header.Get("Idempotency-Key"); got != "k1" {
		t.Errorf("Idempotency-Key: got %q, want k1", got)
	}
	runCommand(t, "", "send", "--json", "t").want(t, exitDone, "{\"id\":\"evt_1\",\"duplicate\":true}\n", "")
}

// acceptLines answers a batch: lines with "bad" are refused, with "old"
// duplicates.
func acceptLines(r request) (int, string) {
	var results []string
	for i, line := range strings.Split(strings.TrimSuffix(r.body, "\n"), "\n") {
		switch {
		case strings.Contains(line, "bad"):
			results = append(results, fmt.Sprintf(`{"index":%d,"error":{"detail":"no type\u001b"}}`, i))
		case strings.Contains(line, "old"):
			results = append(results, fmt.Sprintf(`{"index":%d,"id":"evt_old","duplicate":true}`, i))
		default:
			results = append(results, fmt.Sprintf(`{"index":%d,"id":"evt_%d"}`, i, i))
		}
	}
	return 202, fmt.Sprintf(`{"results":[%s]}`, strings.Join(results, ","))
}

func TestSendFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	text := `{"type":"a","data":1}` + "\n\n" + `{"type":"b","data":"old"}` + "\n" + `{"type":"c","data":"bad"}` + "\n" + `{"type":"d","data":2}` // no line break at the end
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := serveAPI(t, func(r request, _ int) (int, string) { return acceptLines(r) })
	r := runCommand(t, "", "send", "--file", path, "--batch", "2", "--on-error", "skip", "--id", "run")
	r.want(t, exitFailed, "2 accepted, 1 accepted before, 1 refused, in ", "line 4: {\"detail\":\"no type\\u001b\"}\n")
	r.want(t, exitFailed, "", "lines refused: 1")
	if len(a.requests) != 2 {
		t.Fatalf("requests: got %d, want 2", len(a.requests))
	}
	for i, want := range []struct{ body, key string }{
		{`{"type":"a","data":1}` + "\n" + `{"type":"b","data":"old"}` + "\n", "run-1"},
		{`{"type":"c","data":"bad"}` + "\n" + `{"type":"d","data":2}` + "\n", "run-4"},
	} {
		got := a.requests[i]
		if got.body != want.body || got.header.Get("Idempotency-Key") != want.key {
			t.Errorf("batch %d: got %q with key %q, want %q with key %q", i, got.body, got.header.Get("Idempotency-Key"), want.body, want.key)
		}
		if got.header.Get("Content-Type") != "application/x-ndjson" || got.query != "on_error=skip" {
			t.Errorf("batch %d: got %s ?%s, want NDJSON and on_error=skip", i, got.header.Get("Content-Type"), got.query)
		}
	}
}

func TestSendLinesOfOneType(t *testing.T) {
	a := serveAPI(t, func(r request, _ int) (int, string) { return acceptLines(r) })
	r := runCommand(t, "{\"x\": \"<\"}\n2\n", "send", "--file", "-", "--json", "t.u")
	r.want(t, exitDone, `{"line":1,"result":{"index":0,"id":"evt_0"}}`+"\n"+`{"line":2,"result":{"index":1,"id":"evt_1"}}`+"\n", "")
	if got, want := a.only(t).body, `{"data":{"x":"<"},"type":"t.u"}`+"\n"+`{"data":2,"type":"t.u"}`+"\n"; got != want {
		t.Errorf("body: got %q, want %q", got, want)
	}
}

// A line cannot smuggle fields into the event it becomes the data of.
func TestSendChecksLinesOfOneType(t *testing.T) {
	a := serveAPI(t, func(r request, _ int) (int, string) { return acceptLines(r) })
	runCommand(t, "1\n1},\"type\":\"other\"\n", "send", "--file", "-", "--batch", "1", "t").want(t, exitFailed, "1 accepted", "line 2 is not valid JSON")
	if len(a.requests) != 1 {
		t.Errorf("requests: got %d, want 1", len(a.requests))
	}
}

func TestSendStopsAtARefusedBatch(t *testing.T) {
	a := serveAPI(t, func(r request, n int) (int, string) {
		if n == 2 {
			return 400, `{"title":"Bad Request","errors":[{"pointer":"/1/type","detail":"is missing"},{"pointer":"/2","detail":"no JSON"},{"pointer":"/3","detail":"what"}]}`
		}
		return acceptLines(r)
	})
	runCommand(t, "\n"+strings.Repeat("{}\n", 10), "send", "--file", "-", "--batch", "3").want(t, exitFailed, "3 accepted",
		"lines 5 to 7: bad request (400)\n  line 6: /type: is missing\n  line 7: no JSON\n  /3: what\n")
	if len(a.requests) != 2 {
		t.Errorf("requests: got %d, want 2", len(a.requests))
	}
}

// Every line arrives once and in order, however it is cut.
func TestSendCutsBySize(t *testing.T) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf(`{"type":"t","data":"%d%s"}`, i, strings.Repeat("x", i%300)))
	}
	a := serveAPI(t, func(r request, _ int) (int, string) { return acceptLines(r) })
	runCommand(t, strings.Join(lines, "\n"), "send", "--file", "-", "--batch-bytes", "2KiB").want(t, exitDone, "1000 accepted", "")
	var got strings.Builder
	first := 1
	for i, r := range a.requests {
		if len(r.body) > 2<<10+1 {
			t.Errorf("batch %d: got %d bytes, want at most 2KiB and a line break", i, len(r.body))
		}
		if key := r.header.Get("Idempotency-Key"); !strings.HasSuffix(key, fmt.Sprintf("-%d", first)) {
			t.Errorf("batch %d: key %q does not name its first line %d", i, key, first)
		}
		first += strings.Count(r.body, "\n")
		got.WriteString(r.body)
	}
	if want := strings.Join(lines, "\n") + "\n"; got.String() != want {
		t.Error("the batches together are not the input")
	}
}

func TestSendRepeatsABatchWithItsKey(t *testing.T) {
	a := serveAPI(t, func(r request, n int) (int, string) {
		if n == 1 {
			return http.StatusServiceUnavailable, "{}"
		}
		return acceptLines(r)
	})
	runCommand(t, "{}\n", "send", "--file", "-").want(t, exitDone, "1 accepted", "")
	if len(a.requests) != 2 || a.requests[0].header.Get("Idempotency-Key") != a.requests[1].header.Get("Idempotency-Key") || a.requests[0].body != a.requests[1].body {
		t.Errorf("got %d requests, want the same one twice", len(a.requests))
	}
}

func TestBatcherRefusesLongLines(t *testing.T) {
	b := newBatcher(strings.NewReader("{}\n"+strings.Repeat("x", maxEventBytes+1)), "", 10, 100)
	if _, err := b.next(); err == nil || !strings.Contains(err.Error(), "line 2 is longer than 8MiB") {
		t.Errorf("got %v, want that line 2 is longer than 8MiB", err)
	}
}

func TestEncodeVerbatim(t *testing.T) {
	got, err := encodeVerbatim(map[string]any{"data": json.RawMessage(`{"b":1.0,"a":"<\u00e9>"}`)})
	if want := `{"data":{"b":1.0,"a":"<\u00e9>"}}`; string(got) != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
