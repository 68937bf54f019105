package server

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwheel/hookwheel/httpapi/ops"
)

// certificateInterval is how often the files are looked at. They are read, not
// only asked for their times: a few kilobytes tell for certain, whatever renews
// them, be it a rename, a symbolic link or a write in place.
const certificateInterval = 5 * time.Second

// certificate is a TLS certificate that follows its files. Connections keep the
// one that they began with, new ones get the newest that was usable: files that
// make no certificate are reported and change nothing.
//
// Certificate and key are two files and are replaced one after the other. So
// what is new is taken only when it is still there at the next look.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	replaced, broken  atomic.Int64

	seen, tried [sha256.Size]byte // contents of the files: at the last look, and what was made of them last

	quit     chan struct{}
	watching sync.WaitGroup
}

// loadCertificate reads both files, which must be usable, and begins to watch
// them.
func loadCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger, quit: make(chan struct{})}
	cert, key, err := c.read()
	if err == nil {
		err = c.take(cert, key)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w; see --tls-cert and --tls-key", err)
	}
	c.seen = fingerprint(cert, key, nil)
	c.tried = c.seen
	c.watching.Go(c.watch)
	return c, nil
}

func (c *certificate) watch() {
	ticker := time.NewTicker(certificateInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.look()
		case <-c.quit:
			return
		}
	}
}

func (c *certificate) close() {
	close(c.quit)
	c.watching.Wait()
}

// look takes what the files hold if it is new and was the same at the last look.
func (c *certificate) look() {
	cert, key, err := c.read()
	now := fingerprint(cert, key, err)
	settled := now == c.seen
	c.seen = now
	if !settled || now == c.tried {
		return
	}
	c.tried = now
	if err == nil {
		err = c.take(cert, key)
	}
	if err != nil {
		c.broken.Add(1)
		c.logger.Error("the new TLS certificate cannot be used, the old one stays: put right --tls-cert and --tls-key",
			"error", err, "old_expires", c.current.Load().Leaf.NotAfter)
		return
	}
	c.replaced.Add(1)
	c.logger.Info("TLS certificate replaced", "expires", c.current.Load().Leaf.NotAfter)
}

func (c *certificate) read() (cert, key []byte, err error) {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := os.ReadFile(c.keyFile)
	return cert, key, cmp.Or(certErr, keyErr)
}

// fingerprint tells contents apart, an error being contents too.
func fingerprint(cert, key []byte, err error) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %s %v", len(cert), cert, key, err))
}

// take makes a pair the current one.
func (c *certificate) take(cert, key []byte) error {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s with %s: %w", c.certFile, c.keyFile, err)
	}
	if expired := time.Now().After(pair.Leaf.NotAfter); expired && c.current.Load() != nil {
		return fmt.Errorf("%s: expired at %v", c.certFile, pair.Leaf.NotAfter)
	} else if expired {
		// Deliveries do not depend on it: a restart must not end them.
		c.logger.Error("the TLS certificate has expired, clients will refuse it: replace --tls-cert and --tls-key", "expired", pair.Leaf.NotAfter)
	}
	c.current.Store(&pair)
	return nil
}

// config is for a listener. Versions before 1.2 are refused.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// metrics tell when to worry.
func (c *certificate) metrics() ops.Source {
	const expiry, reloads = "hookwheel_tls_certificate_expiry_timestamp_seconds", "hookwheel_tls_certificate_reloads_total"
	return ops.Source{
		Help: map[string]string{
			expiry:  "When the TLS certificate in use expires, in Unix time.",
			reloads: "Times that the files of the TLS certificate had changed, by what came of it.",
		},
		Write: func(w io.Writer) {
			fmt.Fprintf(w, "# HELP %s\n# TYPE %[1]s gauge\n%[1]s %d\n", expiry, c.current.Load().Leaf.NotAfter.Unix())
			fmt.Fprintf(w, "# HELP %s\n# TYPE %[1]s counter\n%[1]s{result=\"replaced\"} %d\n%[1]s{result=\"unusable\"} %d\n", reloads, c.replaced.Load(), c.broken.Load())
		},
	}
}
