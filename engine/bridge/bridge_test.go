package bridge

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookwheel/hookwheel/engine/bridge/bridgetest"
	"github.com/hookwheel/hookwheel/engine/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client makes one that says in out what it would log.
func client(t *testing.T, o Options) (c *Client, out *bytes.Buffer) {
	t.Helper()
	out = new(bytes.Buffer)
	o.Logger = slog.New(slog.NewTextHandler(out, nil))
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, out
}

func entry() *Entry {
	return &Entry{
		Region: "eu-central-1", Bus: "arn:aws:events:eu-central-1:123456789012:event-bus/default", Source: "hookwheel/ed_1",
		DetailType: "invoice.paid", Time: time.UnixMilli(1_700_000_000_250), Detail: []byte(`{"id":"evt_1","text":"ü\u0000"}`),
		Deadline: time.Now().Add(10 * time.Second),
	}
}

// The server verifies the signature, also that it is for the region of the bus.
func TestPut(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	t.Setenv("AWS_REGION", "us-east-1") // is not the endpoint's
	c, logged := client(t, Options{})
	e := entry()
	second := entry()
	second.Region, second.Bus = "eusc-de-east-1", "arn:aws-eusc:events:eusc-de-east-1:123456789012:event-bus/default"
	for _, e := range []*Entry{e, second} {
		res := egress.Response{Err: errors.New("of the last attempt"), RetryAfter: "1"}
		c.Put(e, &res)
		if res.Class != egress.Success || res.Status != 200 || res.Err != nil || res.RetryAfter != "" {
			t.Fatalf("response: got %v %d %v, want success 200 <nil>", res.Class, res.Status, res.Err)
		}
	}
	entries := s.Entries()
	if got, want := len(entries), 2; got != want {
		t.Fatalf("entries: got %d, want %d", got, want)
	}
	got := entries[0]
	want := bridgetest.Entry{EventBusName: e.Bus, Source: e.Source, DetailType: e.DetailType, Detail: string(e.Detail), Time: 1_700_000_000.25}
	if got.EventBusName != want.EventBusName || got.Source != want.Source || got.DetailType != want.DetailType || got.Detail != want.Detail ||
		got.Time != want.Time || len(got.Resources) != 0 {
		t.Errorf("entry: got %+v, want %+v", got, want)
	}
	if got := logged.String(); got != "" {
		t.Errorf("logged: got %q, want nothing", got)
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		verdict bridgetest.Verdict
		class   egress.Class
		status  int
		text    string
	}{
		{bridgetest.Verdict{Entry: "InternalFailure"}, egress.ServerError, 500, "InternalFailure: aws has a problem"},
		{bridgetest.Verdict{Entry: "ThrottlingException"}, egress.ClientError, 429, "ThrottlingException: aws asks to slow down"},
		{bridgetest.Verdict{Entry: "AccessDeniedException"}, egress.ClientError, 403, "AccessDeniedException: this server may not put events on the event bus"},
		{bridgetest.Verdict{Entry: "ResourceNotFoundException"}, egress.NoBus, 404, "ResourceNotFoundException: the event bus does not exist"},
		{bridgetest.Verdict{Entry: "MalformedDetail"}, egress.Payload, 400, "MalformedDetail: the body is not json that eventbridge takes"},
		{bridgetest.Verdict{Entry: "RedactionFailure"}, egress.ClientError, 400, "RedactionFailure: aws refused the event"},
		{bridgetest.Verdict{Entry: strings.Repeat("x", 100)}, egress.ClientError, 400, strings.Repeat("x", 64) + ": aws refused the event"},

		{bridgetest.Verdict{Error: "ThrottlingException"}, egress.ClientError, 429, "ThrottlingException: aws asks to slow down"},
		{bridgetest.Verdict{Error: "NewNameForIt", Status: 429}, egress.ClientError, 429, "NewNameForIt: aws asks to slow down"},
		{bridgetest.Verdict{Error: "ResourceNotFoundException"}, egress.NoBus, 404, "ResourceNotFoundException: the event bus does not exist"},
		{bridgetest.Verdict{Error: "AccessDeniedException"}, egress.ClientError, 403, "AccessDeniedException: this server may not put events on the event bus"},
		{bridgetest.Verdict{Error: "InternalException", Status: 500}, egress.ServerError, 500, "InternalException: aws has a problem"},
		{bridgetest.Verdict{Error: "ServiceUnavailable", Status: 503}, egress.ServerError, 503, "ServiceUnavailable: aws refused the call"},
		{bridgetest.Verdict{Error: "ExpiredTokenException"}, egress.ClientError, 400, "ExpiredTokenException: aws refused the call"},

		{bridgetest.Verdict{Text: "<html>"}, egress.BadResponse, 200, "the answer is not one of eventbridge"},
		{bridgetest.Verdict{Text: `{"FailedEntryCount":0,"Entries":[]}`}, egress.BadResponse, 200, "aws did not say what became of the event"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			s := bridgetest.New(t)
			s.Use(t)
			s.Judge(func(bridgetest.Entry) bridgetest.Verdict { return tt.verdict })
			c, logged := client(t, Options{})
			var res egress.Response
			for range 2 {
				c.Put(entry(), &res)
			}
			wantPause := ""
			if tt.status == 429 {
				wantPause = "1"
			}
			if res.Class != tt.class || res.Status != tt.status || res.RetryAfter != wantPause || res.Err == nil || res.Err.Error() != tt.text {
				t.Errorf("got %v %d %q %q, want %v %d %q %q", res.Class, res.Status, res.RetryAfter, res.Err, tt.class, tt.status, wantPause, tt.text)
			}
			if got, want := len(s.Entries()), 2; got != want {
				t.Errorf("calls for two attempts: got %d, want %d", got, want)
			}
			wantLines := 1 // the second is within a minute
			if tt.verdict.Entry == "" && strings.Contains(tt.verdict.Text, "Entries") {
				wantLines = 0
			}
			if got := strings.Count(logged.String(), "\n"); got != wantLines {
				t.Errorf("logged lines: got %d, want %d: %s", got, wantLines, logged)
			}
			if code := tt.verdict.Entry + tt.verdict.Error; code != "" && !strings.Contains(logged.String(), "what aws says of it") {
				t.Errorf("logged: got %s, want what aws said", logged)
			}
		})
	}
}

