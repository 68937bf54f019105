package httpapi

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// A request that is refused before its body was read is answered while the
// client still sends. To close the connection at once would reset it, and the
// client might never see why. So the rest of the body is read, up to a bound,
// while the client has the answer already (RFC 9112, 9.6).
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// lingeringListener accepts connections that can linger, until the server has
// ended.
type lingeringListener struct {
	net.Listener
	ended *atomic.Bool
}

func (l lingeringListener) Accept() (net.Conn, error) {
	if l.ended.Load() {
		return nil, errors.Join(net.ErrClosed, l.Listener.Close())
	}
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &lingeringConn{Conn: c}
	if secure, ok := c.(*tls.Conn); ok {
		return &tlsConn{lingeringConn: conn, tls: secure}, nil
	}
	return conn, nil
}

// lingeringConn is a connection whose Close lingers if its last request was
// refused unread. Its fields belong to the goroutine that serves it.
type lingeringConn struct {
	net.Conn
	refused bool
}

// linger makes the coming Close wait for the client.
func (c *lingeringConn) linger() { c.refused = true }

func (c *lingeringConn) Close() error {
	if c.refused {
		c.refused = false
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // if it fails, so does the read
		}
		if c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes) // however it ends, there is nothing more to do
		}
	}
	return c.Conn.Close()
}
