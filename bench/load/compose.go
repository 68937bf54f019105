package load

import (
	"bytes"
	"iter"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/bench/payload"
)

// bareSignature has the form of a right one and is the same for every post:
// bare pays for sending a signature, not for making it.
const bareSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

// composer fills the requests of one connection. Not safe for concurrent use.
type composer struct {
	Config
	source *payload.Source
	body   []byte
	id     [len("evt_") + ulid.EncodedSize]byte // of the latest bare post
}

func newComposer(config Config, pool *payload.Pool, connection uint64) *composer {
	return &composer{Config: config, source: pool.Source(config.Size, connection)}
}

// prepare sets in an empty request what is the same in all posts.
func (c *composer) prepare(request *fasthttp.Request) {
	request.SetRequestURI(c.URL)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	if c.Bare {
		request.Header.Set("Webhook-Signature", bareSignature)
	} else {
		request.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+c.Key)
	}
}

// fill makes the prepared request the n-th post. The request borrows the body
// until the next call.
func (c *composer) fill(request *fasthttp.Request, n int64, at time.Time) {
	if c.Bare {
		c.delivery(request, at)
	} else {
		c.events(request, n, at)
	}
	request.SetBodyRaw(c.body)
}

// events makes what a producer posts: an event, or an array of them.
func (c *composer) events(request *fasthttp.Request, n int64, at time.Time) {
	if len(c.Organizations) > 0 {
		request.Header.Set("Hookwheel-Organization", c.Organizations[n%int64(len(c.Organizations))])
	}
	c.body = c.body[:0]
	if c.Batch == 0 {
		c.event(n, at)
		return
	}
	separator := byte('[')
	for i := range int64(c.Batch) {
		c.body = append(c.body, separator)
		c.event(n*int64(c.Batch)+i, at)
		separator = ','
	}
	c.body = append(c.body, ']')
}

// event makes the n-th event.
func (c *composer) event(n int64, at time.Time) {
	c.body = append(c.body, `{"type":"`...)
	c.body = append(c.body, c.EventType...)
	if c.Types > 0 {
		c.body = append(c.body, '.')
		c.body = strconv.AppendInt(c.body, n%int64(c.Types), 10)
	}
	c.body = append(c.body, `","data":`...)
	c.body = c.source.Append(c.body, at.UnixNano())
	c.body = append(c.body, '}')
}

// delivery makes what the engine would send for such an event.
func (c *composer) delivery(request *fasthttp.Request, at time.Time) {
	id := ulid.MustNew(ulid.Timestamp(at), c.source) // panics only if the source fails, or in the year 10889
	copy(c.id[:], "evt_")
	_ = id.MarshalTextTo(c.id[len("evt_"):]) // fails only if the space is too short
	c.body = append(c.body[:0], `{"id":"`...)
	c.body = append(c.body, c.id[:]...)
	c.body = append(c.body, `","type":"`...)
	c.body = append(c.body, c.EventType...)
	c.body = append(c.body, `","created_at":"`...)
	c.body = at.UTC().AppendFormat(c.body, "2006-01-02T15:04:05.000Z")
	c.body = append(c.body, `","data":`...)
	c.body = c.source.Append(c.body, at.UnixNano())
	c.body = append(c.body, '}')
	request.Header.SetBytesV("Webhook-Id", c.id[:])
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
}

// answeredIDs yields the event ids in the answer to a post, single or batch.
// The answer's own ids are the only strings in it that start this way.
func answeredIDs(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			i := bytes.Index(body, []byte(`"evt_`))
			if i < 0 {
				return
			}
			body = body[i+1:]
			end := bytes.IndexByte(body, '"')
			if end < 0 || !yield(body[:end]) {
				return
			}
			body = body[end+1:]
		}
	}
}
