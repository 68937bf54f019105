// End-to-end tests: the binary as it is built and shipped, real sockets, real
// signals, a real disk.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hookwheel-e2e-*")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "hookwheel")
		build := exec.Command("go", "build", "-ldflags", "-X main.version=v9.9.9-test", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as everybody builds it
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// serve is a `hookwheel serve` under test.
type serve struct {
	t       *testing.T
	cmd     *exec.Cmd
	dir     string
	address string
	out     bytes.Buffer // to be read once it has ended
	log     *logWatch
	ended   chan error
}

// logWatch keeps a log, in which lines can be waited for.
type logWatch struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed at the next write
}

func (w *logWatch) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	close(w.grown)
	w.grown = make(chan struct{})
	return len(b), nil
}

func (w *logWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// has says whether a text is in the log, and if not, when to look again.
func (w *logWatch) has(text string) (bool, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.text.String(), text), w.grown
}

// await returns once a text is in the log.
func (s *serve) await(text string) {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		found, grown := s.log.has(text)
		if found {
			return
		}
		select {
		case <-grown:
		case err := <-s.ended:
			s.ended <- err
			s.t.Fatalf("server ended before it said %q: %v\n%s", text, err, s.log)
		case <-deadline:
			s.t.Fatalf("server has not said %q within 30 s\n%s", text, s.log)
		}
	}
}

// freeAddress finds a port below those of outgoing connections, so that it is
// still free after a restart.
func freeAddress(t *testing.T) string {
	t.Helper()
	for port := 21000 + os.Getpid()%4000; port < 30000; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// binaryCommand is the binary with arguments and nothing of the environment that it
// listens to.
func binaryCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HOOKWHEEL_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

// startServe starts a server on dir and waits until it is ready.
func startServe(t *testing.T, dir, address string, flags ...string) *serve {
	t.Helper()
	return startServeAs(t, "msg=ready", dir, address, flags...)
}

// startServeAs is startServe for another format of the log, in which a server
// that is ready says so in another way.
func startServeAs(t *testing.T, ready, dir, address string, flags ...string) *serve {
	t.Helper()
	s := &serve{t: t, dir: dir, address: address, log: &logWatch{grown: make(chan struct{})}, ended: make(chan error, 1)}
	args := append([]string{"serve", "--dev", "--log-format", "logfmt", "--listen", address, "--data-dir", dir}, flags...)
	s.cmd = binaryCommand(context.Background(), args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() { s.end(syscall.SIGKILL) })
	s.await(ready)
	return s
}

// end sends a signal and waits for the process to end; it returns its exit
// code, -1 if the signal killed it.
func (s *serve) end(signal syscall.Signal) int {
	_ = s.cmd.Process.Signal(signal) // it may have ended
	err := <-s.ended
	s.ended <- err
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		s.t.Errorf("server ended: %v", err)
	}
	return 0
}

// key is the admin key as the local command line finds it.
func (s *serve) key() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "admin.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// call makes a call of the API with the admin key and returns the status and the
// answer.
func (s *serve) call(method, path, body string) (int, map[string]any) {
	s.t.Helper()
	return s.callAs("Bearer "+s.key(), "application/json", method, path, body)
}

// callAs is call with other credentials and another kind of body.
func (s *serve) callAs(authorization, kind, method, path, body string) (int, map[string]any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			s.t.Fatalf("%s %s: answer %q: %v", method, path, text, err)
		}
	}
	return response.StatusCode, answer
}

// want checks the status of a call and returns the answer.
func (s *serve) want(status int, method, path, body string) map[string]any {
	s.t.Helper()
	got, answer := s.call(method, path, body)
	if got != status {
		s.t.Fatalf("%s %s: got %d %v, want %d", method, path, got, answer, status)
	}
	return answer
}

// run runs a command of the command line to its end.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := binaryCommand(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), stdout.String(), stderr.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, stdout.String(), stderr.String()
}
