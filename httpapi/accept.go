package httpapi

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// scarce are the errors of an accept that end by themselves: this process, or
// the machine, has no descriptor or memory for one more connection just now, or
// the client was gone before its connection was taken.
var scarce = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED}

const acceptPause = 50 * time.Millisecond // between two attempts while it is scarce

// patientListener waits where fasthttp would give the listener up, and with it
// the server: whoever makes enough connections could end it.
type patientListener struct {
	net.Listener
	log *slog.Logger
}

func (l patientListener) Accept() (net.Conn, error) {
	for said := false; ; time.Sleep(acceptPause) {
		conn, err := l.Listener.Accept()
		if !isScarce(err) {
			return conn, err
		}
		if !said {
			l.log.Warn("connections wait: none can be taken at the moment", "error", err)
			said = true
		}
	}
}

func isScarce(err error) bool {
	for _, passing := range scarce {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
