// Package egress is the only place that calls the URLs of endpoints. It answers two questions: may this URL be called
// (Policy), and what came of calling it (Client.Send). (Event buses of AWS are called by package bridge.)
//
// Everything on the other side is taken for hostile. URLs are chosen by strangers, so names are resolved, every
// address is vetted, and the connection goes to a vetted address. Receivers refuse, hang, drip, flood, lie about
// lengths, answer twice and present wrong certificates; each of these ends within the deadline of its own attempt, in
// bounded memory, and under the name of a Class. Redirects are not followed, bodies are not decompressed, nothing of a
// response is interpreted beyond its status, its Retry-After and the start of its body as text.
//
//	Send ── compose ──▶ pool ── idle? ──▶ quiet? ──▶ write ──▶ header ──▶ status = outcome ──▶ body ──▶ pool
//	                      │ none            │ no: next one                                      (≤ 64 KiB, ≤ 1 s)
//	                      └▶ resolve ▶ vet ▶ connect ▶ TLS
//
// HTTP/1.1 is parsed by fasthttp; the connections are our own, because a pool that does not look before it reuses
// lets one receiver's late answer decide about the next delivery (see conn). Requests are written once. The one thing
// that is done twice is finding a connection: as long as nothing of the request has left the machine, a connection
// that turns out to be dead is replaced by another, and after that never.
//
// Not here: retries, rate limits, signatures, and the choice of headers. HTTP/2 is not spoken.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// maxAttempt bounds a Send whose request has no deadline.
const maxAttempt = 60 * time.Second

// Options configure a Client. The zero value is usable.
type Options struct {
	Policy Policy

	// Resolver looks host names up; nil is the system's. Answers are remembered for 30 seconds, errors for one.
	Resolver Resolver

	// Proxy is an HTTP proxy, http://[user:password@]host:port, through which everything goes (CONNECT); empty is
	// none. It resolves the names and must itself refuse forbidden addresses: of the policy only schemes, ports and
	// literal addresses are then checked here. Its own address needs no permission.
	Proxy string

	// RootCAs verify certificates of endpoints; nil is the system's set.
	RootCAs *x509.CertPool

	// MaxConns bounds connections, idle ones included; when it is reached an idle one makes room. Default 20,000.
	MaxConns int

	// MaxConnsPerOrigin bounds connections to one scheme, host and port. Default 512.
	MaxConnsPerOrigin int

	// IdleTimeout is how long an unused connection is kept. Default 4 s: shorter than receivers commonly wait (Node.js
	// 5 s), so that it is seldom they who close first.
	IdleTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.MaxConns == 0 {
		o.MaxConns = 20_000
	}
	if o.MaxConnsPerOrigin == 0 {
		o.MaxConnsPerOrigin = 512
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 4 * time.Second
	}
	return o
}

// Client sends requests to endpoints. It is safe for concurrent use. Close it when done.
type Client struct {
	policy Policy
	names  *lookups
	dialer *dialer
	pool   *pool
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// New returns a client.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	if o.MaxConns < 0 || o.MaxConnsPerOrigin < 0 || o.IdleTimeout < 0 {
		return nil, errors.New("egress: limits must not be negative")
	}
	var via *proxy
	if o.Proxy != "" {
		var err error
		if via, err = parseProxy(o.Proxy); err != nil {
			return nil, err
		}
	}
	c := &Client{policy: o.Policy, pool: newPool(o.MaxConns, o.MaxConnsPerOrigin, o.IdleTimeout)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.names = newLookups(c.ctx, o.Resolver)
	c.dialer = newDialer(&c.policy, c.names, via, &tls.Config{
		RootCAs:            o.RootCAs,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(1024),
	})
	return c, nil
}

// Header is one line of a request's header. The name is sent as it is spelled.
type Header struct {
	Name  string
	Value []byte
}

// Request is one POST. Send keeps none of it.
type Request struct {
	URL      string    // as CheckURL returned it
	Headers  []Header  // all but Host and Content-Length, which Send writes
	Body     []byte    // sent as it is
	Deadline time.Time // of the whole attempt, from resolving to the last byte read; zero is 60 s from now
}

