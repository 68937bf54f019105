package httpapi

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// tlsConn is a lingeringConn that speaks TLS. fasthttp knows one by the methods
// Handshake and ConnectionState: it calls the first before anything else, in the
// goroutine of the connection, with the timeouts of a request. All that is read
// and written after that, and so every check of this package, is the same as
// without TLS.
type tlsConn struct {
	*lingeringConn
	tls   *tls.Conn
	ready bool // the handshake succeeded
}

// plainHTTP has no length: the connection ends with it.
const plainHTTP = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n" +
	"This server speaks TLS: use an https URL.\n"

// Handshake says why to a client that speaks plain HTTP.
func (c *tlsConn) Handshake() error {
	err := c.tls.Handshake()
	c.ready = err == nil
	if wrong, ok := errors.AsType[tls.RecordHeaderError](err); ok && wrong.Conn != nil {
		_, _ = io.WriteString(wrong.Conn, plainHTTP) // the connection ends, whether it arrives or not
	}
	return err
}

func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// Write never begins a handshake. A connection beyond the limit is answered with
// 503 by the goroutine that accepts; a client that stays silent would keep that
// one from ever accepting again.
func (c *tlsConn) Write(b []byte) (int, error) {
	if !c.ready {
		return 0, net.ErrClosed
	}
	return c.lingeringConn.Write(b)
}
