package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// failure is why an attempt has no response: its class, and a text for the history. The texts are constants. They say
// in which phase it ended, and nothing of what the network or the receiver answered: no addresses, no ports, no bytes
// of the response, not whether a port was closed or filtered. The owner of an endpoint learns what to look at; nobody
// learns what lies behind a URL that he does not own.
type failure struct {
	class Class
	text  string
}

func (f *failure) Error() string { return f.text }

var (
	failBlocked      = &failure{Blocked, "the url or an address it resolves to is not allowed by the egress policy"}
	failProxyRefused = &failure{Blocked, "the egress proxy refused the host"}

	failNoAddress      = &failure{DNS, "the host name has no address"}
	failLookup         = &failure{DNS, "the host name could not be looked up"}
	failConnect        = &failure{Connect, "could not connect"}
	failConnectTimeout = &failure{Timeout, "timed out before the connection was established"}

	failHandshakeTimeout = &failure{Timeout, "timed out in the tls handshake"}
	failHandshake        = &failure{TLS, "the tls handshake failed"}
	failNotTLS           = &failure{TLS, "the receiver does not speak tls on this port"}
	failCertExpired      = &failure{TLS, "the certificate has expired or is not valid yet"}
	failCertHost         = &failure{TLS, "the certificate is for another host name"}
	failCertUnknown      = &failure{TLS, "the certificate is not signed by a known authority"}
	failCert             = &failure{TLS, "the certificate does not verify"}

	failWriteTimeout = &failure{Timeout, "timed out while sending the request"}
	failWrite        = &failure{Reset, "the connection was closed while the request was sent"}
	failReadTimeout  = &failure{Timeout, "timed out waiting for the response"}
	failRead         = &failure{Reset, "the connection was closed before a complete response header"}
	failParse        = &failure{BadResponse, "the response is not valid http/1.1"}
	failUpgrade      = &failure{BadResponse, "the response has a status that can't be final"}
	failHeaders      = &failure{LargeHeaders, "the response headers are larger than 16 KiB"}

	failProxy       = &failure{Local, "the egress proxy could not be used"}
	failResources   = &failure{Local, "out of descriptors, ports or memory for connections"}
	failConnections = &failure{Local, "too many connections are open"}
	failShutdown    = &failure{Local, "shutting down"}
	failRequest     = &failure{Blocked, "a header or the url contains a line break or another character that can't be sent"}
)

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

func failureOfLookup(err error) *failure {
	switch d, ok := errors.AsType[*net.DNSError](err); {
	case ok && d.IsNotFound:
		return failNoAddress
	case errors.Is(err, context.DeadlineExceeded) && !ok:
		return failConnectTimeout
	}
	return failLookup
}

// failureOfConnect is about connect(2) and what comes before it on this machine.
func failureOfConnect(err error) *failure {
	if errors.Is(err, ErrBlockedAddress) || errors.Is(err, ErrBlockedPort) {
		return failBlocked
	}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, errno) {
			return failResources
		}
	}
	// An unanswered connect ends as our own deadline, as the kernel's, or as a share of the time.
	if isTimeout(err) || errors.Is(err, os.ErrDeadlineExceeded) {
		return failConnectTimeout
	}
	return failConnect
}

func failureOfHandshake(err error) *failure {
	if isTimeout(err) {
		return failHandshakeTimeout
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return failNotTLS
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return failCertExpired
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return failCertHost
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return failCertUnknown
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return failCert
	}
	return failHandshake
}

// failureOfRead tells what kept a response header from arriving: err is what the parser says, connection what the
// connection said, if anything.
func failureOfRead(err, connection error) *failure {
	if _, ok := errors.AsType[*tooLarge](err); ok {
		return failHeaders
	}
	switch op, ok := errors.AsType[*net.OpError](connection); {
	case connection == nil:
		return failParse
	case isTimeout(connection):
		return failReadTimeout
	case ok && (op.Op == "remote error" || op.Op == "local error"): // a TLS alert, such as "certificate required"
		return failHandshake
	case errors.Is(connection, io.EOF), ok, errors.Is(connection, io.ErrUnexpectedEOF):
		return failRead
	}
	return failHandshake // TLS that does not decrypt
}
