package httpapi

import (
	"net"
	"testing"
)

// closedTo fails the test when somebody waits for connections on it.
type closedTo struct {
	net.Listener
	t *testing.T
}

func (l closedTo) Accept() (net.Conn, error) {
	l.t.Error("a server that has ended accepts connections")
	return nil, net.ErrClosed
}

func (closedTo) Close() error { return nil }

// A server can be ended before the goroutine that serves has come as far as to
// say so; it must not begin afterwards.
func TestServeAfterShutdown(t *testing.T) {
	h := start(t, nil)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Serve(closedTo{t: t}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
