package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// readiness asks /readyz and returns what is said against it, "" if nothing is.
func readiness(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	response, err := client.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Status string
		Checks []struct{ Name, Status, Detail string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	var faults []string
	for _, check := range answer.Checks {
		if check.Status != "ok" {
			faults = append(faults, check.Name+": "+check.Detail)
		}
	}
	if ready := answer.Status == "ready"; ready != (response.StatusCode == http.StatusOK) || ready != (len(faults) == 0) {
		t.Errorf("got %d %s with %q", response.StatusCode, answer.Status, faults)
	}
	return strings.Join(faults, "; ")
}

// waitReadiness returns once /readyz says want, all of it or within.
func waitReadiness(t *testing.T, url, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		got := readiness(t, url)
		if got == want || want != "" && strings.Contains(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// onDisk are the options of a server on a disk of its own, and where operators
// are answered, from the first moment on.
func onDisk(t *testing.T, fs kv.FS) (o Options, url string) {
	t.Helper()
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.Close()
	o = Options{Listen: "127.0.0.1:0", AdminListen: reserved.Addr().String(), Logger: slog.New(slog.DiscardHandler)}
	o.Engine.Log.Dir, o.Engine.Log.FS, o.Engine.Log.AppendTimeout = path.Join(t.TempDir(), "data"), fs, 100*time.Millisecond
	o.Egress.Policy = egress.Policy{AllowHTTP: true, AllowPrivate: true, AnyPort: true}
	return o, "http://" + o.AdminListen
}

// opening starts a server and returns as soon as operators are answered.
func opening(t *testing.T, o Options) (opened chan *Server) {
	t.Helper()
	opened = make(chan *Server, 1)
	go func() {
		s, err := Open(context.WithoutCancel(t.Context()), o)
		if err != nil {
			t.Errorf("Open: %v", err)
		}
		opened <- s
	}()
	for { // until it listens
		conn, err := net.Dial("tcp", o.AdminListen)
		if err == nil {
			conn.Close()
			return opened
		}
	}
}

// A store that opens writes what its log holds to tables. When the disk has no
// room for them the start waits, says for what, and goes on once there is.
func TestStartOnFullDisk(t *testing.T) { // G10
	fs := kv.NewCrashFS()
	o, url := onDisk(t, fs.FS)
	s := <-opening(t, o)
	if s == nil {
		return
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	fs.Inject(func(op kv.Op) error {
		if op.Write && path.Ext(op.Path) == ".sst" {
			return op.Err(syscall.ENOSPC)
		}
		return nil
	})
	opened := opening(t, o)
	waitReadiness(t, url, "no space left on device; make room")
	fs.Inject(nil)
	if s = <-opened; s == nil {
		return
	}
	waitReadiness(t, url, "")
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// /readyz says why not, for each reason there is, and is ready again after.
func TestReadiness(t *testing.T) { // G10
	const gib = 1 << 30
	fs := kv.NewCrashFS()
	fs.SetFree(50*gib, 100*gib)
	held, open := context.WithCancel(t.Context())
	fs.Inject(func(kv.Op) error { <-held.Done(); return nil })
	o, url := onDisk(t, fs.FS)
	opened := opening(t, o)
	waitReadiness(t, url, "server: starting: the store is opened")
	open()
	s := <-opened
	if s == nil {
		return
	}
	fs.Inject(nil)
	waitReadiness(t, url, "")

	caller := newCaller(t, s)
	post := func() { // which makes the log look at the disk, whether it is accepted or not
		caller.call(s.NewAdminKey().Reveal(), "POST", "/v1/events", `{"type":"a.b"}`, "")
	}
	for _, test := range []struct {
		name  string
		fault func() (mend func())
		want  string
	}{
		{"a write that hangs", func() func() {
			gate := make(chan struct{})
			fs.Inject(func(op kv.Op) error {
				if op.Sync && path.Ext(op.Path) == ".log" {
					<-gate
				}
				return nil
			})
			go post()
			return sync.OnceFunc(func() { fs.Inject(nil); close(gate) })
		}, "log: the disk has not finished a write"},
		{"below the reserve", func() func() {
			fs.SetFree(4*gib, 100*gib)
			post()
			return func() { fs.SetFree(50*gib, 100*gib) }
		}, "below the reserve, events are refused: 4096 MiB are free, the reserve is 5120 MiB"},
		{"below half the reserve", func() func() {
			fs.SetFree(2*gib, 100*gib)
			post()
			return func() { fs.SetFree(50*gib, 100*gib) }
		}, "below half the reserve, everything is refused: 2048 MiB are free"},
		{"flushes that fail", func() func() {
			fs.Inject(func(op kv.Op) error {
				if op.Write && path.Ext(op.Path) == ".sst" {
					return syscall.EIO
				}
				return nil
			})
			post()
			go s.Engine().Store().DB().Flush()
			return func() { fs.Inject(nil) }
		}, "log: background writes fail"},
	} {
		mend := test.fault()
		t.Log(test.name)
		waitReadiness(t, url, test.want)
		mend()
		waitReadiness(t, url, "")
	}
	closeWhileSending(t, s, url)
}

// closeWhileSending ends a server that has an attempt under way and looks on.
func closeWhileSending(t *testing.T, s *Server, url string) {
	t.Helper()
	hold := sendAndHold(t, s)
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.WithoutCancel(t.Context())) }()
	waitReadiness(t, url, "server: shutting down")
	hold()
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// sendAndHold brings a delivery under way, which ends when the function that it
// returns is called.
func sendAndHold(t *testing.T, s *Server) (release func()) {
	t.Helper()
	hold, arrived := make(chan struct{}), make(chan struct{}, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-hold
	}))
	release = sync.OnceFunc(func() { close(hold) })
	t.Cleanup(func() { release(); receiver.Close() })
	caller, key := newCaller(t, s), s.NewAdminKey().Reveal()
	for _, call := range [][2]string{{"/v1/endpoints", `{"url":"` + receiver.URL + `"}`}, {"/v1/events", `{"type":"a.b"}`}} {
		if status, _ := caller.call(key, "POST", call[0], call[1], ""); status/100 != 2 {
			t.Fatalf("POST %s: got %d", call[0], status)
		}
	}
	<-arrived
	return release
}

// A server that is ended on a full disk says that outcomes are not written, and
// why: what they are of will be sent again.
func TestCloseOnFullDisk(t *testing.T) { // G3, G10
	const gib = 1 << 30
	fs := kv.NewCrashFS()
	fs.SetFree(50*gib, 100*gib)
	s, err := open(t, path.Join(t.TempDir(), "data"), func(o *Options) {
		o.Engine.Log.FS, o.Engine.Log.DiskReserve, o.Engine.Log.AppendTimeout = fs.FS, 0, 100*time.Millisecond
		o.Egress.Policy = egress.Policy{AllowHTTP: true, AllowPrivate: true, AnyPort: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	release := sendAndHold(t, s)
	fs.SetFree(2*gib, 100*gib)
	newCaller(t, s).call(s.NewAdminKey().Reveal(), "POST", "/v1/events", `{"type":"a.b"}`, "")
	waitReadiness(t, s.URL(), "below half the reserve")
	release()
	err = s.Close(t.Context())
	for _, want := range []string{"outcomes could not be written", "will be made again", "below half the reserve", "make room"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Close: got %v, want %q", err, want)
		}
	}
}
