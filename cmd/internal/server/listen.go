package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
)

// listen takes an address, that of a flag.
func listen(flag, address string) (*net.TCPListener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return listener.(*net.TCPListener), nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program has that address; end it, or choose another one with %s", err, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: it is not an address of this machine; see %s", err, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%w: ports below 1024 need the capability CAP_NET_BIND_SERVICE; see %s", err, flag)
	}
	return nil, fmt.Errorf("%w; see %s", err, flag)
}

// secure makes what a listener accepts speak TLS, if there is a certificate.
func (s *Server) secure(listener net.Listener) net.Listener {
	if s.tls == nil {
		return listener
	}
	return tls.NewListener(listener, s.tls.config())
}

// adminListener is the address of operators. It is kept from the first moment of
// the process to the last, and served by one after the other: a standby, the
// API, a standby again. Each gets a descriptor of its own of the same socket, and
// closes that.
type adminListener struct {
	socket  *net.TCPListener
	secure  func(net.Listener) net.Listener
	logger  *slog.Logger
	standby *standby // nil = the API answers
}

func (s *Server) listenAdmin(address string) (*adminListener, error) {
	socket, err := listen("--admin-listen", address)
	if err != nil {
		return nil, err
	}
	return &adminListener{socket: socket, secure: s.secure, logger: s.options.Logger}, nil
}

// stand lets a standby answer, which says why the server is not ready.
func (a *adminListener) stand(why func() error) error {
	listener, err := a.copy()
	if err == nil {
		a.standby = startStandby(listener, why, a.logger)
	}
	return err
}

// take ends the standby and returns a listener for the API.
func (a *adminListener) take() (net.Listener, error) {
	standby := a.standby
	a.standby = nil
	if err := standby.close(); err != nil {
		return nil, err
	}
	return a.copy()
}

func (a *adminListener) copy() (net.Listener, error) {
	file, err := a.socket.File()
	if err != nil {
		return nil, fmt.Errorf("listen for operators: %w", err)
	}
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("listen for operators: %w", err)
	}
	return a.secure(listener), nil
}

// close frees the address.
func (a *adminListener) close() error {
	err := a.socket.Close()
	if a.standby != nil {
		err = errors.Join(err, a.standby.close())
	}
	return err
}
