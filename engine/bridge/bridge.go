// Package bridge puts events on the event buses of Amazon EventBridge: what package egress is for webhooks, it is for
// endpoints of kind eventbridge, and it tells what came of an attempt in the same words. It is the only door to the
// AWS SDK.
//
// Where AWS is and who calls it is the operator's business and found the way all AWS tools find it: credentials from
// the environment, the shared files or the machine's role, another address from AWS_ENDPOINT_URL_EVENTBRIDGE. It is
// looked for when the first event is to be put, so that a server without such endpoints needs nothing of that.
// Endpoints choose a region and an account, nothing that becomes a host outside of AWS, so the egress policy does not
// apply.
//
// One call carries one event, although ten would fit. Attempts have deadlines and outcomes of their own, connections
// are kept and shared, and a batch would need a second way through the engine for the sake of fewer requests.
//
// An event may arrive more than once, like every delivery, and PutEvents knows no idempotency key: receivers tell by
// the id in the detail.
package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"golang.org/x/time/rate"

	"github.com/hookwheel/hookwheel/engine/egress"
)

const (
	// MaxEntry is the size of an entry that AWS takes, in bytes, counted by its rule: source, detail type and detail,
	// and 14 for the time.
	MaxEntry = 1 << 20
	timeSize = 14

	// idleConns is how many connections to one region are kept: as many as one endpoint uses at once by default.
	idleConns = 64
)

// Options configure a Client. The zero value is usable.
type Options struct {
	// Proxy is an HTTP proxy, http://[user:password@]host:port, through which events are put; empty is the one that
	// the environment names (HTTPS_PROXY), if any.
	Proxy string

	// Logger is told why events are refused, in AWS's words, once a minute at most. The history of an attempt names
	// only the error: what AWS says about it is about the operator's account. nil = slog.Default().
	Logger *slog.Logger
}

// Client puts events on buses of any region. It is safe for concurrent use. Close it when done.
type Client struct {
	proxy    *url.URL // nil = as the environment says
	logger   *slog.Logger
	complain rate.Sometimes
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	mu        sync.Mutex          // guards what follows, see connect
	service   *eventbridge.Client // nil = not yet
	transport *http.Transport
}

// New returns a client. It looks at nothing of AWS yet.
func New(o Options) (*Client, error) {
	c := &Client{logger: o.Logger, complain: rate.Sometimes{Interval: time.Minute}}
	if o.Proxy != "" {
		var err error
		if c.proxy, err = url.Parse(o.Proxy); err != nil {
			return nil, errors.New("bridge: the proxy is not a url") // which may hold a password
		}
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Entry is one event for one bus. Put keeps none of it.
type Entry struct {
	Region     string // in which to call
	Bus        string // ARN
	Source     string
	DetailType string
	Time       time.Time
	Detail     []byte    // JSON, which must be an object
	Deadline   time.Time // of the whole attempt
}

// Put makes one attempt: it puts an event on its bus and fills in res. It returns when the outcome is known, at the
// latest at the deadline. Nothing is tried twice. The status in res is that of HTTP; see failure for those that AWS
// says otherwise.
func (c *Client) Put(e *Entry, res *egress.Response) {
	*res = egress.Response{Status: http.StatusOK, Class: egress.Success}
	f := e.check()
	if f == nil {
		f = c.put(e)
	}
	if f == nil {
		return
	}
	*res = egress.Response{Status: f.status, Class: f.class, Err: f}
	if f.status == http.StatusTooManyRequests {
		res.RetryAfter = throttlePause
	}
	if f.cause != nil {
		c.complain.Do(func() {
			c.logger.Warn("an event could not be put on a bus", "bus", e.Bus, "source", e.Source, "error", f.cause)
		})
	}
}

// check finds what AWS would refuse, now and at every retry.
func (e *Entry) check() *failure {
	if text := bytes.TrimLeft(e.Detail, " \t\r\n"); !bytes.HasPrefix(text, []byte("{")) {
		return failNoObject
	}
	if len(e.Detail)+len(e.Source)+len(e.DetailType)+timeSize > MaxEntry {
		return failTooLarge
	}
	return nil
}

// put makes the call; nil is success.
func (c *Client) put(e *Entry) *failure {
	ctx, cancel := context.WithDeadline(c.ctx, e.Deadline)
	defer cancel()
	service, err := c.connect(ctx)
	if err != nil {
		return c.failureOf(&credentialsError{err})
	}
	out, err := service.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &e.Bus, Source: &e.Source, DetailType: &e.DetailType, Time: &e.Time,
		Detail: aws.String(string(e.Detail)),
	}}}, func(o *eventbridge.Options) { o.Region = e.Region })
	switch {
	case err != nil:
		f := c.failureOf(err)
		if f.class == egress.Credentials {
			c.disconnect(service)
		}
		return f
	case len(out.Entries) != 1:
		return failAnswer
	case out.FailedEntryCount > 0:
		return failureOfEntry(&out.Entries[0])
	}
	return nil
}

// connect returns the SDK's client, which the first call makes out of what the environment says. What it does not find
// the next call looks for again.
func (c *Client) connect(ctx context.Context) (*eventbridge.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.service != nil {
		return c.service, nil
	}
	found, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("read aws configuration: %w", err)
	}
	found.Credentials = provider{found.Credentials}
	c.transport = c.transportLike(found.HTTPClient)
	c.service = eventbridge.NewFromConfig(found, func(o *eventbridge.Options) {
		o.Retryer = aws.NopRetryer{} // when to try again is for the endpoint's schedule to say
		o.HTTPClient = &http.Client{Transport: c.transport, CheckRedirect: noRedirect}
	})
	return c.service, nil
}

// disconnect lets the next call look at the environment again: it has no credentials, and somebody may mend that.
func (c *Client) disconnect(from *eventbridge.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.service == from {
		c.service = nil
		c.transport.CloseIdleConnections()
	}
}

// transportLike is the SDK's own transport, which has what the configuration says of certificates, with more
// connections and the proxy.
func (c *Client) transportLike(client aws.HTTPClient) *http.Transport {
	theirs, ok := client.(*awshttp.BuildableClient)
	if !ok { // nothing was configured
		theirs = awshttp.NewBuildableClient()
	}
	t := theirs.GetTransport()
	t.MaxIdleConnsPerHost = idleConns
	if c.proxy != nil {
		t.Proxy = http.ProxyURL(c.proxy)
	}
	return t
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// provider marks the errors of another one, so that they can be told from those of the call.
type provider struct{ aws.CredentialsProvider }

func (p provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := p.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return found, err
}

// credentialsError says that this server does not know whom to call AWS as.
type credentialsError struct{ cause error }

func (e *credentialsError) Error() string { return e.cause.Error() }
func (e *credentialsError) Unwrap() error { return e.cause }

// Close ends every attempt under way, with class Local, and closes the connections. Attempts whose outcome must not be
// lost are waited for before. Later calls of Put return at once with class Local.
func (c *Client) Close() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}
