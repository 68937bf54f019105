package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/hookwheel/hookwheel/httpapi/ops"
)

// standby answers operators while the API cannot: before the store is open and
// after the last request was taken. It says that the process lives, that it is
// not ready and why; for all else, ask again.
type standby struct {
	server http.Server
	ended  chan error
}

// startStandby serves a listener, which it closes in the end.
func startStandby(listener net.Listener, why func() error, logger *slog.Logger) *standby {
	s := &standby{ended: make(chan error, 1)}
	s.server.ReadHeaderTimeout = 10 * time.Second
	s.server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	s.server.SetKeepAlivesEnabled(false) // the API is next to answer
	s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		status, answer := http.StatusOK, any(map[string]string{"status": "ok"})
		if r.URL.Path != "/healthz" {
			status, answer = ops.Readiness([]ops.Check{{Name: "server", Failed: why}})
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // whoever asked may be gone
	})
	go func() { s.ended <- s.server.Serve(listener) }()
	return s
}

func (s *standby) close() error {
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve operators: %w", ended))
	}
	return err
}

var (
	errStarting = errors.New("starting: the store is opened and what it holds is read; wait")
	errStopping = errors.New("shutting down: attempts under way are finished")
)

// starting is why the server is not ready yet. A store that opens writes, and a
// disk that does not let it may be all that it waits for.
func (s *Server) starting() error {
	if failing := s.background.Load(); failing != nil && *failing != nil {
		return fmt.Errorf("starting: the store waits for its disk: %w", *failing)
	}
	return errStarting
}

func stopping() error { return errStopping }
