package command

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/server"
)

const (
	defaultURL     = "http://127.0.0.1:8420"
	defaultDataDir = "hookwheel-data"

	// Servers and clients share the variable, so the flag means the same to both.
	dataDirUsage = "`DIR` in which a server keeps everything; clients look there for the admin key of a local server"
)

// connection is what the client verbs share: where the server is, who asks,
// and how answers are shown.
type connection struct {
	url          string
	apiKey       string
	organization string
	dataDir      string
	caCert       string
	timeout      time.Duration
	json         bool
}

// flags adds the shared flags behind those of the verb.
func (o *connection) flags(f *flagSet) []cli.Flag {
	shared := flagsOf("").in("Output")
	shared.toggle(&o.json, "json", "print JSON, one value per line, instead of text for people")
	shared.in("Connection")
	shared.text(&o.url, "url", "`URL` of the server", defaultURL, checkServerURL)
	shared.text(&o.apiKey, "api-key", "`KEY` that authenticates; without one, the file "+server.AdminKeyFile+" of the data directory is used, and only for a server on this machine", "", nil)
	shared.text(&o.organization, "organization", "`ID` of the organization to act for, with an admin key; without one, the organization named default", "", checkHeaderValue)
	shared.text(&o.dataDir, "data-dir", dataDirUsage, defaultDataDir, notEmpty)
	shared.text(&o.caCert, "ca-cert", "`FILE` with certificates of authorities, PEM, that may vouch for the server of an https URL, besides those of the system", "", nil)
	shared.duration(&o.timeout, "timeout", "`TIME` for a call, with its repetitions while the server is busy", 30*time.Second, 100*time.Millisecond, time.Hour, "")
	return append(f.flags, shared.flags...)
}

func checkServerURL(text string) error {
	_, err := parseServerURL(text)
	return err
}

func parseServerURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("expected a URL such as " + defaultURL)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("expected a URL without user, query and fragment")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// client makes the client that the flags describe.
func (o *connection) client() (*client, error) {
	base, err := parseServerURL(o.url)
	if err != nil {
		return nil, usageError("--url %s: %w", o.url, err)
	}
	key := o.apiKey
	if key == "" {
		if key, err = localKey(o.dataDir, base); err != nil {
			return nil, err
		}
	}
	if err := checkHeaderValue(key); err != nil { // not of the flag, which would show it
		return nil, usageError("API key: %w", err)
	}
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	return &client{
		base:         base,
		key:          key,
		organization: o.organization,
		timeout:      o.timeout,
		pause:        pause,
		http: &http.Client{
			Transport: transport,
			// A redirect could carry the key to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// transport trusts whom the system trusts, and who stands in the file of
// --ca-cert.
func (o *connection) transport() (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if o.caCert == "" {
		return transport, nil
	}
	text, err := os.ReadFile(o.caCert)
	if err != nil {
		return nil, usageError("--ca-cert: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without any
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, usageError("--ca-cert: %s has no certificate in PEM form", o.caCert)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return transport, nil
}

// localKey reads the admin key of a server on this machine. It belongs to the
// data directory's server and is shown to no other host.
func localKey(dir string, base *url.URL) (string, error) {
	if !loopback(base.Hostname()) {
		return "", usageError("no API key for %s: give --api-key or HOOKWHEEL_API_KEY", base.Host)
	}
	path := filepath.Join(dir, server.AdminKeyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", usageError("no API key: give --api-key or HOOKWHEEL_API_KEY, or the --data-dir of the local server (%w)", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" {
		return "", fmt.Errorf("read API key: %s is empty", path)
	}
	return key, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// randomKey is an idempotency key that nobody else has.
func randomKey() string { return "cli-" + strings.ToLower(rand.Text()) }