// What AWS would refuse anyway costs no call.
func TestUnfitEntries(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	c, _ := client(t, Options{})
	fill := func(size int) []byte { return []byte(`{"a":"` + strings.Repeat("x", size-8) + `"}`) }
	room := MaxEntry - timeSize - len(entry().Source) - len(entry().DetailType)
	for _, tt := range []struct {
		name   string
		detail []byte
		want   egress.Class
	}{
		{"object", []byte(" \r\n\t{}"), egress.Success},
		{"array", []byte(`[{}]`), egress.Payload},
		{"text", []byte(`"{"`), egress.Payload},
		{"nothing", nil, egress.Payload},
		{"largest", fill(room), egress.Success},
		{"too large", fill(room + 1), egress.Payload},
	} {
		e := entry()
		e.Detail = tt.detail
		var res egress.Response
		c.Put(e, &res)
		if res.Class != tt.want {
			t.Errorf("%s: got %v (%v), want %v", tt.name, res.Class, res.Err, tt.want)
		}
	}
	if got, want := len(s.Entries()), 2; got != want {
		t.Errorf("calls: got %d, want %d", got, want)
	}
}

func TestDeadline(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	s.Judge(func(bridgetest.Entry) bridgetest.Verdict { return bridgetest.Verdict{Hang: true} })
	c, _ := client(t, Options{})
	e := entry()
	e.Deadline = time.Now().Add(100 * time.Millisecond)
	var res egress.Response
	c.Put(e, &res)
	if got := time.Since(e.Deadline); got > 5*time.Second {
		t.Errorf("returned %v after the deadline", got)
	}
	if res.Class != egress.Timeout || res.Status != 0 {
		t.Errorf("got %v %d (%v), want timeout 0", res.Class, res.Status, res.Err)
	}
}

