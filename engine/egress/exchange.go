package egress

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	maxHeaders = 16 << 10        // bytes of a response header
	maxBody    = 64 << 10        // bytes of a response body that are read; a longer one costs the connection
	maxSnippet = 1 << 10         // bytes of it that are kept
	maxInterim = 8               // 1xx responses before the final one
	bodyWait   = 1 * time.Second // for the body once the status is known: it decides nothing any more
	copyBody   = 32 << 10        // request bodies up to this size go out in one write with their header
)

type tooLarge = fasthttp.ErrSmallBuffer

// exchange holds the buffers of one request and its response. Exchanges are pooled, so that only requests that are
// under way cost memory, not connections: 20 KiB each, and what the request takes, at most copyBody and its header.
type exchange struct {
	out     []byte // request line, headers, and a small body
	in      *bufio.Reader
	header  fasthttp.ResponseHeader
	discard [4 << 10]byte
}

var exchanges = sync.Pool{New: func() any { return &exchange{in: bufio.NewReaderSize(nil, maxHeaders)} }}

// compose renders the request into out and reports whether it is one: every line break that is not ours, every NUL,
// and any space in the target would let a value become something else on the wire.
func (x *exchange) compose(o origin, target string, req *Request) bool {
	b := append(x.out[:0], "POST "...)
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, o.authority()...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(req.Body)), 10)
	b = append(b, "\r\n"...)
	for _, h := range req.Headers {
		b = append(b, h.Name...)
		b = append(b, ": "...)
		b = append(b, h.Value...)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	lines := 4 + len(req.Headers)
	ok := bytes.Count(b, []byte{'\n'}) == lines && bytes.Count(b, []byte{'\r'}) == lines &&
		bytes.IndexByte(b, 0) < 0 && !strings.Contains(target, " ")
	if len(req.Body) <= copyBody {
		b = append(b, req.Body...)
	}
	x.out = b
	return ok
}

// run sends the composed request over c and reads the response into res. It reports whether the connection can be
// kept. With !c.wire.sent afterwards nothing has left this machine.
func (x *exchange) run(c *conn, req *Request, res *Response) (keep bool) {
	err := c.write(x.out)
	if err == nil && len(req.Body) > copyBody {
		err = c.write(req.Body)
	}
	x.in.Reset(c)
	defer x.in.Reset(nil)
	if err != nil {
		x.earlyResponse(c, req, res)
		return false
	}
	if err := x.readHeader(); err != nil {
		res.fail(failureOfRead(err, c.err))
		return false
	}
	x.accept(res)
	return x.readBody(c, req.Deadline, res) && !x.closes() && res.Class != BadResponse
}

// closes reports whether the receiver said that it closes the connection. The parser knows only the plain "close".
func (x *exchange) closes() bool {
	if x.header.ConnectionClose() {
		return true
	}
	for option := range bytes.SplitSeq(x.header.Peek("Connection"), []byte(",")) {
		if bytes.EqualFold(bytes.TrimSpace(option), []byte("close")) {
			return true
		}
	}
	return false
}

// earlyResponse handles a request that could not be written to its end: a receiver may have refused it (413, 401) and
// closed. Only a refusal is believed, since whoever did not read the request can't have accepted it.
func (x *exchange) earlyResponse(c *conn, req *Request, res *Response) {
	res.fail(failWrite)
	if isTimeout(c.err) {
		res.fail(failWriteTimeout)
		return
	}
	if !c.wire.sent {
		return
	}
	if c.wire.SetReadDeadline(earlier(req.Deadline, time.Now().Add(bodyWait))) != nil || x.readHeader() != nil {
		return
	}
	if ClassOf(x.header.StatusCode()) == ClientError || ClassOf(x.header.StatusCode()) == ServerError {
		x.accept(res)
		x.readBody(c, req.Deadline, res)
	}
}

// readHeader reads up to the header of the final response.
func (x *exchange) readHeader() error {
	for range maxInterim + 1 {
		if err := x.header.Read(x.in); err != nil {
			return err
		}
		if s := x.header.StatusCode(); s/100 != 1 || s == fasthttp.StatusSwitchingProtocols {
			return nil
		}
	}
	return errors.New("too many interim responses")
}

// accept takes over what the header says. From here on the outcome is known.
func (x *exchange) accept(res *Response) {
	res.Status = x.header.StatusCode()
	res.Class = ClassOf(res.Status)
	res.Err = nil
	if res.Class == BadResponse {
		res.Err = failUpgrade
	}
	if v := x.header.Peek("Retry-After"); len(v) > 0 && len(v) <= 64 {
		res.RetryAfter = string(v)
	}
}

// readBody reads the body for its snippet and to free the connection, and reports whether it was read to its end. It
// is never decompressed: a compressed body gives no snippet.
func (x *exchange) readBody(c *conn, deadline time.Time, res *Response) (complete bool) {
	length := x.header.ContentLength()
	if s := res.Status; s == fasthttp.StatusNoContent || s == fasthttp.StatusNotModified {
		length = 0
	} else if s < 200 {
		return false
	}
	if length < 0 || length > x.in.Buffered() {
		if c.wire.SetReadDeadline(earlier(deadline, time.Now().Add(bodyWait))) != nil {
			return false
		}
	}
	want := 0
	if res.Class != Success && len(x.header.ContentEncoding()) == 0 {
		want = maxSnippet
	}
	var ended bool
	switch length {
	case toTheEnd:
		_, err := x.take(x.in, maxBody, want, res)
		ended = errors.Is(err, io.EOF)
	case chunked:
		_, err := x.take(httputil.NewChunkedReader(x.in), maxBody, want, res)
		ended = errors.Is(err, io.EOF) && x.header.ReadTrailer(x.in) == nil
	default:
		got, err := x.take(x.in, min(length, maxBody), want, res)
		ended = err == nil && got == length
	}
	res.Oversized = !ended
	res.Snippet = appendSafe(res.Snippet[:0], res.raw, maxSnippet)
	return ended && length != toTheEnd && x.in.Buffered() == 0
}

// What fasthttp gives as the length of a body that has none.
const (
	chunked  = -1
	toTheEnd = -2 // of the connection
)

// take reads up to limit bytes, the first want of them into res.raw. It ends early with the reader's error.
func (x *exchange) take(r io.Reader, limit, want int, res *Response) (n int, err error) {
	for n < limit && err == nil {
		var got int
		got, err = r.Read(x.discard[:min(len(x.discard), limit-n)])
		if k := min(got, want-len(res.raw)); k > 0 {
			res.raw = append(res.raw, x.discard[:k]...)
		}
		n += got
	}
	return n, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
