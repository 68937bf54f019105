package destination

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

const (
	versionHeader = "Stripe-Version"
	retryHeader   = "Stripe-Should-Retry"
)

// finish sends the version back that the client named. There is only one here;
// snapshots have the one that their destination was created with.
func finish(c *wire.Ctx) {
	if version := c.Header(versionHeader); version != "" && len(version) <= event.MaxAPIVersion {
		c.SetHeader(versionHeader, version)
	}
}

type errorView struct {
	Error errorBody `json:"error"`
}

// errorBody is an error as Stripe's libraries read it: they choose their class
// by type and code, and by the status.
type errorBody struct {
	Code        string `json:"code"`
	Message     string `json:"message"`
	Type        string `json:"type"`
	UserMessage string `json:"user_message,omitempty"` // for people who use what the client has made
}

const (
	codeIdempotency = "idempotency_error"

	typeInvalid     = "invalid_request_error"
	typeIdempotency = "idempotency_error"
	typeRateLimit   = "rate_limit"
	typeAPI         = "api_error"
)

// errReused refuses an idempotency key that comes with another request.
var errReused = &wire.Error{
	Status: fasthttp.StatusConflict, Code: codeIdempotency,
	Detail: "the idempotency key was used before for a request with other parameters",
}

// render writes an error.
func render(c *wire.Ctx, e *wire.Error) {
	body, err := json.Marshal(errorView{describe(e)})
	if err != nil {
		body = []byte("{}") // cannot happen: strings only
	}
	// Libraries repeat every 409 and 5xx unless they are told that it is futile.
	switch {
	case e.Code == wire.CodeKeyInUse:
		c.SetHeader(retryHeader, "true")
	case e.Status == fasthttp.StatusConflict, e.Status == fasthttp.StatusInternalServerError:
		c.SetHeader(retryHeader, "false")
	}
	c.SetContentType("application/json")
	c.SetBody(body)
}

// describe translates an error.
func describe(e *wire.Error) errorBody {
	body := errorBody{Code: e.Code, Message: message(e), Type: typeInvalid}
	switch {
	case e.Status == fasthttp.StatusBadRequest && e.Code != wire.CodeMalformed:
		body.Code = wire.CodeInvalid
	case e.Status == fasthttp.StatusNotFound:
		body.UserMessage = "What you asked for does not exist."
	case e.Code == codeIdempotency:
		body.Type = typeIdempotency
	case e.Status == fasthttp.StatusTooManyRequests:
		body.Type, body.UserMessage = typeRateLimit, "There are too many requests at the moment. Please try again later."
	case e.Status >= fasthttp.StatusInternalServerError:
		body.Code, body.Type, body.UserMessage = typeAPI, typeAPI, "Something is out of order here. Please try again later."
	}
	return body
}

// message says all that is wrong in one text: there is no place for a list.
func message(e *wire.Error) string {
	if len(e.Fields) == 0 {
		return e.Detail
	}
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = fieldName(f.Pointer) + ": " + f.Detail
	}
	return strings.Join(texts, "; ")
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// fieldName writes a pointer the way Stripe writes the place of a field:
// /enabled_events/3 is enabled_events[3], ?limit is limit.
func fieldName(pointer string) string {
	if pointer == "" {
		return "the body"
	}
	var name strings.Builder
	for i, segment := range strings.Split(pointer[1:], "/") {
		segment = unescapePointer.Replace(segment)
		switch {
		case i == 0:
			name.WriteString(segment)
		case isIndex("["+segment+"]") && segment != "":
			fmt.Fprintf(&name, "[%s]", segment)
		default:
			name.WriteString("." + segment)
		}
	}
	return name.String()
}
