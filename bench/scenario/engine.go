package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwheel/hookwheel/bench/process"
)

const (
	clients = 32 // of the API at once, where a scenario makes many objects

	// A server leaves more of its disk free; here a long backlog is to fit.
	diskReserve = "1GiB"
)

// engine is a `hookwheel serve` with a data directory of its own.
type engine struct {
	*process.Process
	executable string
	args       []string
	data       string // its data directory
	url        string
	adminURL   string // where metrics and what needs the admin key are
	key        string
	http       http.Client
}

// startEngine starts an engine on an empty data directory and waits until it
// is ready.
func (l *lab) startEngine(ctx context.Context, flags ...string) (*engine, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	data, err := os.MkdirTemp(l.dir, "data-*")
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	e := &engine{
		executable: l.Executable, data: data, url: "http://" + address,
		args: slices.Concat([]string{"serve", "--dev", "--listen", address, "--data-dir", data, "--disk-reserve", diskReserve}, flags, l.ServeFlags),
		http: http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients}},
	}
	e.adminURL = e.url
	if admin := flagOf(e.args, "--admin-listen"); admin != "" { // among ServeFlags, as for profiles
		e.adminURL = "http://" + admin
	}
	if err := e.launch(ctx); err != nil {
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

// flagOf returns the value of a flag among arguments, "" if it is not there.
func flagOf(args []string, flag string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, flag+"="); ok {
			return value
		} else if arg == flag && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// launch starts the process and waits until it is ready.
func (e *engine) launch(ctx context.Context) (err error) {
	if e.Process, err = process.Start(ctx, process.Command{Name: "engine", Path: e.executable, Args: e.args}); err != nil {
		return err
	}
	if err := e.awaitReady(ctx); err != nil {
		e.discard()
		return err
	}
	return nil
}

// crash kills the engine, starts it again, and returns how long it then takes
// to be ready.
func (e *engine) crash(ctx context.Context) (time.Duration, error) {
	e.Kill()
	e.http.CloseIdleConnections()
	began := time.Now()
	err := e.launch(ctx)
	return time.Since(began), err
}

// stored is how many bytes the data directory holds.
func (e *engine) stored() (total int64, err error) {
	err = filepath.WalkDir(e.data, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreGone(err)
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return ignoreGone(err)
	})
	return total, err
}

// ignoreGone ignores that a running engine has removed a file.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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
	return e.AwaitReady(ctx, func(ctx context.Context) bool {
		return e.do(ctx, "", http.MethodGet, "/readyz", nil, nil) == nil
	})
}

// createEndpoint makes an endpoint that is owed events of one type, and returns
// its id. org is whose it is, "" for the default organization.
func (e *engine) createEndpoint(ctx context.Context, org, url, eventType string) (id string, err error) {
	body := map[string]any{"url": url, "event_types": []string{eventType}}
	var made struct{ ID string }
	if err := e.do(ctx, org, http.MethodPost, "/v1/endpoints", body, &made); err != nil {
		return "", fmt.Errorf("create endpoint: %w", err)
	}
	return made.ID, nil
}

// createOrganization makes an organization with a given id.
func (e *engine) createOrganization(ctx context.Context, id string) error {
	body := map[string]any{"id": id, "name": id}
	if err := e.do(ctx, "", http.MethodPost, "/v1/organizations", body, nil); err != nil {
		return fmt.Errorf("create organization: %w", err)
	}
	return nil
}

// control makes a verb of an endpoint happen, such as pause.
func (e *engine) control(ctx context.Context, endpoint, verb string) error {
	if err := e.do(ctx, "", http.MethodPost, "/v1/endpoints/"+endpoint+"/"+verb, nil, nil); err != nil {
		return fmt.Errorf("%s endpoint: %w", verb, err)
	}
	return nil
}

// parallel calls make for 0 to n-1, several at once, until one fails.
func parallel(ctx context.Context, n int, make func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, clients) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := make(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// find checks that the engine knows each of these events.
func (e *engine) find(ctx context.Context, ids []string) error {
	for _, id := range ids {
		var event struct{ ID string }
		if err := e.do(ctx, "", http.MethodGet, "/v1/events/"+id, nil, &event); err != nil {
			return fmt.Errorf("find event: %w", err)
		}
		if event.ID != id {
			return fmt.Errorf("find event: asked for %s, got %q", id, event.ID)
		}
	}
	return nil
}

// do asks the API on behalf of an organization and decodes the answer, unless
// answer is nil.
func (e *engine) do(ctx context.Context, org, method, path string, body, answer any) error {
	got, err := e.ask(ctx, org, method, path, body)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(got, answer)
}

// ask asks the API on behalf of an organization. A status other than 2xx is an
// error.
func (e *engine) ask(ctx context.Context, org, method, path string, body any) (answer []byte, err error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, e.adminURL+path, content)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+e.key)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if org != "" {
		request.Header.Set("Hookwheel-Organization", org)
	}
	response, err := e.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, nil
}

// discard ends the engine, if it has not ended, and removes its data, which the
// next run needs the space of.
func (e *engine) discard() {
	e.Kill()
	e.http.CloseIdleConnections()
	_ = os.RemoveAll(e.data) // the lab tries again when it closes, and says so
}
