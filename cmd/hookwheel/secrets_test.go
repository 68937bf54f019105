package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"

	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// vault knows every secret of a run and keeps everything that was said in it.
type vault struct {
	t       *testing.T
	secrets map[string]string // what it is → its text
	said    []utterance
}

// utterance is an answer, a file or an output in which no secret may stand.
type utterance struct{ where, text string }

func (v *vault) keep(what, text string) string {
	v.t.Helper()
	if len(text) < 12 {
		v.t.Fatalf("%s: got %q, want a secret", what, text)
	}
	v.secrets[what] = text
	return text
}

func (v *vault) hear(where, text string) { v.said = append(v.said, utterance{where, text}) }

// ask makes a request. Its answer may not show any secret.
func (v *vault) ask(authorization, method, url, body string, headers ...string) string {
	v.t.Helper()
	text, head := v.once(authorization, method, url, body, headers...)
	v.hear(method+" "+url, head+text)
	return text
}

// once is ask for the one answer that shows the secret that it has made.
func (v *vault) once(authorization, method, url, body string, headers ...string) (text, head string) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(answer), fmt.Sprint(response.StatusCode, response.Header, "\n")
}

// made is what a regular expression finds in the answer of a request that makes
// a secret.
func (v *vault) made(pattern, authorization, method, url, body string, headers ...string) []string {
	v.t.Helper()
	text, head := v.once(authorization, method, url, body, headers...)
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		v.t.Fatalf("%s %s: got %s%s, want %s in it", method, url, head, text, pattern)
	}
	return found[1:]
}

// spellings are the ways in which a secret could be written down.
func spellings(text string) [][]byte {
	raw := [][]byte{[]byte(text)}
	for _, prefix := range []string{"whsec_", "whsk_", "hw_live_", "hw_test_", "hw_admin_", "hw_secret_"} {
		rest, found := strings.CutPrefix(text, prefix)
		if !found {
			continue
		}
		raw = append(raw, []byte(rest))
		if key, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.HasPrefix(prefix, "whs") {
			raw = append(raw, key)
		}
	}
	all := raw
	for _, r := range raw {
		all = append(all, []byte(hex.EncodeToString(r)), []byte(strings.TrimRight(base64.StdEncoding.EncodeToString(r), "=")), []byte(strings.TrimRight(base64.URLEncoding.EncodeToString(r), "=")))
	}
	return all
}

// search looks for every secret in everything that was heard.
func (v *vault) search() {
	v.t.Helper()
	for what, text := range v.secrets {
		for _, spelling := range spellings(text) {
			for _, u := range v.said {
				if i := strings.Index(u.text, string(spelling)); i >= 0 {
					v.t.Errorf("%s stands in %s, at %d: %.40q", what, u.where, i, spelling)
				}
			}
		}
	}
}

// hearFiles hears every file below a directory but those that are the secret's
// own place.
func (v *vault) hearFiles(dir string, but ...string) {
	v.t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, name := range but {
			if entry.Name() == name {
				return nil
			}
		}
		content, err := os.ReadFile(path)
		v.hear(path, string(content))
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
}

// No secret stands in clear anywhere but in the one answer that shows it: not in
// logs at debug level, other answers, errors, metrics or profiles, not in any
// file of the store, its write-ahead logs included, nor in a backup. One file is
// left out: admin.key, the place of the admin key for the local command line.
// The memory of the process has them all; Go's profiles do not show it.
func TestSecretsNowhereInClear(t *testing.T) {
	v := &vault{t: t, secrets: map[string]string{}}
	root, address := t.TempDir(), freeAddress(t)
	data, backups := filepath.Join(root, "data"), filepath.Join(root, "backups")
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := second.Addr().String()
	second.Close()
	master := make([]byte, 32)
	rand.Read(master)
	keyFile := filepath.Join(root, "master.key")
	if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(master)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.keep("the master key", string(master))
	flags := []string{"--master-key-file", keyFile, "--backup-dir", backups, "--log-level", "debug", "--log-format", "json", "--admin-listen", admin, "--pprof", "--retry-schedule", "50ms"}
	s := startServeAs(t, `"msg":"ready"`, data, address, flags...)
	v.keep("the admin key", s.key())
	run := &leakRun{vault: v, api: "http://" + address, ops: "http://" + admin, root: "Bearer " + s.key()}
	run.plant()
	run.work()
	run.look()
	v.ask(run.root, "POST", run.ops+"/v1/backups", `{"path":"one"}`)
	run.commands(data, admin, address)
	v.hear("the log", s.log.String())
	s.end(syscall.SIGKILL) // so that everything is still in the write-ahead log
	v.hearFiles(data, "admin.key")
	v.hearFiles(backups)
	s = startServeAs(t, `"msg":"ready"`, data, address, flags...)
	run.look()
	s.end(syscall.SIGTERM)
	v.hear("the second log", s.log.String()+s.out.String())
	v.hearFiles(data, "admin.key")
	v.search()
	for _, place := range []string{data, backups, "the log"} { // else the search would find nothing anywhere
		found := false
		for _, u := range v.said {
			found = found || strings.HasPrefix(u.where, place) && strings.Contains(u.text, run.marker(place))
		}
		if !found {
			t.Errorf("%s: what is no secret is not found there either", place)
		}
	}
}