func TestCloseEndsAttempts(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	arrived := make(chan struct{})
	s.Judge(func(bridgetest.Entry) bridgetest.Verdict {
		close(arrived)
		return bridgetest.Verdict{Hang: true}
	})
	c, _ := client(t, Options{})
	var res egress.Response
	var wg sync.WaitGroup
	wg.Go(func() { c.Put(entry(), &res) })
	<-arrived
	c.Close()
	wg.Wait()
	if got, want := res.Class, egress.Local; got != want {
		t.Errorf("under way: got %v (%v), want %v", got, res.Err, want)
	}
	c.Put(entry(), &res)
	if got, want := res.Class, egress.Local; got != want {
		t.Errorf("after the close: got %v (%v), want %v", got, res.Err, want)
	}
}

// Nothing is remembered of a failure: what comes later is found.
func TestCredentials(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	keys := s.Environment()
	config := t.TempDir() + "/config"
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_PROFILE", "hooks")
	c, logged := client(t, Options{})
	for _, tt := range []struct {
		name, config string
		class        egress.Class
	}{
		{"no such profile", "", egress.Credentials},
		{"nothing in it", "[profile hooks]\n", egress.Credentials},
		{"keys", "[profile hooks]\naws_access_key_id = " + keys["AWS_ACCESS_KEY_ID"] + "\naws_secret_access_key = " + keys["AWS_SECRET_ACCESS_KEY"] +
			"\naws_session_token = " + keys["AWS_SESSION_TOKEN"] + "\n", egress.Success},
	} {
		if err := os.WriteFile(config, []byte(tt.config), 0o600); err != nil {
			t.Fatal(err)
		}
		var res egress.Response
		c.Put(entry(), &res)
		if res.Class != tt.class || tt.class == egress.Credentials && (res.Status != 0 || !strings.Contains(res.Err.Error(), "no aws credentials")) {
			t.Errorf("%s: got %v %d (%v), want %v", tt.name, res.Class, res.Status, res.Err, tt.class)
		}
	}
	if got, want := logged.String(), "failed to get shared config profile"; !strings.Contains(got, want) {
		t.Errorf("logged: got %q, want %q in it", got, want)
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	c, _ := client(t, Options{})
	var res egress.Response
	c.Put(entry(), &res)
	if res.Class != egress.ClientError || res.Status != http.StatusForbidden {
		t.Errorf("got %v %d (%v), want %v 403", res.Class, res.Status, res.Err, egress.ClientError)
	}
	if got, want := len(s.Refused()), 1; got != want {
		t.Errorf("refused signatures: got %d, want %d", got, want)
	}
}

func TestUnreachable(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close() // for its address
	for url, want := range map[string]egress.Class{
		"http://" + closed.Addr().String(): egress.Connect,
		"http://events.invalid":            egress.DNS,
	} {
		t.Setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", url)
		c, _ := client(t, Options{})
		var res egress.Response
		c.Put(entry(), &res)
		if res.Class != want || res.Status != 0 {
			t.Errorf("%s: got %v %d (%v), want %v 0", url, res.Class, res.Status, res.Err, want)
		}
	}
}

func TestProxy(t *testing.T) {
	s := bridgetest.New(t)
	s.Use(t)
	t.Setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://events.invalid")
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Host
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	c, _ := client(t, Options{Proxy: proxy.URL})
	var res egress.Response
	c.Put(entry(), &res)
	if got, want := <-asked, "events.invalid"; got != want {
		t.Errorf("asked the proxy for: got %s, want %s", got, want)
	}
	if res.Status != http.StatusBadGateway {
		t.Errorf("status: got %d (%v), want 502", res.Status, res.Err)
	}
	if _, err := New(Options{Proxy: "http://u:secret@[/"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a bad proxy: got %v, want an error without the password", err)
	}
}

// A server that never puts anything looks for nothing of AWS.
func TestNewLooksAtNothing(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent/config")
	t.Setenv("AWS_PROFILE", "missing")
	c, _ := client(t, Options{})
	if _, err := c.connect(context.Background()); err == nil {
		t.Error("the first connect: got no error, want one about the profile")
	}
}
