package egress

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// conn is one connection to an origin. It belongs to one request at a time, or to the pool.
//
// Whether it may carry another request is decided just before that request is written, by quiet. HTTP/1.1 answers
// carry no name: what arrives next is taken as the answer to what was asked last. So a receiver that sends an answer
// too many, or too late, or a proxy in front of many receivers that mixes them up, would answer the next delivery
// before it was made. A connection on which anything at all is waiting has therefore lost its meaning. The same look
// finds the connection that the other side has closed meanwhile, before a byte of the delivery was sent over it, so
// that taking a fresh one is not a second attempt. What remains is an answer that arrives between the look and the
// request; no client of HTTP/1.1 can tell that one apart.
type conn struct {
	origin string
	wire   *wire
	stream net.Conn // wire, or TLS over it
	born   time.Time

	// Guarded by the pool's mutex.
	before, after *conn // among the idle ones
	idleSince     time.Time

	err  error // the first error of the current request, which parsers above may hide
	byte [1]byte
}

// newConn returns a connection over t, on which nothing has been said yet.
func newConn(o origin, t *net.TCPConn) (*conn, error) {
	w, err := newWire(t, o.scheme == "https")
	if err != nil {
		return nil, err
	}
	return &conn{origin: o.url, wire: w, stream: w, born: time.Now()}, nil
}

// secure makes the TLS handshake.
func (c *conn) secure(config *tls.Config, host string, deadline time.Time) error {
	if err := c.wire.SetDeadline(deadline); err != nil {
		return err
	}
	config = config.Clone()
	config.ServerName = host
	t := tls.Client(c.wire, config)
	c.stream = t
	return t.Handshake()
}

// Read reads from the stream and remembers the first error.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// write writes all of p and remembers the first error.
func (c *conn) write(p []byte) error {
	_, err := c.stream.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return err
}

// begin readies the connection for a request and reports whether it can carry one.
func (c *conn) begin(deadline time.Time, reused bool) bool {
	if err := c.wire.SetDeadline(deadline); err != nil {
		return false
	}
	if reused && !c.quiet() {
		return false
	}
	c.err, c.wire.sent = nil, false
	return true
}

// quiet reports whether the other side has neither sent anything nor closed. What TLS sends for itself (a session
// ticket) is absorbed on the way. The deadline must lie ahead. Cost: one read that returns at once.
func (c *conn) quiet() bool {
	c.wire.noWait = true
	n, err := c.stream.Read(c.byte[:])
	c.wire.noWait = false
	return n == 0 && errors.Is(err, errNothing) && c.wire.records.complete()
}

// close closes the socket. TLS says no goodbye: that write could block on a receiver that does not read.
func (c *conn) close() { _ = c.wire.Close() }

// errNothing is what a read without waiting returns when nothing is there. TLS takes a temporary error for no error.
var errNothing = &nothing{}

type nothing struct{}

func (*nothing) Error() string   { return "nothing to read" }
func (*nothing) Timeout() bool   { return true }
func (*nothing) Temporary() bool { return true }

// wire is the socket under plain HTTP or under TLS.
type wire struct {
	*net.TCPConn
	raw     syscall.RawConn
	noWait  bool // Read returns errNothing instead of waiting
	sent    bool // the kernel has taken a byte of the current request
	records records

	// The read without waiting hands its buffer and result over here: a closure made per read would be an allocation.
	try     func(fd uintptr) bool
	tryInto []byte
	tryN    int
	tryErr  error
}

func newWire(t *net.TCPConn, carriesTLS bool) (*wire, error) {
	raw, err := t.SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &wire{TCPConn: t, raw: raw, records: records{enabled: carriesTLS}}
	w.try = func(fd uintptr) bool {
		w.tryN, w.tryErr = syscall.Read(int(fd), w.tryInto)
		return true
	}
	return w, nil
}

// Read reads from the socket; with noWait it returns errNothing when it would have to wait.
func (w *wire) Read(p []byte) (int, error) {
	var n int
	var err error
	if w.noWait {
		n, err = w.readNow(p)
	} else {
		n, err = w.TCPConn.Read(p)
	}
	w.records.count(p[:n])
	return n, err
}

func (w *wire) readNow(p []byte) (int, error) {
	w.tryInto = p
	err := w.raw.Read(w.try)
	w.tryInto = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(w.tryErr, syscall.EAGAIN):
		return 0, errNothing
	case w.tryErr != nil:
		return 0, os.NewSyscallError("read", w.tryErr)
	case w.tryN == 0:
		return 0, net.ErrClosed
	}
	return w.tryN, nil
}

// Write writes to the socket and notes whether anything got out.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.TCPConn.Write(p)
	w.sent = w.sent || n > 0
	return n, err
}

// records follows the framing of TLS records: crypto/tls reads ahead, and the beginning of a record that it holds
// back can be seen neither through it nor on the socket.
type records struct {
	enabled bool
	header  [5]byte // type, version, length
	have    int     // bytes of the header
	left    int     // bytes of the body
}

func (r *records) count(p []byte) {
	for r.enabled && len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left -= n
			p = p[n:]
			continue
		}
		n := copy(r.header[r.have:], p)
		r.have += n
		p = p[n:]
		if r.have == len(r.header) {
			r.left, r.have = int(r.header[3])<<8|int(r.header[4]), 0
		}
	}
}

// complete reports whether the last byte counted was the last of a record.
func (r *records) complete() bool { return r.have == 0 && r.left == 0 }
