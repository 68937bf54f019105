package torture

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// authorityFile holds, in the directory of a lab, the certificate that the
// server is told to trust.
const authorityFile = "authority.pem"

// shams are receivers with which no delivery gets as far as to be written: they
// cannot be connected to, or are not who they claim to be. And one that is, for
// comparison.
type shams struct {
	all    []sham
	honest string // URL of the lab's receiver behind a certificate that is in order

	listeners []net.Listener
	conns     sync.WaitGroup
	open      sync.Map     // net.Conn of all of them
	bound     int          // descriptor of a socket, 0 = none
	told      atomic.Int64 // connections over which something was sent in spite of all
}

type sham struct {
	name, url string
	class     string // that the server must give to attempts
}

func newShams(dir, receiver string) (s *shams, err error) {
	s = &shams{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	c, err := newCertificates(dir)
	if err != nil {
		return nil, err
	}
	if s.honest, err = s.listen("https", func(conn net.Conn) { forward(tls.Server(conn, &tls.Config{Certificates: c.good}), receiver) }); err != nil {
		return nil, err
	}
	for _, one := range []struct {
		name, class string
		serve       func(net.Conn)
	}{
		{"tls-expired", "tls", s.present(&tls.Config{Certificates: c.expired})},
		{"tls-wrong-host", "tls", s.present(&tls.Config{Certificates: c.elsewhere})},
		{"tls-unknown-authority", "tls", s.present(&tls.Config{Certificates: c.unknown})},
		{"tls-1.1", "tls", s.present(&tls.Config{Certificates: c.good, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})},
		{"tls-stalled", "timeout", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }},
		{"tls-not", "tls", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}},
	} {
		url, err := s.listen("https", one.serve)
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, sham{one.name, url, one.class})
	}
	refusing, err := s.bind()
	s.all = append(s.all, sham{"refuses", refusing, "connect"})
	return s, err
}

// certificates are what the shams present, each a list of one.
type certificates struct {
	good      []tls.Certificate
	expired   []tls.Certificate
	elsewhere []tls.Certificate // of another host
	unknown   []tls.Certificate // of an authority that the server does not trust
}

// newCertificates issues them, and writes the authority that the server is to
// trust into dir.
func newCertificates(dir string) (c certificates, err error) {
	trusted, err := newIssuer()
	if err != nil {
		return c, err
	}
	stranger, err := newIssuer()
	if err != nil {
		return c, err
	}
	if err := os.WriteFile(filepath.Join(dir, authorityFile), trusted.pem(), 0o600); err != nil {
		return c, err
	}
	const host = "127.0.0.1"
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for _, one := range []struct {
		to    *[]tls.Certificate
		by    *issuer
		host  string
		until time.Time
	}{
		{&c.good, trusted, host, soon},
		{&c.expired, trusted, host, past},
		{&c.elsewhere, trusted, "192.0.2.1", soon},
		{&c.unknown, stranger, host, soon},
	} {
		issued, err := one.by.issue(one.host, one.until)
		if err != nil {
			return c, err
		}
		*one.to = []tls.Certificate{issued}
	}
	return c, nil
}

// bind takes a port on which nobody listens.
func (s *shams) bind() (url string, err error) {
	if s.bound, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return "", err
	}
	if err := unix.Bind(s.bound, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	name, err := unix.Getsockname(s.bound)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), nil
}

// listen serves connections until close.
func (s *shams) listen(scheme string, serve func(net.Conn)) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.listeners = append(s.listeners, l)
	s.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			s.open.Store(c, nil)
			s.conns.Go(func() {
				defer s.open.Delete(c)
				defer c.Close()
				serve(c)
			})
		}
	})
	return scheme + "://" + l.Addr().String(), nil
}

// present makes the handshake, and counts who goes on to speak after it.
func (s *shams) present(config *tls.Config) func(net.Conn) {
	return func(c net.Conn) {
		if n, _ := tls.Server(c, config).Read(make([]byte, 1)); n > 0 {
			s.told.Add(1)
		}
	}
}

// fooled reports that something was sent to a receiver that is not who it claims
// to be.
func (s *shams) fooled() error {
	if n := s.told.Load(); n > 0 {
		return fmt.Errorf("%d deliveries were sent over connections whose certificate is wrong", n)
	}
	return nil
}

func (s *shams) close() {
	for _, l := range s.listeners {
		l.Close()
	}
	if s.bound > 0 {
		_ = unix.Close(s.bound)
	}
	s.open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	s.conns.Wait()
}

// forward passes bytes on, both ways, to the server at a URL.
func forward(from net.Conn, url string) {
	to, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(from, to)
		from.Close()
	}()
	_, _ = io.Copy(to, from)
	to.Close()
	<-done
}

// issuer is an authority that issues certificates.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newIssuer() (*issuer, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "torture"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &issuer{certificate, key}, err
}

func (i *issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw})
}

// issue makes a certificate for an address.
func (i *issuer) issue(address string, until time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.ParseIP(address)},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.certificate, &key.PublicKey, i.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
