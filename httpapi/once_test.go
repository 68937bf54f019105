package httpapi

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// memoryAnswers keeps answers for ever.
type memoryAnswers struct{ kept sync.Map }

func (m *memoryAnswers) Answer(organization, key string) (secret.Secret, bool, error) {
	a, ok := m.kept.Load(organization + key)
	if !ok {
		return secret.Secret{}, false, nil
	}
	return a.(secret.Secret), true, nil
}

func (m *memoryAnswers) KeepAnswer(_ context.Context, organization, key string, a secret.Secret, _ time.Duration) error {
	m.kept.Store(organization+key, a)
	return nil
}

// A body of small values takes some 70 times as much memory as a tree of them:
// one key and a few requests could take all there is (G8).
func TestFingerprintOfALargeBody(t *testing.T) {
	text := "[" + strings.Repeat("0,", 2<<20) + "0]"
	var c wire.Ctx
	c.Reset(new(fasthttp.RequestCtx))
	c.Request.SetBodyString(text)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fingerprintOf(&c)
	runtime.ReadMemStats(&after)
	if got, want := after.TotalAlloc-before.TotalAlloc, uint64(len(text)); got > want {
		t.Errorf("got %d bytes of memory for a body of %d, want at most %d", got, len(text), want)
	}
}

func TestOnce(t *testing.T) {
	var executed atomic.Int64
	create := func(c *wire.Ctx) error {
		n := executed.Add(1)
		if strings.Contains(string(c.PostBody()), "bad") {
			return wire.BadRequest(wire.CodeBadRequest, "bad")
		}
		return c.Raw(201, fmt.Appendf(nil, "made %d", n))
	}
	h := start(t, func(o *Options) {
		o.Answers = &memoryAnswers{}
		o.Dialects = []*wire.Dialect{{Name: "once", Prefixes: []string{"/"}, Render: plain("once"), Routes: []wire.Route{
			{Method: "POST", Pattern: "/things", Once: true, Handle: create},
			{Method: "POST", Pattern: "/other", Once: true, Handle: create},
			{Method: "POST", Pattern: "/plain", Handle: create},
		}}}
	})
	const key, writer = "Idempotency-Key: k1\r\n", "Authorization: Bearer writer\r\n"
	const root = "Authorization: Bearer root\r\n"
	for i, test := range []struct {
		target, headers, content, want string
		status                         int
		replayed                       string
	}{
		{"/things", writer + key, "a", "made 1", 201, ""},
		{"/things", writer + key, "a", "made 1", 201, "true"},
		{"/things", writer + key, "b", "once 422 idempotency_key_reused", 422, ""},
		{"/things", writer + "Idempotency-Key: json\r\n", `{"a":1,"b":2}`, "made 2", 201, ""},
		{"/things", writer + "Idempotency-Key: json\r\n", `{ "b": 2, "a": 1 }`, "made 2", 201, "true"},
		{"/things?x=1", writer + key, "a", "once 422 idempotency_key_reused", 422, ""},
		{"/things", writer, "a", "made 3", 201, ""},
		{"/things", writer, "a", "made 4", 201, ""},
		{"/things", writer + "Idempotency-Key: k2\r\n", "a", "made 5", 201, ""},
		{"/other", writer + key, "a", "made 6", 201, ""}, // another path
		{"/things", root + key, "a", "made 7", 201, ""},  // another organization
		{"/plain", writer + key, "a", "made 8", 201, ""},
		{"/plain", writer + key, "a", "made 9", 201, ""},
		{"/things", writer + "Idempotency-Key: k3\r\n", "bad", "once 400 bad_request", 400, ""},
		{"/things", writer + "Idempotency-Key: k3\r\n", "good", "made 11", 201, ""}, // a failure is not kept
		{"/things", writer + "Idempotency-Key: " + strings.Repeat("k", 256) + "\r\n", "a", "once 400 bad_request", 400, ""},
		{"/things", writer + "Idempotency-Key: \xfc\r\n", "a", "once 400 bad_request", 400, ""},
	} {
		response := h.one(t, "POST", test.target, test.headers, test.content)
		got, replayed := body(response), response.Header.Get("Idempotent-Replayed")
		if response.StatusCode != test.status || got != test.want || replayed != test.replayed {
			t.Errorf("step %d: got %d %q, replayed %q, want %d %q, replayed %q", i, response.StatusCode, got, replayed, test.status, test.want, test.replayed)
		}
	}
}

