package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/bench/disk"
)

// Answers to a POST, by status and code.
const (
	answerAccepted = "202 Accepted"
	answerFull     = "507 insufficient_storage"
)

// G10: a full disk refuses events before the store has to fail, goes on with
// what was accepted, and is over by itself when space returns. First the disk
// fills up to within the reserve, then at one stroke to its last byte.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s: not in short mode")
	}
	const reserve = 48 << 20
	d := mountDisk(t, 256<<20)
	s := startServe(t, filepath.Join(d.Path, "data"), freeAddress(t),
		"--disk-reserve", "48MiB", "--memtable-size", "8MiB", "--max-body-size", "4MiB", "--append-timeout", "2s", "--backup-dir", filepath.Join(d.Path, "backups"))
	to := newSink(t, 0)
	answer := s.want(http.StatusCreated, "POST", "/v1/endpoints", fmt.Sprintf(`{"url":%q}`, to.URL))
	to.trust(answer["secret"].(string))
	endpoint := answer["id"].(string)
	p := startPersistent(t, s)
	p.await(t, answerAccepted, 200)

	path := "/v1/endpoints/" + endpoint
	s.want(http.StatusOK, "POST", path+"/pause", "")
	p.await(t, answerAccepted, 200) // which are owed now
	fill(t, d, reserve/4*3)
	p.await(t, answerFull, 10)
	s.wantUnready(t, "disk space is below the reserve, events are refused")
	s.want(http.StatusOK, "POST", path+"/resume", "")
	to.await(t, p.accepted(), 10*time.Second)
	s.wantIdle(t)
	p.await(t, answerFull, 10) // still
	s.recovers(t, d, p)

	fill(t, d, 0)
	p.await(t, answerFull, 10)
	s.wantUnready(t, "disk space is below half the reserve, everything is refused")
	s.want(http.StatusOK, "GET", "/v1/events/"+p.accepted()[0], "")
	s.want(http.StatusInsufficientStorage, "POST", "/v1/backups", `{"path":"full"}`) // which is no failure of the store
	s.wantIdle(t)
	s.recovers(t, d, p)

	ids := p.end()
	to.await(t, ids, 10*time.Second)
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
	}
	if receipts, duplicates := to.counted(t); receipts != len(ids) || duplicates != 0 {
		t.Errorf("got %d receipts and %d duplicates of %d events, want each once", receipts, duplicates, len(ids))
	}
	t.Logf("%d events accepted, each delivered once; answers: %v, the slowest after %v", len(ids), p.mu.answers, p.mu.slowest.Round(time.Millisecond))
	if most := 5 * time.Second; p.mu.slowest > most {
		t.Errorf("slowest answer: got %v, want at most %v", p.mu.slowest, most)
	}
}

// mountDisk makes a disk of so many bytes for as long as the test runs.
func mountDisk(t *testing.T, size int64) *disk.Disk {
	t.Helper()
	d, err := disk.Make(t.TempDir(), size)
	if errors.Is(err, disk.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fill takes up all space of a disk but so many bytes.
func fill(t *testing.T, d *disk.Disk, leave int64) {
	t.Helper()
	if err := d.Fill(leave); err != nil {
		t.Fatal(err)
	}
}

// recovers removes what fills the disk and waits until events are accepted.
func (s *serve) recovers(t *testing.T, d *disk.Disk, p *persistent) {
	t.Helper()
	if err := d.Empty(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.await(t, answerAccepted, 200)
	t.Logf("accepting again after %v", time.Since(began).Round(time.Millisecond))
	s.want(http.StatusOK, "GET", "/readyz", "")
}

// wantUnready waits until /readyz gives this reason.
func (s *serve) wantUnready(t *testing.T, why string) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-again.C {
		status, answer := s.call("GET", "/readyz", "")
		if status == http.StatusServiceUnavailable && strings.Contains(fmt.Sprint(answer["checks"]), why) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz: got %d %v, want 503 because %s", status, answer, why)
		}
	}
}

// wantIdle checks that the server does not burn time on what it cannot do.
func (s *serve) wantIdle(t *testing.T) {
	t.Helper()
	const most = 0.5 // most of it for answers to those who try
	busy := s.cores(2 * time.Second)
	t.Logf("%.2f cores busy while the disk is full", busy)
	if busy > most {
		t.Errorf("cores busy while the disk is full: got %.2f, want at most %.2f", busy, most)
	}
}

// persistent posts events one after another, each until it is accepted,
// and keeps count of all the answers on the way.
type persistent struct {
	stop  context.CancelFunc
	ended chan struct{}

	mu struct {
		sync.Mutex
		accepted []string
		answers  map[string]int // by status and code
		slowest  time.Duration
		failed   error
	}
}

func startPersistent(t *testing.T, s *serve) *persistent {
	ctx, stop := context.WithCancel(t.Context())
	p := &persistent{stop: stop, ended: make(chan struct{})}
	p.mu.answers = map[string]int{}
	key := s.key()
	go func() {
		defer close(p.ended)
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for n := 0; ctx.Err() == nil; <-pace.C {
			if p.post("http://"+s.address+"/v1/events", key, n) {
				n++
			}
		}
	}()
	t.Cleanup(func() { p.end() })
	return p
}

// post posts event n once and reports whether it was accepted.
func (p *persistent) post(url, key string, n int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	began := time.Now()
	id, answer, err := postEvent(ctx, url, key, fmt.Sprintf("full-%d", n))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.slowest = max(p.mu.slowest, time.Since(began))
	p.mu.answers[answer]++
	if err != nil {
		p.mu.failed = err
	}
	if id != "" {
		p.mu.accepted = append(p.mu.accepted, id)
	}
	return id != ""
}

// postEvent posts an event of 8 KiB. answer is answerAccepted, or the status and
// the code of a problem, which must say when to try again.
func postEvent(ctx context.Context, url, key, idempotency string) (id, answer string, err error) {
	body := fmt.Sprintf(`{"id":%q,"type":"e2e.load","data":%q}`, idempotency, strings.Repeat("x", 8<<10))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", "none", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", "none", err
	}
	var got struct{ ID, Code string }
	if err := json.Unmarshal(text, &got); err != nil {
		return "", response.Status, fmt.Errorf("%s %s: %w", response.Status, text, err)
	}
	if response.StatusCode == http.StatusAccepted {
		return got.ID, response.Status, nil
	}
	answer = fmt.Sprintf("%d %s", response.StatusCode, got.Code)
	if kind := response.Header.Get("Content-Type"); kind != "application/problem+json" || response.Header.Get("Retry-After") == "" {
		err = fmt.Errorf("%s: got content type %q and Retry-After %q, want a problem that says when to try again", answer, kind, response.Header.Get("Retry-After"))
	}
	return "", answer, err
}

// await returns once the answer was given so many times more.
func (p *persistent) await(t *testing.T, answer string, more int) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	until := -1
	for deadline := time.Now().Add(15 * time.Second); ; <-again.C {
		p.mu.Lock()
		have, answers, failed := p.mu.answers[answer], fmt.Sprint(p.mu.answers), p.mu.failed
		p.mu.Unlock()
		if until < 0 {
			until = have + more
		}
		switch {
		case failed != nil:
			t.Fatal(failed)
		case have >= until:
			return
		case time.Now().After(deadline):
			t.Fatalf("answers after 15 s: got %s, want %d of %s", answers, until, answer)
		}
	}
}

// accepted is what was accepted so far.
func (p *persistent) accepted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.mu.accepted...)
}

// end stops posting and returns the ids of what was accepted.
func (p *persistent) end() []string {
	p.stop()
	<-p.ended
	return p.accepted()
}
