package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	readyTimeout = 30 * time.Second
	readyPoll    = 20 * time.Millisecond
)

// engine is a `hookwheel serve` with a data directory of its own.
type engine struct {
	*process
	data string // its data directory
	url  string
	key  string
	http http.Client
}

// startEngine starts an engine on an empty data directory and waits until it
// is ready.
func (l *lab) startEngine(ctx context.Context) (*engine, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	data, err := os.MkdirTemp(l.dir, "data-*")
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	args := append([]string{"serve", "--dev", "--listen", address, "--data-dir", data}, l.ServeFlags...)
	p, err := startProcess(ctx, "engine", nil, l.Executable, args...)
	if err != nil {
		return nil, err
	}
	e := &engine{process: p, data: data, url: "http://" + address, http: http.Client{Timeout: 30 * time.Second}}
	if err := e.awaitReady(ctx); err != nil {
		e.discard()
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(data, "admin.key"))
	if err != nil {
		e.discard()
		return nil, fmt.Errorf("start engine: %w", err)
	}
	e.key = strings.TrimSpace(string(key))
	return e, nil
}

// freeAddress finds a port that nobody listens on. Somebody else could take it
// before the engine does; then the engine says so and the run fails.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitReady asks until the engine says that it is ready.
func (e *engine) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("engine is not ready after %v", readyTimeout))
	defer cancel()
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		if e.do(ctx, http.MethodGet, "/readyz", nil, nil) == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-e.done:
			return fmt.Errorf("engine ended instead of getting ready: %w: %s", e.failed, e.said.String())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// createEndpoint makes an endpoint that is owed events of one type.
func (e *engine) createEndpoint(ctx context.Context, url, eventType string) error {
	body := map[string]any{"url": url, "event_types": []string{eventType}}
	if err := e.do(ctx, http.MethodPost, "/v1/endpoints", body, nil); err != nil {
		return fmt.Errorf("create endpoint: %w", err)
	}
	return nil
}

// find checks that the engine knows each of these events.
func (e *engine) find(ctx context.Context, ids []string) error {
	for _, id := range ids {
		var event struct{ ID string }
		if err := e.do(ctx, http.MethodGet, "/v1/events/"+id, nil, &event); err != nil {
			return fmt.Errorf("find event: %w", err)
		}
		if event.ID != id {
			return fmt.Errorf("find event: asked for %s, got %q", id, event.ID)
		}
	}
	return nil
}

// do asks the API. A status other than 2xx is an error.
func (e *engine) do(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, e.url+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+e.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := e.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}

// discard ends the engine, if it has not ended, and removes its data, which the
// next run needs the space of.
func (e *engine) discard() {
	e.kill()
	e.http.CloseIdleConnections()
	_ = os.RemoveAll(e.data) // the lab tries again when it closes, and says so
}
