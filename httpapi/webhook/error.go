package webhook

import (
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// render writes an error as Django REST framework does: faults by field, or one
// text as "detail".
func render(c *wire.Ctx, e *wire.Error) {
	var shown any = map[string]string{"detail": detail(e)}
	if len(e.Fields) > 0 {
		shown = byField(e.Fields)
	}
	body, err := json.Marshal(shown)
	if err != nil {
		body = []byte("{}") // cannot happen: strings only
	}
	c.SetContentType("application/json")
	c.SetBody(body)
}

func detail(e *wire.Error) string {
	switch {
	case e.Status == fasthttp.StatusUnauthorized:
		return "Authentication credentials were not provided."
	case e.Code == wire.CodeMalformed:
		return "JSON parse error - " + e.Detail
	}
	return e.Detail
}

// byField sorts faults by the field of the body, or the parameter, that they
// are about. What is below a field is named in the text.
func byField(fields []wire.Field) map[string][]string {
	faults := map[string][]string{}
	for _, f := range fields {
		name, below, nested := strings.Cut(strings.TrimLeft(f.Pointer, "/?"), "/")
		if name == "" {
			name = "non_field_errors"
		}
		text := f.Detail
		if nested {
			text = below + ": " + text
		}
		faults[name] = append(faults[name], text)
	}
	return faults
}
