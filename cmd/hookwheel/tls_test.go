package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// authority signs certificates for 127.0.0.1, as a company's own does.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	last int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), last: 1}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newECKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// write replaces a file the way programs that renew certificates do.
func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	made := a.path(name) + ".new"
	if err := os.WriteFile(made, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(made, a.path(name)); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue replaces cert.pem and key.pem by new ones and returns the serial number.
func (a *authority) issue(notAfter time.Time) int64 {
	a.t.Helper()
	a.last++
	key := newECKey(a.t)
	template := &x509.Certificate{SerialNumber: big.NewInt(a.last), NotAfter: notAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write("cert.pem", "CERTIFICATE", der)
	a.write("key.pem", "PRIVATE KEY", private)
	return a.last
}

func (a *authority) flags() []string {
	return []string{"--tls-cert", a.path("cert.pem"), "--tls-key", a.path("key.pem")}
}

// client is somebody who trusts the authority and keeps a connection of his own.
func (a *authority) client() *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxConnsPerHost: 1}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get makes a request and returns the serial number of the certificate that it
// was answered with, whether the connection was used before, and the body.
func (a *authority) get(client *http.Client, url string) (serial int64, again bool, body string) {
	a.t.Helper()
	ctx := httptrace.WithClientTrace(a.t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { again = c.Reused }})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		a.t.Fatalf("GET %s: got %s %s, %v", url, response.Status, text, err)
	}
	return response.TLS.PeerCertificates[0].SerialNumber.Int64(), again, string(text)
}

// A certificate is replaced while connections go on; files that make none change
// nothing but what the log and the metrics say.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	first := a.issue(time.Now().Add(30 * time.Minute))
	s := startServe(t, t.TempDir(), freeAddress(t), a.flags()...)
	url := "https://" + s.address
	kept := a.client()
	if got, _, _ := a.get(kept, url+"/healthz"); got != first {
		t.Errorf("first certificate: got serial %d, want %d", got, first)
	}

	second := a.issue(time.Now().Add(40 * time.Minute))
	s.await("TLS certificate replaced")
	if got, again, _ := a.get(kept, url+"/healthz"); got != first || !again {
		t.Errorf("the connection that was open: got serial %d, the same connection: %v, want %d, true", got, again, first)
	}
	if got, _, _ := a.get(a.client(), url+"/healthz"); got != second {
		t.Errorf("a new connection: got serial %d, want %d", got, second)
	}

	a.write("key.pem", "PRIVATE KEY", []byte("no key"))
	s.await("the new TLS certificate cannot be used, the old one stays")
	got, _, metrics := a.get(a.client(), url+"/metrics")
	if got != second {
		t.Errorf("with a broken key: got serial %d, want %d", got, second)
	}
	for _, want := range []string{
		"\nhookwheel_tls_certificate_expiry_timestamp_seconds 1",
		"\nhookwheel_tls_certificate_reloads_total{result=\"replaced\"} 1\n",
		"\nhookwheel_tls_certificate_reloads_total{result=\"unusable\"} 1\n",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics: got no %q", want)
		}
	}
	checkFamilies(t, metrics)

	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: got %v, want a connection: %v", tls.VersionName(version), err, want)
		}
		if err == nil {
			conn.Close()
		}
	}
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
	}
}

// The command line reaches a server whose certificate a company's own authority
// has signed, and says what is missing when it does not.
func TestTLSCommandLine(t *testing.T) {
	a := newAuthority(t)
	a.issue(time.Now().Add(time.Hour))
	s := startServe(t, t.TempDir(), freeAddress(t), a.flags()...)
	plain := startServe(t, t.TempDir(), "127.0.0.1:0")
	_, plainURL, _ := strings.Cut(plain.log.String(), "url=http://")
	plainURL, _, _ = strings.Cut(plainURL, " ")
	for _, test := range []struct {
		name, url, ca string
		code          int
		want          string
	}{
		{"the authority is named", "https://" + s.address, a.path("ca.pem"), 0, `"endpoints"`},
		{"it is not", "https://" + s.address, "", 3, "--ca-cert"},
		{"another name than the certificate's", "https://localhost" + s.address[strings.IndexByte(s.address, ':'):], a.path("ca.pem"), 3, "as its certificate does"},
		{"no such file", "https://" + s.address, a.path("none.pem"), 2, "no such file"},
		{"a file without certificates", "https://" + s.address, a.path("key.pem"), 2, "has no certificate in PEM form"},
		{"http to TLS", "http://" + s.address, "", 1, "use an https URL"},
		{"https to one without TLS", "https://" + plainURL, "", 3, "give an http URL"},
	} {
		code, out, errs := run(t, "stats", "--url", test.url, "--ca-cert", test.ca, "--data-dir", s.dir, "--json")
		if code != test.code || !strings.Contains(out+errs, test.want) {
			t.Errorf("%s: got exit code %d, %s%s, want %d and %q", test.name, code, out, errs, test.code, test.want)
		}
	}
}
