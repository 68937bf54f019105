package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hookwheel/hookwheel/bench/process"
	"github.com/hookwheel/hookwheel/bench/proof"
)

// server is a `hookwheel serve` that is started again and again on one data
// directory and one address.
type server struct {
	*process.Process // the one that runs, or ran last

	Path  string   // of the binary
	Data  string   // its data directory
	Flags []string // of serve, besides address and data directory; to be changed between starts
	Env   []string
	URL   string
	Key   string // the admin key

	address string
	log     *os.File // standard error of all starts
	out     *os.File // and standard output
	admin   *proof.Admin
}

// Start starts it and waits until it is ready.
func (s *server) Start(ctx context.Context) error {
	if err := s.Launch(ctx); err != nil {
		return err
	}
	return s.AwaitReady(ctx)
}

// Launch starts it and does not wait.
func (s *server) Launch(ctx context.Context) (err error) {
	args := slices.Concat([]string{"serve", "--log-format", "json", "--listen", s.address, "--data-dir", s.Data}, s.Flags)
	s.Process, err = process.Start(ctx, process.Command{Name: "server", Path: s.Path, Args: args, Env: s.Env, Out: s.out, Err: s.log})
	return err
}

// AwaitReady waits until it says that it is ready.
func (s *server) AwaitReady(ctx context.Context) error {
	return s.Process.AwaitReady(ctx, func(ctx context.Context) bool {
		status, _, err := s.Get(ctx, "/readyz")
		return err == nil && status == http.StatusOK
	})
}

// Get asks for a path without a key and returns what is answered.
func (s *server) Get(ctx context.Context, path string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// Crash kills it as kill -9 does, and writes that into the ledger.
func (s *server) Crash() error {
	return s.Struck(proof.Fault{What: "kill", Crash: true}, func() error {
		s.Kill()
		return nil
	})
}

// End ends it in good order.
func (s *server) End() error {
	return s.Struck(proof.Fault{What: "terminate"}, s.Terminate)
}

// Struck writes that a fault strikes, makes it happen, and writes that it is
// over. After a fault that crashes the server, the server must be gone.
func (s *server) Struck(f proof.Fault, strike func() error) error {
	if err := s.admin.Fault(f); err != nil {
		return err
	}
	struck := strike()
	s.admin.API.CloseIdle()
	f.Over = true
	return errors.Join(struck, s.admin.Fault(f))
}

// readKey reads the admin key, which the first start has made.
func (s *server) readKey() error {
	key, err := os.ReadFile(filepath.Join(s.Data, "admin.key"))
	s.Key = strings.TrimSpace(string(key))
	return err
}

// close ends it, if it runs, and closes its logs.
func (s *server) close() error {
	if s.Process != nil {
		s.Kill()
	}
	return errors.Join(s.log.Close(), s.out.Close())
}

// freeAddress finds a port below those of outgoing connections, so that none of
// them takes it while the server is down.
func freeAddress() (string, error) {
	for port := 21000 + os.Getpid()%4000; port < 30000; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if listener, err := net.Listen("tcp", address); err == nil {
			return address, listener.Close()
		}
	}
	return "", errors.New("no port is free")
}
