package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// profiler serves Go's profiles on an address of its own.
type profiler struct {
	address string
	server  http.Server
	ended   chan error
}

func startProfiler(address string) (*profiler, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for profiles: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	p := &profiler{address: listener.Addr().String(), ended: make(chan error, 1)}
	p.server.Handler, p.server.ReadHeaderTimeout = mux, 10*time.Second
	go func() { p.ended <- p.server.Serve(listener) }()
	return p, nil
}

// close cuts profiles that are being taken.
func (p *profiler) close() error {
	err := p.server.Close()
	if ended := <-p.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
