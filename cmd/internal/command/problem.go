package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// problem is an answer that is not 2xx: RFC 9457 if the server is one of
// ours, or a text below /v1/organizations, else whatever a proxy on the way had
// to say.
type problem struct {
	Status int       `json:"status"`
	Code   string    `json:"code"`
	Title  string    `json:"title"`
	Detail string    `json:"detail"`
	Text   string    `json:"error"`
	Errors []mistake `json:"errors"`

	requestID  string
	retryAfter time.Duration
}

// mistake is one fault of a request, with the JSON pointer of its field.
type mistake struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

const maxShownText = 300 // bytes of an answer in a format that is not ours

// noRoute is what a server says of a path that it does not have, or has at its
// other address.
const noRoute = "no such route"

func newProblem(response *http.Response, body []byte) *problem {
	p := &problem{}
	if json.Unmarshal(body, p) != nil || p.Title == "" && p.Detail == "" && p.Text == "" {
		p = &problem{Detail: strings.TrimSpace(string(body[:min(len(body), maxShownText)]))}
	}
	p.Status = response.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.Status/100 == 3 {
		p.Detail = "the server redirects to " + response.Header.Get("Location") + ": give that as --url"
	}
	if p.Status == http.StatusNotFound && cmp.Or(p.Detail, p.Text) == noRoute {
		p.Errors = append(p.Errors, mistake{Detail: "with --admin-listen, what needs an admin key is only at that address: give it as --url"})
	}
	if p.Status == http.StatusInternalServerError {
		p.Errors = append(p.Errors, mistake{Detail: "the log of the server says why, with the id of the request"})
	}
	if p.Status == http.StatusUnauthorized {
		p.Errors = append(p.Errors, mistake{Detail: "--api-key or HOOKWHEEL_API_KEY gives a key; without them it is the one in the --data-dir of a server on this machine"})
	}
	p.requestID = response.Header.Get("X-Request-Id")
	p.retryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	return p
}

// busy reports whether the server asks to come again.
func (p *problem) busy() bool {
	return p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable
}

// ExitCode tells a refusal from a request that may succeed later.
func (p *problem) ExitCode() int {
	if p.busy() || p.Status == http.StatusInsufficientStorage || p.Status == http.StatusBadGateway || p.Status == http.StatusGatewayTimeout {
		return exitUnavailable
	}
	return exitFailed
}

// Error is the problem as people want to read it: what, why, and each field
// on a line of its own.
func (p *problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d", strings.ToLower(p.Title), p.Status)
	if p.Code != "" {
		b.WriteString(" " + p.Code)
	}
	b.WriteString(")")
	detail := cmp.Or(p.Detail, p.Text)
	if detail != "" {
		b.WriteString(": " + detail)
	}
	for _, m := range p.Errors {
		line := m.Detail
		if m.Pointer != "" {
			line = m.Pointer + ": " + m.Detail
		}
		if strings.TrimPrefix(line, "?") != detail { // of one mistake the detail says all
			b.WriteString("\n  " + line)
		}
	}
	if p.requestID != "" {
		b.WriteString("\n  request " + p.requestID)
	}
	return b.String()
}
