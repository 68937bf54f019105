package wire

import "github.com/hookwheel/hookwheel/engine/json"

// problem is an error in the shape of RFC 9457.
type problem struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty"`
	Instance string  `json:"instance,omitempty"` // the request id, as a URN: what to quote to the operator
	Code     string  `json:"code"`
	Errors   []Field `json:"errors,omitempty"`
}

// Problem renders an error as application/problem+json. It is the native
// dialect's renderer, and that of every path that no dialect owns.
func Problem(c *Ctx, e *Error) {
	body, err := json.Marshal(problem{
		Type: "about:blank", Title: e.Title(), Status: e.Status, Detail: e.Detail,
		Instance: "urn:request:" + c.RequestID, Code: e.Code, Errors: e.Fields,
	})
	if err != nil {
		body = []byte("{}") // cannot happen: strings and numbers only
	}
	c.SetContentType("application/problem+json")
	c.SetBody(body)
}
