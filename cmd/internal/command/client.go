package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// client calls the native API. Every POST and DELETE carries an idempotency
// key, so that any call may be repeated: it is, while the server answers that
// it is busy or the connection breaks, until the timeout. A server that was
// never reached is not waited for. One goroutine uses it.
type client struct {
	base         *url.URL // without a slash at the end
	key          string
	organization string        // "" = the server's choice
	timeout      time.Duration // of a call with its repetitions
	http         *http.Client
	pause        func(context.Context, time.Duration) error

	reached bool // the server has answered at least once
}

// call is one request. Path segments are escaped already.
type call struct {
	method, path   string
	query          url.Values
	body           []byte
	contentType    string // of the body; "" = application/json
	idempotencyKey string // "" = one is made
}

const (
	maxAnswer    = 64 << 20 // bytes; the largest page of the API is far smaller
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// get is a GET.
func (c *client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return c.do(ctx, call{method: http.MethodGet, path: path, query: query})
}

// send is a request with a JSON body, or without one if it is nil.
func (c *client) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	return c.do(ctx, call{method: method, path: path, body: text})
}

// do makes a call and returns the body of a 2xx answer. Any other answer is a
// *problem.
func (c *client) do(ctx context.Context, r call) ([]byte, error) {
	if r.idempotencyKey == "" && (r.method == http.MethodPost || r.method == http.MethodDelete) {
		r.idempotencyKey = randomKey()
	}
	timed, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for n := 0; ; n++ {
		answer, err := c.once(timed, r)
		if err == nil {
			return answer, nil
		}
		wait, again := c.again(err, n)
		if !again {
			return nil, c.explain(ctx, err)
		}
		if deadline, _ := timed.Deadline(); time.Until(deadline) < wait {
			return nil, c.explain(ctx, err)
		}
		if c.pause(timed, wait) != nil {
			return nil, c.explain(ctx, err)
		}
	}
}

// once makes a call without repeating it.
func (c *client) once(ctx context.Context, r call) ([]byte, error) {
	target := c.base.String() + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	c.decorate(request.Header, r)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, broken{errors.Unwrap(err)} // without the method and the URL, which explain says better
	}
	defer response.Body.Close()
	c.reached = true
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, broken{fmt.Errorf("read answer: %w", err)}
	case len(answer) > maxAnswer:
		return nil, errors.New("read answer: it is larger than 64 MiB")
	case response.StatusCode/100 != 2:
		return nil, newProblem(response, answer)
	}
	return answer, nil
}

func (c *client) decorate(h http.Header, r call) {
	h.Set("Authorization", "Bearer "+c.key)
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "hookwheel-cli")
	if c.organization != "" {
		h.Set("Hookwheel-Organization", c.organization)
	}
	if r.idempotencyKey != "" {
		h.Set("Idempotency-Key", r.idempotencyKey)
	}
	if len(r.body) > 0 {
		h.Set("Content-Type", "application/json")
		if r.contentType != "" {
			h.Set("Content-Type", r.contentType)
		}
	}
}

// again decides whether a call that failed for the n-th time is repeated, and
// after how long: what the server asks for, else twice as long each time.
func (c *client) again(err error, n int) (wait time.Duration, again bool) {
	wait = min(firstPause<<min(n, 10), longestPause)
	wait += time.Duration(rand.Int64N(int64(wait)/2 + 1))
	var p *problem
	if errors.As(err, &p) {
		if !p.busy() {
			return 0, false
		}
		return max(wait, p.retryAfter), true
	}
	var b broken
	return wait, c.reached && errors.As(err, &b)
}

// explain adds to an error what a person can do about it.
func (c *client) explain(ctx context.Context, err error) error {
	var p *problem
	switch {
	case ctx.Err() != nil: // even if it was busy before: that is no longer why
		return context.Cause(ctx)
	case errors.As(err, &p):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable{fmt.Errorf("%s did not answer within %s (--timeout)", c.base, formatDuration(c.timeout))}
	}
	var b broken
	if errors.As(err, &b) {
		return unavailable{fmt.Errorf("cannot reach %s: %w\n%s", c.base, b, b.remedy())}
	}
	return err
}

// remedy is what to try when the server cannot be reached.
func (b broken) remedy() string {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](b.error); ok {
		return "If that is your server, name the certificate of its authority with --ca-cert, and the server in --url as its certificate does"
	}
	if errors.Is(b, http.ErrSchemeMismatch) {
		return "It does not speak TLS there: give an http URL"
	}
	return "Is the server running? Start one with: hookwheel serve"
}

// broken is a connection that did not come about or did not last.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// unavailable is an error after which the same command may succeed later.
type unavailable struct{ error }

func (unavailable) ExitCode() int   { return exitUnavailable }
func (u unavailable) Unwrap() error { return u.error }

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
