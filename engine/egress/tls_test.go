package egress

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// authority is a certificate authority for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert, key, x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

// issue returns a certificate for a DNS name, or for 127.0.0.1 when name is empty, that expires at the given time.
func (a *authority) issue(t testing.TB, name string, expires time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: expires.Add(-24 * time.Hour), NotAfter: expires}
	if name == "" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// receiveTLS is receive over TLS.
func receiveTLS(t testing.TB, config *tls.Config, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, tls.NewListener(l, config), serve)
	return "https://" + l.Addr().String() + "/"
}

func TestSendTLS(t *testing.T) {
	good, other := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	config := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	old := config(good.issue(t, "", later))
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	mutual := config(good.issue(t, "", later))
	mutual.ClientAuth = tls.RequireAnyClientCert
	mutual12 := mutual.Clone()
	mutual12.MaxVersion = tls.VersionTLS12
	tls12 := config(good.issue(t, "", later))
	tls12.MaxVersion = tls.VersionTLS12
	tests := []struct {
		name   string
		config *tls.Config
		class  Class
		err    error
	}{
		{"verifies", config(good.issue(t, "", later)), Success, nil},
		{"TLS 1.2", tls12, Success, nil},
		{"expired", config(good.issue(t, "", time.Now().Add(-time.Hour))), TLS, failCertExpired},
		{"wrong host", config(good.issue(t, "other.example", later)), TLS, failCertHost},
		{"unknown authority", config(other.issue(t, "", later)), TLS, failCertUnknown},
		{"TLS 1.1", old, TLS, failHandshake},
		{"wants a client certificate", mutual, TLS, failHandshake},
		{"wants a client certificate, TLS 1.2", mutual12, TLS, failHandshake},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, Options{Policy: openPolicy, RootCAs: good.pool})
			res := send(c, receiveTLS(t, tt.config, respond(okResponse)), "x", 5*time.Second)
			if res.Class != tt.class || res.Err != tt.err {
				t.Errorf("got %v %v, want %v %v", res.Class, res.Err, tt.class, tt.err)
			}
		})
	}
}

func TestSendTLSBroken(t *testing.T) {
	tests := []struct {
		name  string
		serve func(net.Conn)
		class Class
		err   error
	}{
		{"silent", wait, Timeout, failHandshakeTimeout},
		{"closes", func(net.Conn) {}, TLS, failHandshake},
		{"plain HTTP", respondRaw("HTTP/1.1 400 Bad Request\r\n\r\n"), TLS, failNotTLS},
		{"half a record", respondRaw("\x16\x03\x03\x40\x00\x02"), Timeout, failHandshakeTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, Options{Policy: openPolicy})
			url := strings.Replace(receive(t, tt.serve), "http:", "https:", 1)
			start := time.Now()
			res := send(c, url, "x", 300*time.Millisecond)
			if res.Class != tt.class || res.Err != tt.err {
				t.Errorf("got %v %v, want %v %v", res.Class, res.Err, tt.class, tt.err)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// respondRaw writes s after the first bytes from the client and then waits.
func respondRaw(s string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 4096))
		c.Write([]byte(s))
		wait(c)
	}
}