// leakRun is a run with something secret of every kind.
type leakRun struct {
	*vault
	api, ops, root string // URLs, and the authorization of the operator
	tenant         string // the authorization of an organization
	endpoints      []string
}

// marker is what is no secret and stands at a place.
func (r *leakRun) marker(place string) string {
	if place == "the log" {
		return "/v1/deliveries"
	}
	return "leak.marker"
}

// plant makes everything that has a secret, and shows secrets where they do not
// belong.
func (r *leakRun) plant() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.HasPrefix(q.URL.Path, "/fail") {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, "you sent %v", q.Header) // as many frameworks do
		}
	}))
	r.t.Cleanup(receiver.Close)
	key := r.made(`"plaintext_api_key":"([^"]+)"`, r.root, "POST", r.ops+"/v1/organizations/default/api-keys", `{"name":"a","scopes":["admin"]}`, "Idempotency-Key", "one")
	r.tenant = "Bearer " + r.keep("an API key", key[0])
	client := r.made(`"client_id":"([^"]+)".*"client_secret":"([^"]+)"`, r.root, "POST", r.ops+"/v1/organizations/default/oauth-clients", `{"name":"a"}`)
	r.keep("the secret of an OAuth client", client[1])
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(client[0]+":"+client[1]))
	token := r.made(`"access_token":"([^"]+)"`, basic, "POST", r.api+"/oauth/token", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
	r.keep("an access token", token[0])
	for _, scheme := range []string{"standard", "stripe", "timestamped", "github", "bearer"} {
		for _, path := range []string{"ok", "fail"} {
			given := r.keep(scheme+" secret, "+path, "whsec_"+base64.StdEncoding.EncodeToString(random(24)))
			body := fmt.Sprintf(`{"url":"%s/%s","signatures":[%q],"secret":%q,"max_attempts":2}`, receiver.URL, path, scheme, given)
			id := r.made(`"id":"(ed_[^"]+)"`, r.tenant, "POST", r.api+"/v1/endpoints", body, "Idempotency-Key", scheme+path)
			r.endpoints = append(r.endpoints, id[0])
		}
	}
	made := r.made(`"id":"(ed_[^"]+)".*"secret":"(whsec_[^"]+)"`, r.tenant, "POST", r.api+"/v1/endpoints", fmt.Sprintf(`{"url":"%s/ok"}`, receiver.URL))
	r.keep("a secret that was made", made[1])
	rotated := r.made(`"secret":"(whsec_[^"]+)"`, r.tenant, "POST", r.api+"/v1/endpoints/"+made[0]+"/rotate-secret", `{}`)
	r.keep("a rotated secret", rotated[0])
	connector := r.keep("a connector's secret", "whsec_"+hex.EncodeToString(random(20)))
	r.ask(r.root, "PUT", r.ops+"/v1/organizations/default/connectors/stripe", fmt.Sprintf(`{"signing_secrets":[%q]}`, connector))
	other := r.keep("a secret in a URL", hex.EncodeToString(random(12)))
	wrong := r.keep("a key that nobody has", "hw_live_"+hex.EncodeToString(random(20)))
	for _, authorization := range []string{"Bearer " + wrong, "Basic " + base64.StdEncoding.EncodeToString([]byte(wrong+":")), "Digest " + wrong, wrong, "Bearer " + token[0] + "x"} {
		r.ask(authorization, "GET", r.api+"/v1/endpoints", "")
	}
	r.ask("", "POST", r.api+"/v1/orgs/default/integrations/stripe?secret="+connector, "{}", "Stripe-Signature", "t=1,v1="+other)
	r.ask(r.tenant, "GET", r.api+"/v1/events?limit=x&key="+wrong, "")
	r.ask(r.tenant, "POST", r.api+"/v1/endpoints", fmt.Sprintf(`{"url":"https://user:%s@example.com/"}`, other))
	r.ask(r.tenant, "POST", r.api+"/v1/endpoints", fmt.Sprintf(`{"url":"https://example.com/","secret":"whsk_%s"}`, wrong))
	r.ask(r.tenant, "POST", r.api+"/v1/endpoints", fmt.Sprintf(`{"url":"https://example.com/","secret":{"x":%q}}`, wrong))
	r.ask("", "POST", r.api+"/oauth/token", "grant_type=client_credentials&client_id="+client[0]+"&client_secret="+wrong, "Content-Type", "application/x-www-form-urlencoded")
	r.malformed(wrong)
}

