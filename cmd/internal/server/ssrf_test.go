package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/egress/dnstest"
)

// takesURL are the operations of every dialect that take the URL of a receiver:
// those that make an endpoint, and those that change the one that was made, $.
var takesURL = []struct{ method, path, body string }{
	{"POST", "/v1/endpoints", `{"url":%q}`},
	{"PATCH", "/v1/endpoints/$", `{"url":%q}`},
	{"POST", "/v2/core/event_destinations", `{"name":"a","type":"webhook_endpoint","webhook_endpoint":{"url":%q},"event_payload":"thin","enabled_events":["a"]}`},
	{"POST", "/v2/core/event_destinations/$", `{"webhook_endpoint":{"url":%q}}`},
	{"POST", "/webhooks", `{"endpoint_url":%q,"topic":"a"}`},
	{"POST", "/v1/organizations/default/webhook-endpoints", `{"url":%q,"event_types":["a"]}`},
	{"PATCH", "/v1/organizations/default/webhook-endpoints/$", `{"url":%q}`},
	{"POST", "/v1/webhook-endpoints", `{"name":"a","url":%q,"events":["a"]}`},
	{"PUT", "/v1/webhook-endpoints/$", `{"name":"a","url":%q,"events":["a"]}`},
	{"PATCH", "/v1/webhook-endpoints/$", `{"url":%q}`},
}

// hostileURLs lead, in the eyes of some parser or resolver, to where no delivery
// may go. Package egress tests every spelling and every range.
var hostileURLs = []string{
	"http://example.com/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://017700000001/", "https://127.0.0.1./", "https://[::1]/",
	"https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:7f00:1::]/", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
	"https://[fe80::1%25eth0]/", "https://[fec0::1]/", "https://[2606:4700::5efe:10.0.0.1]/", "https://１２７.０.０.１/", "https://169.254.169.254/latest", "https://100.64.0.1/", "https://0/", "https://localhost/",
	"https://metadata.google.internal/", "https://user:password@example.com/", "https://8.8.8.8@127.0.0.1/", "https://8.8.8.8:22/", "https://8.8.8.8:0/", "https://8.8.8.8:65536/", `https://8.8.8.8\@127.0.0.1/`,
	"https://8.8.8.8#@127.0.0.1/", "https://8.8.8.8/\r\nHost: x", "file:///etc/passwd", "gopher://8.8.8.8/", "javascript:alert(1)", "//8.8.8.8/", "",
	"https://private.example/", "https://mixed.example/", "https://alias.example/", "https://mapped.example/", "https://absent.example/",
}

func hostileDNS(t *testing.T) *dnstest.Server {
	dns := dnstest.Serve(t)
	dns.Set("private.example", []string{"10.0.0.1"})
	dns.Set("mixed.example", []string{"8.8.8.8", "127.0.0.1"})
	dns.Set("alias.example", []string{"private.example"})
	dns.Set("mapped.example", []string{"::ffff:10.0.0.1"})
	dns.Set("public.example", []string{"8.8.8.8"})
	return dns
}

// No dialect takes the URL of what no delivery may reach, neither for a new
// endpoint nor for one that there is, and the answer tells nothing of what a
// name resolves to.
func TestHostileURLsAreRefused(t *testing.T) {
	dns := hostileDNS(t)
	s, err := open(t, t.TempDir(), func(o *Options) { o.Egress.Resolver = dns.Resolver() })
	if err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, s)
	key, c := s.NewAdminKey().Reveal(), newCaller(t, s)
	made := ""
	for _, op := range takesURL {
		if !strings.HasSuffix(op.path, "/$") {
			status, _, answer := c.ask(key, op.method, op.path, fmt.Sprintf(op.body, "https://public.example/"), "")
			id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(answer)
			if id == nil || status != http.StatusCreated && status != http.StatusOK {
				t.Fatalf("%s %s: got %d %s, want it made", op.method, op.path, status, answer)
			}
			made = id[1]
		}
		path := strings.Replace(op.path, "$", made, 1)
		for _, url := range hostileURLs {
			quoted, err := json.Marshal(url)
			if err != nil {
				t.Fatal(err)
			}
			status, _, answer := c.ask(key, op.method, path, strings.Replace(op.body, "%q", string(quoted), 1), "")
			if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
				t.Errorf("%s %s with %q: got %d %s, want it refused", op.method, op.path, url, status, answer)
			}
			if strings.Contains(answer, "10.0.0.1") && !strings.Contains(url, "10.0.0.1") {
				t.Errorf("%s %s with %q: got %s, which tells what the name resolves to", op.method, op.path, url, answer)
			}
		}
	}
}

// A name that was public when its endpoint was made, and is private at the
// attempt, gets nothing; neither does the server itself.
func TestRebindingEndToEnd(t *testing.T) {
	trap, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("no second loopback address:", err)
	}
	defer trap.Close()
	dns := hostileDNS(t)
	dir := t.TempDir()
	change := func(o *Options) {
		o.Egress.Resolver = dns.Resolver()
		// 127.0.0.1 is the public address of this test, 127.0.0.2 the private one.
		o.Egress.Policy = egress.Policy{AllowHTTP: true, AnyPort: true, AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	}
	s, err := open(t, dir, change)
	if err != nil {
		t.Fatal(err)
	}
	key, c := s.NewAdminKey().Reveal(), newCaller(t, s)
	if status, _, answer := c.ask(key, "POST", "/v1/endpoints", fmt.Sprintf(`{"url":"%s/v1/events"}`, s.URL()), ""); status != http.StatusBadRequest {
		t.Errorf("the server's own address: got %d %s, want it refused", status, answer)
	}
	dns.Set("rebind.example", []string{"127.0.0.1"})
	url := fmt.Sprintf("http://rebind.example:%d/", trap.Addr().(*net.TCPAddr).Port)
	if status, _, answer := c.ask(key, "POST", "/v1/endpoints", fmt.Sprintf(`{"url":%q,"max_attempts":1}`, url), ""); status != http.StatusCreated {
		t.Fatalf("create: got %d %s, want 201", status, answer)
	}
	closeNow(t, s) // which forgets what names meant
	dns.Set("rebind.example", []string{"127.0.0.2"})
	if s, err = open(t, dir, change); err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, s)
	c = newCaller(t, s)
	if status, _, answer := c.ask(key, "POST", "/v1/events", `{"type":"a"}`, ""); status != http.StatusAccepted {
		t.Fatalf("event: got %d %s, want 202", status, answer)
	}
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for answer := ""; !strings.Contains(answer, `"error_class":"blocked"`); {
		select {
		case <-tick.C:
			_, _, answer = c.ask(key, "GET", "/v1/deliveries", "", "")
		case <-deadline:
			t.Fatalf("deliveries: got %s, want one that was blocked", answer)
		}
	}
	if err := trap.(*net.TCPListener).SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if conn, err := trap.Accept(); err == nil {
		conn.Close()
		t.Error("the private address was dialled")
	}
}
