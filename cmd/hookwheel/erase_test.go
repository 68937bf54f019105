package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv/kvtest"
)

// Of a deleted organization no file of the store has anything any more once the
// server says so: no table, whatever compresses it, no write-ahead log, those
// included that wait to be reused. The server is killed on the way. What another
// organization has, in the same packs and tables, is all there and delivered.
func TestErasure(t *testing.T) {
	data, address := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	flags := []string{"--append-timeout", "2s", "--memtable-size", "1MiB", "--max-body-size", "512KiB", "--partitions", "1", "--retry-schedule", "1s,1h"}
	s := startServe(t, data, address, flags...)
	doomed, kept := newTenant(s, "doomed"), newTenant(s, "kept")
	const events = 3000
	for n := 0; n < events; n += 50 {
		doomed.post(n, 50)
		kept.post(n, 50)
	}
	doomed.await(events)
	doomed.replay()
	for _, place := range places {
		if doomed.found(data, place) == 0 {
			t.Fatalf("no %s of the organization is in any file: the test shows nothing", place)
		}
	}

	s.want(http.StatusNoContent, "DELETE", "/v1/organizations/doomed", "")
	if got := s.want(http.StatusOK, "GET", "/v1/organizations/doomed", "")["state"]; got != "deleting" {
		t.Errorf("state after the deletion: got %v, want deleting", got)
	}
	s.end(syscall.SIGKILL)
	s = startServe(t, data, address, flags...)
	kept.serve = s
	kept.post(events, 50) // while it is erased
	s.await("organization erased")
	s.want(http.StatusNotFound, "GET", "/v1/organizations/doomed", "")
	entry := s.want(http.StatusOK, "GET", "/v1/audit?organization_id=doomed&limit=1", "")["data"].([]any)[0].(map[string]any)
	if entry["verb"] != "erase" || entry["actor"] != "hookwheel" {
		t.Errorf("audit: got %v, want the erasure by the server", entry)
	}
	for _, when := range []string{"at work", "stopped", "started again and stopped"} {
		for _, place := range places {
			if n := doomed.found(data, place); n != 0 {
				t.Errorf("%s: got the %s %d times, want it nowhere", when, place, n)
			}
		}
		if when == "at work" {
			kept.await(events + 50)
		} else {
			s = startServe(t, data, address, flags...)
		}
		kept.serve = s
		kept.check(events + 50)
		s.end(syscall.SIGTERM)
	}
}

// places are where the marks of a tenant are planted.
var places = []string{"payload", "type", "idempotency", "url", "name", "description", "metadata", "header", "answer", "organization", "key", "client", "request"}

// tenant is an organization with marks of its own in all that it has, and a
// receiver that refuses a tenth of its events, with a mark in the answer.
type tenant struct {
	*serve
	name, token string
	key         string
	received    atomic.Int64
}

func newTenant(s *serve, name string) *tenant {
	s.t.Helper()
	n := &tenant{serve: s, name: name, token: strings.ToLower(rand.Text())}
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if n.received.Add(1); bytes.Contains(body, []byte(`"refuse":true`)) {
			http.Error(w, n.mark("answer"), http.StatusInternalServerError)
		}
	}))
	s.t.Cleanup(to.Close)
	s.want(http.StatusCreated, "POST", "/v1/organizations", `{"id":"`+name+`","name":"`+n.mark("organization")+`"}`)
	path := "/v1/organizations/" + name
	n.key = s.want(http.StatusCreated, "POST", path+"/api-keys", `{"name":"`+n.mark("key")+`"}`)["plaintext_api_key"].(string)
	s.want(http.StatusCreated, "POST", path+"/oauth-clients", `{"name":"`+n.mark("client")+`"}`)
	n.ask(http.StatusCreated, "POST", "/v1/endpoints", fmt.Sprintf(
		`{"url":%q,"name":%q,"description":%q,"metadata":{"m":%q},"headers":[{"name":"X-Mark","value":%q}]}`,
		to.URL+"/"+n.mark("url"), n.mark("name"), n.mark("description"), n.mark("metadata"), n.mark("header")))
	return n
}

// mark is what is planted in a place.
func (n *tenant) mark(place string) string { return n.token + "." + place }

// ask makes a call with the tenant's own key and a mark as the request's id.
func (n *tenant) ask(status int, method, path, body string) map[string]any {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), method, "http://"+n.address+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+n.key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", n.mark("request"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	answer := map[string]any{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != status {
		n.t.Fatalf("%s %s: got %d %v, %v, want %d", method, path, response.StatusCode, answer, err, status)
	}
	return answer
}

func (n *tenant) post(from, count int) {
	n.t.Helper()
	var list []string
	for i := from; i < from+count; i++ {
		list = append(list, fmt.Sprintf(`{"id":%q,"type":%q,"data":{"mark":%q,"refuse":%v,"filler":%q}}`,
			fmt.Sprint(n.mark("idempotency"), i), n.mark("type"), n.mark("payload"), i%10 == 0, strings.Repeat(rand.Text(), 20)))
	}
	n.ask(http.StatusAccepted, "POST", "/v1/events", "["+strings.Join(list, ",")+"]")
}

// await returns when so many events have been attempted.
func (n *tenant) await(events int64) {
	n.t.Helper()
	deadline, again := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer again.Stop()
	for n.received.Load() < events {
		select {
		case <-again.C:
		case <-deadline:
			n.t.Fatalf("%s: %d of %d events were attempted within 30 s", n.name, n.received.Load(), events)
		}
	}
}

// replay leaves a job that has a type in its filter.
func (n *tenant) replay() {
	n.t.Helper()
	n.ask(http.StatusAccepted, "POST", "/v1/replays", `{"states":["succeeded"],"types":["`+n.mark("type")+`"],"rate_per_second":1}`)
}

// found counts the files, and the entries of tables, that have a mark.
func (n *tenant) found(dir, place string) (count int) {
	mark := []byte(n.mark(place))
	kvtest.Files(n.t, dir, func(_ string, content []byte) {
		if bytes.Contains(content, mark) {
			count++
		}
	})
	return count
}

// check reads all events of the tenant and of what became of them.
func (n *tenant) check(want int) {
	n.t.Helper()
	got, path := 0, "/v1/events?limit=500"
	for path != "" {
		page := n.ask(http.StatusOK, "GET", path, "")
		for _, item := range page["data"].([]any) {
			if ev := item.(map[string]any); ev["type"] != n.mark("type") {
				n.t.Errorf("%s: got the event %v, want one of type %s", n.name, ev["id"], n.mark("type"))
			}
			got++
		}
		next, _ := page["next_cursor"].(string)
		if path = ""; next != "" {
			path = "/v1/events?limit=500&after=" + next
		}
	}
	if got != want {
		n.t.Errorf("%s: got %d events, want %d", n.name, got, want)
	}
}
