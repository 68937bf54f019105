package subscription

import (
	"cmp"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// fault is an error in the dialect's shape.
type fault struct {
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
	Errors []fieldFault `json:"errors,omitempty"` // with 422 only
}

type fieldFault struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// fieldNames are the engine's fields in the terms of this dialect.
var fieldNames = map[string]string{
	"url": "endpoint_url", "event_types": "topic",
	"secret": "secret_key", "signatures": "secret_key", // a bearer token is a scheme with rules of its own
}

// render writes an error. A body with wrong fields is 422 here, not 400.
func render(c *wire.Ctx, e *wire.Error) {
	var f fault
	f.Error.Message = e.Detail
	if e.Code == wire.CodeInvalid {
		c.SetStatusCode(fasthttp.StatusUnprocessableEntity)
		f.Error.Message = "the request has invalid fields"
		for _, wrong := range e.Fields {
			f.Errors = append(f.Errors, fieldFault{Field: fieldName(wrong.Pointer), Message: wrong.Detail})
		}
		if len(f.Errors) == 1 {
			f.Error.Message = strings.TrimSpace(f.Errors[0].Field + " " + f.Errors[0].Message)
		}
	}
	body, err := json.Marshal(f)
	if err != nil {
		body = []byte("{}") // cannot happen: strings only
	}
	c.SetContentType("application/json")
	c.SetBody(body)
}

// fieldName is the field of the request that a pointer leads into. All are at
// the top.
func fieldName(pointer string) string {
	field, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return cmp.Or(fieldNames[field], field)
}