// Response is the outcome of one attempt. It may be reused; Send overwrites all of it.
type Response struct {
	Status     int    // of the final response, or 0 if there was none
	Class      Class  // decides: Success, Local (not an attempt), or a failure
	RetryAfter string // the header's value as it came, at most 64 bytes
	Oversized  bool   // the body is longer than what is read of one, or had not ended in time: it cost the connection
	Snippet    []byte // start of a non-2xx body as harmless text, at most 1 KiB; valid until the next Send
	Err        error  // why there is no (valid) response, in words fit for the endpoint's owner; nil if there is one

	raw []byte
}

func (r *Response) fail(f *failure) { r.Class, r.Err = f.class, f }

// Send makes one attempt: it posts req and fills in res. It returns when the outcome is known, at the latest at the
// deadline. The request is sent at most once. In steady state, over plain HTTP, it allocates nothing.
func (c *Client) Send(req *Request, res *Response) {
	*res = Response{Snippet: res.Snippet[:0], raw: res.raw[:0]}
	if req.Deadline.IsZero() {
		bounded := *req
		bounded.Deadline = time.Now().Add(maxAttempt)
		req = &bounded
	}
	o, target, err := split(req.URL)
	if err != nil {
		res.fail(failRequest)
		return
	}
	x := exchanges.Get().(*exchange)
	defer exchanges.Put(x)
	if !x.compose(o, target, req) {
		res.fail(failRequest)
		return
	}
	for again := true; again; {
		again = c.try(x, o, req, res)
	}
	if res.Status == 0 && c.ctx.Err() != nil {
		res.fail(failShutdown)
	}
}

// try sends the composed request over one connection. It asks for another one if this one came from the pool and was
// found dead before anything was sent.
func (c *Client) try(x *exchange, o origin, req *Request, res *Response) (again bool) {
	if !time.Now().Before(req.Deadline) {
		res.fail(failConnectTimeout)
		return false
	}
	cn, err := c.pool.get(o.url)
	if err != nil {
		res.fail(failConnections)
		return false
	}
	reused := cn != nil
	if !reused {
		var f *failure
		if cn, f = c.open(o, req.Deadline); f != nil {
			res.fail(f)
			return false
		}
	}
	if !cn.begin(req.Deadline, reused) {
		c.pool.drop(cn)
		res.fail(failRead)
		return reused
	}
	if x.run(cn, req, res) {
		c.pool.put(cn)
		return false
	}
	c.pool.drop(cn)
	return reused && !cn.wire.sent && res.Class == Reset
}

// open makes a connection in the place that the pool gave.
func (c *Client) open(o origin, deadline time.Time) (*conn, *failure) {
	ctx, cancel := context.WithDeadline(c.ctx, deadline)
	defer cancel()
	socket, f := c.dialer.connect(ctx, o)
	if f != nil {
		c.pool.leave(o.url)
		return nil, f
	}
	cn, err := newConn(o, socket)
	if err != nil {
		_ = socket.Close()
		c.pool.leave(o.url)
		return nil, failResources
	}
	if err := c.pool.add(cn); err != nil {
		c.pool.drop(cn)
		return nil, failShutdown
	}
	if o.scheme == "https" {
		if err := cn.secure(c.dialer.tls, o.host, deadline); err != nil {
			c.pool.drop(cn)
			return nil, failureOfHandshake(err)
		}
	}
	return cn, nil
}

// Check is Policy.Check with the client's policy and resolver; through a proxy, which resolves for itself, it is
// Policy.CheckURL.
func (c *Client) Check(ctx context.Context, raw string) (canonical string, err error) {
	if c.dialer.proxy != nil {
		return c.policy.CheckURL(raw)
	}
	return c.policy.Check(ctx, c.names, raw)
}

// Conns returns how many connections are open or being opened, and how many of them are idle.
func (c *Client) Conns() (open, idle int) { return c.pool.counts() }

// Close ends every attempt under way, with class Local, and closes all connections. Attempts whose outcome must not be
// lost are waited for before. Later calls of Send return at once with class Local.
func (c *Client) Close() {
	c.cancel()
	c.pool.close()
	c.names.wait()
}
