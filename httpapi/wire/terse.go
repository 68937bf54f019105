package wire

import "github.com/hookwheel/hookwheel/engine/json"

// Terse renders an error as {"error": "<detail>"}: the shape of dialects whose
// errors have a text and nothing else. Faults of several fields are all in it.
func Terse(c *Ctx, e *Error) {
	text := e.Detail
	if len(e.Fields) > 1 {
		for _, f := range e.Fields {
			text += "; " + f.Pointer + ": " + f.Detail
		}
	}
	body, err := json.Marshal(map[string]string{"error": text})
	if err != nil {
		body = []byte("{}") // cannot happen: strings only
	}
	c.SetContentType(jsonType)
	c.SetBody(body)
}
