package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/wire"
	"github.com/hookwheel/hookwheel/wal"
)

func post(t testing.TB, client *http.Client, kind, key, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://x/v1/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer acme")
	request.Header.Set("Content-Type", kind)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// G7: the data is kept byte for byte, however it is written.
func TestDataIsKept(t *testing.T) {
	e := apitest.Open(t)
	client := apitest.Serve(t, e, dialects(e)...)
	for _, data := range []string{
		`{}`, `{"b":1,"a":2}`, "{ \"a\" :\n1.50 }", `"text"`, `12345678901234567890.10`, `[1, 2]`, `false`, `"<&>\u00e9é\/"`,
	} {
		status, answer := post(t, client, "application/json", "", `{"data": `+data+` , "type":"t"}`)
		var accepted struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &accepted); err != nil || status != 202 {
			t.Fatalf("post %s: got %d %s", data, status, answer)
		}
		if got := string(stored(t, e.Ledger(), accepted.ID).Data); got != data {
			t.Errorf("data: got %s, want %s", got, data)
		}
	}
}

// stored reads an event back from the log.
func stored(t *testing.T, l *ledger.Ledger, id string) *event.Event {
	t.Helper()
	want, err := event.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	var found *event.Event
	p := l.PartitionOf("org_acme")
	err = l.EventsAfter(p, 0, l.Applied(p), func(_ wal.Pos, ev *event.Event) bool {
		if ev.ID == want {
			found = &event.Event{Type: ev.Type, Data: bytes.Clone(ev.Data)}
		}
		return found == nil
	})
	if err != nil || found == nil {
		t.Fatalf("event %s: not found, %v", id, err)
	}
	return found
}

func TestBatchLimit(t *testing.T) {
	e := apitest.Open(t)
	client := apitest.Serve(t, e, dialects(e)...)
	full := strings.Repeat("{\"type\":\"t\"}\n", httpapi.MaxBatch)
	status, answer := post(t, client, "application/x-ndjson", "", full)
	var result struct {
		Accepted int
		Results  []struct {
			Index int
			ID    string
		}
	}
	if err := json.Unmarshal([]byte(answer), &result); err != nil || status != 202 || result.Accepted != httpapi.MaxBatch || len(result.Results) != httpapi.MaxBatch {
		t.Fatalf("%d events: got %d, %d accepted, %v", httpapi.MaxBatch, status, result.Accepted, err)
	}
	seen := map[string]bool{}
	for i, r := range result.Results {
		if r.Index != i || seen[r.ID] {
			t.Fatalf("result %d: got index %d, id %s seen before: %v", i, r.Index, r.ID, seen[r.ID])
		}
		seen[r.ID] = true
	}
	if status, answer := post(t, client, "application/x-ndjson", "", full+`{"type":"t"}`); status != 413 {
		t.Errorf("one more: got %d %s, want 413", status, answer)
	}
	// Much that is wrong does not make a large answer.
	if status, answer := post(t, client, "application/x-ndjson", "", strings.Repeat("{}\n", httpapi.MaxBatch)); status != 400 || len(answer) > 20_000 {
		t.Errorf("all bad: got %d and %d bytes, want 400 and little", status, len(answer))
	}
}

// A batch of far too many events takes no memory for each of them.
func TestBatchBomb(t *testing.T) {
	const n = 1 << 20
	in := &httpapi.Ingest{Events: takeAll{}, MaxEventSize: 1 << 20}
	for kind, body := range map[string]string{
		"application/json":     "[" + strings.Repeat("1,", n-1) + "1]",
		"application/x-ndjson": strings.Repeat("1\n", n),
	} {
		var rc fasthttp.RequestCtx
		rc.Request.Header.SetMethod("POST")
		rc.Request.Header.SetContentType(kind)
		rc.Request.SetBodyString(body)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := in.Post(&wire.Ctx{RequestCtx: &rc, Organization: "org_acme"})
		runtime.ReadMemStats(&after)
		if e, ok := errors.AsType[*wire.Error](err); !ok || e.Status != 413 || !strings.Contains(e.Detail, strconv.Itoa(n)) {
			t.Errorf("%s of %d events: got %v, want 413", kind, n, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("%s of %d events: took %d bytes of memory, want less than 4 MiB", kind, n, took)
		}
	}
}

// takeAll accepts everything at once, so that only the server's part of the
// path is measured.
type takeAll struct{}

func (takeAll) Post(_ context.Context, events []*event.Event, _ bool, dst []ledger.Verdict) ([]ledger.Verdict, error) {
	for range events {
		dst = append(dst, ledger.Verdict{Pos: 1, At: 1767323045678, Matched: 1})
	}
	return dst, nil
}

func BenchmarkIngest(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := &httpapi.Ingest{Events: takeAll{}, MaxEventSize: 1 << 20}
			one := `{"type":"invoice.paid","data":{"payload":"` + strings.Repeat("0123456789abcdef", 64) + `"}}` + "\n"
			var rc fasthttp.RequestCtx
			rc.Request.Header.SetMethod("POST")
			rc.Request.Header.SetContentType("application/json")
			if n > 1 {
				rc.Request.Header.SetContentType("application/x-ndjson")
			}
			rc.Request.SetBodyString(strings.Repeat(one, n))
			c := &wire.Ctx{RequestCtx: &rc, Organization: "org_acme"}
			b.ReportAllocs()
			for b.Loop() {
				if err := in.Post(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
