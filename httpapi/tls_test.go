package httpapi

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// tlsHarness is a server that speaks TLS, and how to speak to it.
type tlsHarness struct {
	*harness
	client *tls.Config
}

func startTLS(t *testing.T, change func(*Options)) *tlsHarness {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"x"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	h := startOn(t, change, func(l net.Listener) net.Listener { return tls.NewListener(l, config) })
	return &tlsHarness{h, &tls.Config{InsecureSkipVerify: true}}
}

// raw is harness.raw over TLS.
func (h *tlsHarness) raw(t *testing.T, request string) []*http.Response {
	t.Helper()
	conn, err := tls.Dial("tcp", h.addr, h.client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	return readAll(t, conn, method)
}

// What protects the server without TLS protects it with TLS.
func TestTLSProtections(t *testing.T) {
	h := startTLS(t, func(o *Options) { o.ReadTimeout = time.Second })
	for _, test := range []struct {
		name, request string
		want          []int
		body          string
	}{
		{"two requests of a connection", "GET /echo/a HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{200, 200}, "b from 127.0.0.1"},
		{"two lengths hide no second request", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}, "bad_request"},
		{"a folded header", "GET /echo/a HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", []int{400}, "bad_request"},
		{"a body that is too large", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\nx", []int{413}, "too_large"},
		{"headers that are too large", "GET /echo/a HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", maxHeaderSize) + "\r\n\r\n", []int{431}, "header_too_large"},
		{"a request that never ends", "GET /echo/a HTTP/1.1\r\nHost: x\r\n", []int{408}, "timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := h.raw(t, test.request)
			var got []int
			last := ""
			for _, response := range all {
				got = append(got, response.StatusCode)
				last = body(response)
			}
			if len(got) != len(test.want) || got[len(got)-1] != test.want[len(got)-1] || !strings.Contains(last, test.body) {
				t.Errorf("got %v, the last one %q, want %v and %q", got, last, test.want, test.body)
			}
		})
	}
}

// A client in the middle of a body that is too large sees why it is refused.
func TestTLSRefusalIsSeen(t *testing.T) {
	h := startTLS(t, nil)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: h.client}}
	defer client.CloseIdleConnections()
	for range 10 {
		response, err := client.Post("https://"+h.addr+"/echo", "text/plain", bytes.NewReader(make([]byte, 1000<<10)))
		if err != nil {
			t.Fatalf("got %v, want an answer", err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d, want 413", response.StatusCode)
		}
	}
}

// Clients that connect and say nothing, more of them than there may be
// connections, do not keep the server from accepting once they are gone: a
// handshake never happens in the goroutine that accepts.
func TestTLSSilentClients(t *testing.T) {
	h := startTLS(t, func(o *Options) { o.MaxConnections, o.ReadTimeout = 1, 500*time.Millisecond })
	for range 3 {
		silent, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		conn, err := tls.DialWithDialer(&net.Dialer{Deadline: deadline}, "tcp", h.addr, h.client)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v after 5 s, want a connection once the silent client's 0.5 s are over", err)
		}
	}
}

// Who speaks plain HTTP to it is told.
func TestTLSPlainHTTP(t *testing.T) {
	h := startTLS(t, nil)
	response, err := http.Get("http://" + h.addr + "/echo/a")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "use an https URL") {
		t.Errorf("got %d %q, %v, want 400 that names https", response.StatusCode, text, err)
	}
}

// Links to itself begin with https, whether it ends TLS or a proxy does.
func TestTLSScheme(t *testing.T) {
	h := startTLS(t, nil)
	plain := start(t, nil)
	for got, want := range map[string]string{
		body(h.raw(t, "GET /echo/-/base HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0]): "https://x",
		body(plain.one(t, "GET", "/echo/-/base", "", "")):                                      "http://x",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
