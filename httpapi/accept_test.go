package httpapi

import (
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// scarceListener fails so many times before it accepts.
type scarceListener struct {
	net.Listener
	left *atomic.Int32
	err  error
}

func (l scarceListener) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", l.err)}
	}
	return l.Listener.Accept()
}

// A server that has no descriptors left is one that answers late, not one that
// has ended.
func TestAcceptOutlastsScarcity(t *testing.T) {
	for _, err := range scarce {
		left := new(atomic.Int32)
		left.Store(3)
		h := startOn(t, nil, func(l net.Listener) net.Listener { return scarceListener{l, left, err} })
		answers := h.raw(t, "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if len(answers) != 1 || answers[0].StatusCode != http.StatusNotFound {
			t.Errorf("after %v: got %d answers, want one of 404", err, len(answers))
		}
		if n := strings.Count(h.logs.String(), "connections wait"); n != 1 {
			t.Errorf("after %v three times: got %d lines of log, want 1", err, n)
		}
	}
}

func TestAcceptEndsWithItsListener(t *testing.T) {
	left := new(atomic.Int32)
	left.Store(1)
	l := patientListener{Listener: scarceListener{nil, left, syscall.EBADF}, log: nil}
	if _, err := l.Accept(); err == nil || isScarce(err) {
		t.Errorf("got error %v, want that of the listener", err)
	}
}