// malformed sends a request that is none, with a key in it.
func (r *leakRun) malformed(key string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.api, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer %s\r\n\r\n", key)
	answer, err := io.ReadAll(conn)
	if err != nil {
		r.t.Fatal(err)
	}
	r.hear("the answer to what is no request", string(answer))
}

// work delivers, fails, retries and replays until every endpoint has had its
// attempts.
func (r *leakRun) work() {
	r.ask(r.tenant, "POST", r.api+"/v1/events", `{"type":"leak.marker","data":{"a":1}}`)
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for done := 0; done < len(r.endpoints)+1; {
		select {
		case <-tick.C:
			text, _ := r.once(r.tenant, "GET", r.api+"/v1/deliveries?limit=100", "")
			done = strings.Count(text, `"state":"succeeded"`) + strings.Count(text, `"state":"exhausted"`)
		case <-deadline:
			r.t.Fatal("deliveries are still under way after 30 s")
		}
	}
	r.ask(r.tenant, "POST", r.api+"/v1/replays", `{}`)
	r.ask(r.tenant, "POST", r.api+"/webhooks/retry", `{}`)
}

// look asks for everything that can be looked at, in every dialect.
func (r *leakRun) look() {
	text := r.ask(r.tenant, "GET", r.api+"/v1/deliveries?limit=100", "")
	for _, id := range regexp.MustCompile(`"id":"(dlv_[^"]+)"`).FindAllStringSubmatch(text, -1) {
		r.ask(r.tenant, "GET", r.api+"/v1/deliveries/"+id[1], "")
	}
	for _, id := range r.endpoints {
		r.ask(r.tenant, "GET", r.api+"/v1/endpoints/"+id, "")
		r.ask(r.tenant, "GET", r.api+"/v1/endpoints/"+id+"/stats", "")
		r.ask(r.tenant, "GET", r.api+"/v1/webhook-endpoints/"+id+"/deliveries", "")
	}
	for _, path := range []string{
		"/v1/endpoints", "/v1/events", "/v1/replays", "/v1/audit", "/v1/stats", "/v2/core/event_destinations", "/webhooks", "/v1/webhook-endpoints", "/v1/organizations/default/webhook-endpoints", "/openapi.json", "/healthz", "/version",
	} {
		r.ask(r.tenant, "GET", r.api+path, "")
	}
	for _, path := range []string{
		"/v1/organizations", "/v1/organizations/default/api-keys", "/v1/organizations/default/oauth-clients", "/v1/organizations/default/connectors/stripe", "/readyz", "/metrics",
		"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/pprof/trace?seconds=1", "/debug/pprof/profile?seconds=1",
	} {
		r.ask(r.root, "GET", r.ops+path, "")
	}
}

// commands hears what the command line shows.
func (r *leakRun) commands(data, admin, address string) {
	for _, args := range [][]string{{"endpoint", "list"}, {"endpoint", "list", "--json"}, {"delivery", "list", "--json"}, {"event", "list"}} {
		_, out, errs := run(r.t, append(args, "--url", "http://"+address, "--data-dir", data)...)
		r.hear("hookwheel "+strings.Join(args, " "), out+errs)
	}
	for _, args := range [][]string{{"key", "list"}, {"client", "list"}, {"audit"}} {
		_, out, errs := run(r.t, append(args, "--url", "http://"+admin, "--data-dir", data)...)
		r.hear("hookwheel "+strings.Join(args, " "), out+errs)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