// G9: what a key with more rights was answered, one with fewer cannot ask for by
// repeating the request.
func TestOnceIsNotMoreThanAllowed(t *testing.T) {
	h := start(t, func(o *Options) {
		o.Answers = &memoryAnswers{}
		o.Dialects = []*wire.Dialect{{Name: "once", Prefixes: []string{"/"}, Render: plain("once"), Routes: []wire.Route{
			{Method: "POST", Pattern: "/things", Once: true, Handle: func(c *wire.Ctx) error { return c.Raw(201, []byte("made by "+c.Principal.KeyID)) }},
		}}}
	})
	for i, test := range []struct{ key, once, want string }{
		{"writer", "a", "made by key_writer"},
		{"writer", "a", "made by key_writer"},
		{"reader", "a", "once 403 forbidden"},
		{"root\r\nHookwheel-Organization: org_a", "a", "made by key_writer"},
		{"root\r\nHookwheel-Organization: org_a", "b", "made by key_root"},
		{"writer", "b", "once 403 forbidden"},
		{"chief", "b", "once 403 forbidden"},
	} {
		got := body(h.one(t, "POST", "/things", "Authorization: Bearer "+test.key+"\r\nIdempotency-Key: "+test.once+"\r\n", ""))
		if got != test.want {
			t.Errorf("step %d: got %q, want %q", i, got, test.want)
		}
	}
}

// A dialect may refuse a key that comes with other content in its own way.
func TestOnceByDialect(t *testing.T) {
	h := start(t, func(o *Options) {
		o.Answers = &memoryAnswers{}
		o.Dialects = []*wire.Dialect{{
			Name: "own", Render: plain("own"), Idempotency: wire.Idempotency{Reused: wire.Conflict("idempotency_error", "")},
			Routes:   []wire.Route{{Method: "POST", Pattern: "/things", Once: true, Handle: func(c *wire.Ctx) error { return c.Raw(200, nil) }}},
			Prefixes: []string{"/things"},
		}}
	})
	const headers = "Authorization: Bearer writer\r\nIdempotency-Key: k\r\n"
	h.one(t, "POST", "/things", headers, "a")
	if got, want := body(h.one(t, "POST", "/things", headers, "b")), "own 409 idempotency_error"; got != want {
		t.Errorf("other content: got %q, want %q", got, want)
	}
}

// Of two requests with the same key at the same time, one is executed.
func TestOnceConcurrently(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var executed atomic.Int64
	h := start(t, func(o *Options) {
		o.Answers = &memoryAnswers{}
		o.Dialects = []*wire.Dialect{{Name: "once", Render: plain("once"), Routes: []wire.Route{
			{Method: "POST", Pattern: "/things", Scope: auth.EventsWrite, Once: true, Handle: func(c *wire.Ctx) error {
				executed.Add(1)
				close(entered)
				<-release
				return c.Raw(201, []byte("made"))
			}},
		}}}
	})
	const headers = "Authorization: Bearer writer\r\nIdempotency-Key: k\r\n"
	var first sync.WaitGroup
	first.Go(func() {
		if got := h.one(t, "POST", "/things", headers, "").StatusCode; got != 201 {
			t.Errorf("first: got %d, want 201", got)
		}
	})
	<-entered
	twin := h.one(t, "POST", "/things", headers, "")
	if twin.StatusCode != 409 || twin.Header.Get("Retry-After") != "1" {
		t.Errorf("twin: got %d, Retry-After %q, want 409 and 1", twin.StatusCode, twin.Header.Get("Retry-After"))
	}
	close(release)
	first.Wait()
	if got := h.one(t, "POST", "/things", headers, "").Header.Get("Idempotent-Replayed"); got != "true" {
		t.Errorf("afterwards: got replayed %q, want true", got)
	}
	if got := executed.Load(); got != 1 {
		t.Errorf("executed %d times, want 1", got)
	}
}

// An operation that is done is answered as done, even if that cannot be kept.
func TestOnceWithoutStorage(t *testing.T) {
	h := start(t, func(o *Options) {
		o.Answers = &fullAnswers{}
		o.Dialects = []*wire.Dialect{{Name: "once", Render: plain("once"), Routes: []wire.Route{
			{Method: "POST", Pattern: "/things", Once: true, Handle: func(c *wire.Ctx) error { return c.Raw(201, []byte("made")) }},
		}}}
	})
	got := h.one(t, "POST", "/things", "Authorization: Bearer writer\r\nIdempotency-Key: k\r\n", "")
	if got.StatusCode != 201 || body(got) != "made" {
		t.Errorf("got %d, want 201", got.StatusCode)
	}
	if logs := h.logs.String(); !strings.Contains(logs, "answer could not be kept") {
		t.Errorf("log: got %s, want a warning", logs)
	}
}

// fullAnswers has no room.
type fullAnswers struct{ memoryAnswers }

func (*fullAnswers) KeepAnswer(context.Context, string, string, secret.Secret, time.Duration) error {
	return errors.New("no room")
}
