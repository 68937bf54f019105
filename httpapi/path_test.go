package httpapi_test

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// disguises are ways to write a path that something between client and server
// may take for another one.
func disguises(path string) []string {
	list := []string{
		"/" + path, "/." + path, "/x/.." + path, "/%2e" + path, "/x/%2e%2e" + path, "/healthz/.." + path, "/healthz%2f.." + path, "//healthz/.." + path,
		path + "/", path + "//", path + "/.", path + "/..;/", path + "/%2e%2e", path + "/../x", path + ";", path + ";x=y", path + ";.css", path + ".json", path + "%00", path + "%00.css", path + "%0a", path + "%20",
		path + "%3f", path + "%23", path + "?", path + "%", path + "%zz", path + "%c0%af", path + "%ff", path + "\\", path + "%5c..", path + "/%252e%252e", path + "/*", path + "/\u202e",
		strings.ToUpper(path), strings.Replace(path, "/v1/", "/V1/", 1), strings.ReplaceAll(path, "/", "\\"),
		strings.ReplaceAll(path, "/", "//"), strings.ReplaceAll(path, "/", "/./"), strings.ReplaceAll(path, "/", "%2f"), strings.ReplaceAll(path, "/", "%252f"),
		strings.ReplaceAll(path, "e", "%65"), strings.ReplaceAll(path, "e", "%2565"),
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			list = append(list, path[:i]+"%2F"+path[i+1:], path[:i]+";/"+path[i+1:], path[:i]+"/x/.."+path[i:], path[:i]+"/%2e%2e"+path[i:])
		}
	}
	return list
}

// ask makes a request for a target exactly as it is written, of which the
// description of the API knows nothing, and returns the answer. root acts for
// org_acme.
func (w *world) ask(key, method, target, body string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://x/", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.URL = &url.URL{Scheme: "http", Host: "x", Opaque: target}
	if strings.HasPrefix(target, "//") { // net/url would read a host
		request.URL.Opaque = "http://x" + target
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if key == "root" {
		request.Header.Set("Hookwheel-Organization", "org_acme")
	}
	response, err := w.api.next.RoundTrip(request)
	if err != nil {
		w.t.Fatalf("%s %q: %v", method, target, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatalf("%s %q: %v", method, target, err)
	}
	return response.StatusCode, string(answer)
}

// However the path of a route is disguised, nobody reaches it without a key,
// and what another organization reaches by it is nothing of org_acme's (G9).
func TestPathsInDisguise(t *testing.T) {
	w := plant(t)
	sum, _ := w.state()
	tried := 0
	for _, r := range w.routes {
		path := w.path(r, w.own)
		for _, target := range disguises(path) {
			tried++
			status, _ := w.ask("", r.Method, target, "{}")
			allowed := []int{400, 401, 404, 405}
			if !slices.Contains(allowed, status) {
				t.Errorf("%s %q without a key: got %d, want one of %v", r.Method, target, status, allowed)
			}
			if !r.object() && r.Tenant == "" { // it shows what is the caller's own
				continue
			}
			status, answer := w.ask("boss", r.Method, target, "{}")
			w.checkHidden(r, "boss", strings.ReplaceAll(answer, target, ""))
			if status < 400 && !strings.HasSuffix(target, "?") || status >= 500 {
				t.Errorf("%s %q of another organization: got %d %s, want it refused", r.Method, target, status, answer)
			}
		}
	}
	if tried < 1000 {
		t.Errorf("got %d paths, want those of every route", tried)
	}
	if after, _ := w.state(); after != sum {
		t.Error("partition of org_acme: a request has changed it")
	}
}

// forgeries are texts near one that is good, or that no server would have made.
func forgeries(good string) []string {
	flip := func(i int, bit byte) string { b := []byte(good); b[i] ^= bit; return string(b) }
	list := []string{
		good[:len(good)-1], good[:len(good)/2], good[:1], good[1:], good + good, good + "0", good + "=", good + "\x00", " " + good, strings.ToLower(good) + "x",
		"0", "-1", "1e9", "null", "undefined", "*", "%", "..", "../..", "'", `"`, "<script>", "{}", "\x00", "\xff\xfe", "\u202e", strings.Repeat("A", 26), strings.Repeat("7", 26), strings.Repeat("z", 5000),
	}
	for i := range good {
		list = append(list, flip(i, 1), flip(i, 4))
	}
	return list
}

// An id that was cut, altered or made up is that of nothing: the answer is 404,
// or 400 where ids are checked, and never a failure or a neighbour's object.
func TestForgedIDs(t *testing.T) {
	w := plant(t)
	for _, r := range w.routes {
		if r.Method != "GET" || !r.object() {
			continue
		}
		segments := strings.Split(r.Pattern, "/")
		kind := ""
		for i, s := range segments {
			if strings.HasPrefix(s, "{") && s != "{"+r.Tenant+"}" {
				kind = segments[i-1]
			}
		}
		if kind == "organizations" {
			continue // of which only the operator may ask for any, and then by its name
		}
		for _, id := range forgeries(w.own[kind]) {
			ids := maps.Clone(w.own)
			ids[kind] = url.PathEscape(id)
			target := w.path(r, ids)
			status, answer := w.ask("root", r.Method, target, "")
			if status != http.StatusNotFound && status != http.StatusBadRequest {
				t.Errorf("%s %.200q: got %d %.100s, want it not found", r.Method, target, status, answer)
			}
		}
	}
}

// A cursor that was cut, altered, made up, made for another list or for another
// choice from it is none: 400, and nothing is shown.
func TestForgedCursors(t *testing.T) {
	w := plant(t)
	for range 2 {
		w.call("acme", "POST", "/v1/events", `{"type":"planted","data":{}}`)
		w.call("acme", "POST", "/v1/endpoints", `{"url":"https://93.184.216.34/"}`)
	}
	cursor := func(list string) string {
		t.Helper()
		_, answer := w.call("acme", "GET", list, "")
		_, rest, _ := strings.Cut(answer, `"next_cursor":"`)
		text, _, found := strings.Cut(rest, `"`)
		if !found {
			t.Fatalf("%s: got %s, want a cursor", list, answer)
		}
		return text
	}
	refused := func(list, text string) {
		t.Helper()
		if status, answer := w.call("acme", "GET", list+"&after="+url.QueryEscape(text), ""); status != http.StatusBadRequest {
			t.Errorf("%s with the cursor %.80q: got %d %.200s, want 400", list, text, status, answer)
		}
	}
	events := cursor("/v1/events?limit=1")
	for _, text := range forgeries(events) {
		refused("/v1/events?limit=1", text)
	}
	refused("/v1/endpoints?limit=1", events)
	refused("/v1/events?limit=1&type=planted", events)
	refused("/v1/events?limit=1", cursor("/v1/endpoints?limit=1"))
	if status, answer := w.call("acme", "GET", "/v1/events?limit=1&after="+events, ""); status != http.StatusOK {
		t.Errorf("the cursor itself: got %d %s, want 200", status, answer)
	}
}

// What the disguises hide is read by the server as the tests mean it: an escaped
// letter is that letter, an escaped slash divides nothing.
func TestDisguisesReachTheServer(t *testing.T) {
	w := plant(t)
	if status, _ := w.ask("acme", "GET", "/v1/%65vents", ""); status != http.StatusOK {
		t.Errorf("a letter that is escaped: got %d, want 200", status)
	}
	if status, _ := w.ask("acme", "GET", "/v1%2fevents", ""); status != http.StatusNotFound {
		t.Errorf("a slash that is escaped: got %d, want 404", status)
	}
}
