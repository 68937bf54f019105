package server

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookwheel/hookwheel/engine/secret"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's pool notices only every ten seconds that it was stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// It keeps one clock for all servers of a process, for ever.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// open starts a server on dir.
func open(t *testing.T, dir string, change func(*Options)) (*Server, error) {
	t.Helper()
	o := Options{Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)}
	o.Engine.Log.Dir, o.Engine.Log.DiskReserve = dir, -1
	if change != nil {
		change(&o)
	}
	return Open(t.Context(), o)
}

func closeNow(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestAdminKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	s, err := open(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := s.NewAdminKey()
	closeNow(t, s)
	kept := func() string {
		text, err := os.ReadFile(filepath.Join(dir, AdminKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	if made.IsZero() || kept() != made.Reveal() {
		t.Errorf("first start: got %q in the file, want the key that was made", kept())
	}
	for given, want := range map[string]string{"": made.Reveal(), "sixteen-letters-": "sixteen-letters-"} {
		s, err := open(t, dir, func(o *Options) { o.AdminKey = secret.New(given) })
		if err != nil {
			t.Fatal(err)
		}
		if !s.NewAdminKey().IsZero() || given != "" && kept() != want {
			t.Errorf("with %q: got %q in the file and a new key: %v", given, kept(), !s.NewAdminKey().IsZero())
		}
		closeNow(t, s)
	}
	if _, err := open(t, dir, func(o *Options) { o.AdminKey = secret.New("short") }); err == nil || !strings.Contains(err.Error(), "16 to 256") {
		t.Errorf("a short key: got %v, want it refused", err)
	}
}

// Whatever keeps a server from starting, nothing of it is left running, and
// the next start works. The leak check at the end sees the first part.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		want   string
		change func(*Options)
	}{
		{"--listen", func(o *Options) { o.Listen = "192.0.2.1:1" }},
		{"--admin-listen", func(o *Options) { o.AdminListen = "192.0.2.1:1" }},
		{"--disk-reserve", func(o *Options) { o.Engine.Log.DiskReserve = 1 << 50 }}, // before there is a store
		{"egress proxy", func(o *Options) { o.Egress.Proxy = "ftp://x" }},
		{"shards is 999", func(o *Options) { o.Engine.Shards = 999 }},
		{"body size", func(o *Options) { o.HTTP.MaxBodySize, o.HTTP.AnonymousBodySize = 1, 2 }},
	} {
		if _, err := open(t, dir, test.change); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want an error about %q", err, test.want)
		}
	}
	s, err := open(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
}

// Each start says that the master key is open to everybody, and only then.
func TestReadableMasterKey(t *testing.T) {
	dir := t.TempDir()
	for _, mode := range []os.FileMode{0o600, 0o640, 0o644} {
		var log bytes.Buffer
		key := filepath.Join(dir, masterKeyFile)
		if _, err := masterKey(dir, key); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		s, err := open(t, dir, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		if err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
		if got, want := strings.Contains(log.String(), "can read the master key"), mode == 0o644; got != want {
			t.Errorf("mode %o: got a warning: %v, want %v", mode, got, want)
		}
	}
}

// A server can be closed as soon as it is open, and opened as soon as it is
// closed.
func TestOpenClose(t *testing.T) {
	dir := t.TempDir()
	for range 10 {
		s, err := open(t, dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
	}
}

func TestWait(t *testing.T) {
	s, err := open(t, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx); err != nil {
		t.Errorf("wait until the end: got %v, want nil", err)
	}
	s.listener.Close() // as if the system had taken it away
	if err := s.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "serve") {
		t.Errorf("wait without a listener: got %v, want an error", err)
	}
	closeNow(t, s)
}

func TestPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for _, step := range []struct {
		write func(path, text string) error
		text  string
		want  string
	}{{createPrivate, "first", "first"}, {createPrivate, "second", "first"}, {replacePrivate, "third", "third"}} {
		if err := step.write(path, step.text); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != step.want {
			t.Errorf("after %q: got %q, %v, want %q", step.text, got, err, step.want)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("got %d files, %v, want the one", len(left), err)
	}
}
