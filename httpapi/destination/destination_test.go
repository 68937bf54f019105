package destination

import (
	"math"
	"slices"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// requestOf is a request with a query.
func requestOf(query string) *wire.Ctx {
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI(eventsPath + "?" + query)
	return &wire.Ctx{RequestCtx: &rc}
}

// Libraries choose the class of an error by these parts of it, and repeat the
// request unless they are told not to.
func TestRender(t *testing.T) {
	for _, test := range []struct {
		err                        *wire.Error
		code, kind, retry, message string
		forUsers                   bool
	}{
		{wire.BadRequest(wire.CodeMalformed, "no JSON"), "invalid_json", typeInvalid, "", "no JSON", false},
		{wire.BadRequest(wire.CodeBadRequest, "no HTTP"), "invalid_fields", typeInvalid, "", "no HTTP", false},
		{wire.BadParameter("limit", "too large"), "invalid_fields", typeInvalid, "", "limit: too large", false},
		{
			wire.Invalid(wire.Field{Detail: "must be an object"}, wire.Field{Pointer: "/enabled_events/3", Detail: "no"}, wire.Field{Pointer: "/metadata/a~1b", Detail: "no"}),
			"invalid_fields", typeInvalid, "", "the body: must be an object; enabled_events[3]: no; metadata.a/b: no", false,
		},
		{wire.Unauthorized(), "unauthenticated", typeInvalid, "", wire.Unauthorized().Detail, false},
		{wire.Forbidden("no"), "forbidden", typeInvalid, "", "no", false},
		{wire.NotFound("event"), "not_found", typeInvalid, "", "no such event", true},
		{errReused, "idempotency_error", typeIdempotency, "false", errReused.Detail, false},
		{wire.KeyInUse(), "idempotency_key_in_use", typeInvalid, "true", wire.KeyInUse().Detail, false},
		{wire.Conflict(wire.CodeConflict, "changed"), "conflict", typeInvalid, "false", "changed", false},
		{wire.TooLarge("the body", 10), "payload_too_large", typeInvalid, "", "the body is larger than 10 bytes", false},
		{wire.MediaType("JSON"), "unsupported_media_type", typeInvalid, "", "the body must be JSON", false},
		{&wire.Error{Status: 429, Code: wire.CodeRateLimited, Detail: "slower"}, "rate_limit_exceeded", typeRateLimit, "", "slower", true},
		{wire.Internal(nil), "api_error", typeAPI, "false", wire.Internal(nil).Detail, true},
		{wire.Unavailable(wire.CodeOverloaded, "busy", 1), "api_error", typeAPI, "", "busy", true},
	} {
		c := requestOf("")
		render(c, test.err)
		var got errorView
		if err := json.Unmarshal(c.Response.Body(), &got); err != nil {
			t.Fatalf("%v: body %s: %v", test.err, c.Response.Body(), err)
		}
		want := errorBody{Code: test.code, Type: test.kind, Message: test.message, UserMessage: got.Error.UserMessage}
		if got.Error != want || (got.Error.UserMessage != "") != test.forUsers {
			t.Errorf("%v: got %+v, want %+v, for users too %v", test.err, got.Error, want, test.forUsers)
		}
		if retry := string(c.Response.Header.Peek(retryHeader)); retry != test.retry {
			t.Errorf("%v: got %s %q, want %q", test.err, retryHeader, retry, test.retry)
		}
	}
}

func TestFinish(t *testing.T) {
	for given, want := range map[string]string{"": "", "2024-10-28.acacia": "2024-10-28.acacia", string(make([]byte, 65)): ""} {
		c := requestOf("")
		c.Request.Header.Set(versionHeader, given)
		finish(c)
		if got := string(c.Response.Header.Peek(versionHeader)); got != want {
			t.Errorf("%s %q: got %q back, want %q", versionHeader, given, got, want)
		}
	}
}

func TestQueryList(t *testing.T) {
	for query, want := range map[string][]string{
		"":                               nil,
		"include=a":                      {"a"},
		"include=a&limit=1&include=b":    {"a", "b"},
		"include[0]=a&include[1]=b":      {"a", "b"},
		"include%5B0%5D=a&include[]=b":   {"a", "b"},
		"include[]=a&include=b":          {"a", "b"},
		"includes=a&include[x]=b":        nil,
		"include[=a&include]=b&Include=": nil,
	} {
		if got := queryList(requestOf(query), "include"); !slices.Equal(got, want) {
			t.Errorf("list in %q: got %v, want %v", query, got, want)
		}
	}
}

// An event is chosen by the time that is shown of it, which its producer can
// say and which can be ahead of this server's clock.
func TestEventFilter(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	ev := &event.Event{Type: "a", OccurredAt: 10 * day, ReceivedAt: 10*day - 1000, RelatedObject: []byte(`{"id":"x_1"}`)}
	for query, want := range map[string]bool{
		"":                                  true,
		"created[gte]=1970-01-11T00:00:00Z": true,
		"created[gt]=1970-01-11T00:00:00Z":  false,
		"created[lte]=1970-01-11T00:00:00Z": true,
		"created[lt]=1970-01-11T00:00:00Z":  false,
		"created[lt]=1970-01-11T00:00:00.001Z&created[gt]=1970-01-10T23:59:59.999Z": true,
		"created[gt]=1970-01-11T00:00:00Z&created[gte]=1970-01-01T00:00:00Z":        false,
		"created[lt]=1970-01-11T00:00:00Z&created[lte]=1970-02-01T00:00:00Z":        false,
		"types=a": true, "types=b": false, "types=b&types=a": true, "types=b&types=c": false,
		"created_by=x": true, "createdness=2": true,
		"object_id=x_1": true, "object_id=x_2": false, "object_id=": true,
	} {
		f := eventFilter{query: map[string][]string{}, until: math.MaxInt64}
		if err := f.read(requestOf(query)); err != nil {
			t.Fatalf("filter %q: %v", query, err)
		}
		chosen := f.ledger()
		got := chosen.Where(ev) && ev.ReceivedAt >= chosen.CreatedAfter && (chosen.Type == "" || chosen.Type == ev.Type)
		if got != want {
			t.Errorf("filter %q: got %v, want %v", query, got, want)
		}
	}
}
