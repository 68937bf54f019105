package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi/apitest"
)

// Page numbers of deliveries go back 10,000 and no further, and say so; the
// count comes from the tallies and knows them all.
func TestPageNumbersEnd(t *testing.T) {
	e := apitest.Open(t)
	client := apitest.Serve(t, e, dialects(e)...)
	call := func(method, path, kind, body string) (int, map[string]any) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://x"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer acme")
		request.Header.Set("Content-Type", kind)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s %s: got %s", method, path, text)
		}
		return response.StatusCode, answer
	}
	const number = 10_001
	_, made := call("POST", "/v1/webhook-endpoints", "application/json", `{"name":"all","url":"https://93.184.216.34/","events":["*"]}`)
	id := made["id"].(string)
	call("POST", "/v1/endpoints/"+id+"/pause", "application/json", "")
	for left := number; left > 0; left -= min(left, 5000) {
		status, answer := call("POST", "/v1/events", "application/x-ndjson", strings.Repeat(`{"type":"a"}`+"\n", min(left, 5000)))
		if status != http.StatusAccepted {
			t.Fatalf("post: got %d %v", status, answer)
		}
	}
	list := "/v1/webhook-endpoints/" + id + "/deliveries"
	for _, page := range []string{"1", "100"} {
		status, answer := call("GET", list+"?page="+page, "", "")
		results, _ := answer["results"].([]any)
		if status != http.StatusOK || answer["count"] != float64(number) || answer["next"] == nil || len(results) != 100 {
			t.Errorf("page %s: got %d, count %v, next %v, %d results, want 200, %d, one, 100", page, status, answer["count"], answer["next"], len(results), number)
		}
	}
	for _, query := range []string{"?page=101", "?page=last", "?ordering=created"} {
		status, answer := call("GET", list+query, "", "")
		if detail, _ := answer["detail"].(string); status != http.StatusNotFound || !strings.Contains(detail, "10,000") {
			t.Errorf("%s: got %d %v, want 404 and why", query, status, answer)
		}
	}
}
