package main

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	benchsink "github.com/hookwheel/hookwheel/bench/sink"
)

// G8: what waits to be delivered is on disk. Neither memory nor the time to
// start depends on it, not even after kill -9; and all of it is delivered.
func TestBacklog(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s: not in short mode")
	}
	const (
		backlog   = 200_000
		most      = 256 << 20       // of memory
		mostStart = 5 * time.Second // of processor, so that other programs do not count
	)
	to := startCrowd(t)
	dir, address := t.TempDir(), freeAddress(t)
	s := startServe(t, dir, address)
	answer := s.want(http.StatusCreated, "POST", "/v1/endpoints", fmt.Sprintf(`{"url":%q}`, to.Endpoint(0)))
	id, secret := answer["id"].(string), answer["secret"].(string)
	if err := to.Reset(t.Context(), benchsink.Group{Name: "paused", Secret: secret}); err != nil {
		t.Fatal(err)
	}
	s.want(http.StatusOK, "POST", "/v1/endpoints/"+id+"/pause", "")
	began := time.Now()
	s.pour(backlog, 10_000, 2)
	accepting, full := time.Since(began), s.usage()
	s.end(syscall.SIGKILL)

	began = time.Now()
	s = startServe(t, dir, address)
	start, started := time.Since(began), s.usage()
	counts := s.want(http.StatusOK, "GET", "/v1/endpoints/"+id+"/stats", "")
	if counts["pending"] != float64(backlog) {
		t.Errorf("pending after the start: got %v, want %d", counts["pending"], backlog)
	}
	t.Logf("%d events accepted in %v (peak RSS %.0f MiB), killed; start %v (CPU %v), RSS %.0f MiB, peak %.0f MiB", backlog,
		accepting.Round(time.Millisecond), mebibytes(full.PeakRSS), start.Round(time.Millisecond), started.CPU, mebibytes(started.RSS), mebibytes(started.PeakRSS))
	if started.RSS > most {
		t.Errorf("RSS after the start: got %d, want at most %d", started.RSS, most)
	}
	if started.CPU > mostStart {
		t.Errorf("CPU time of the start: got %v, want at most %v", started.CPU, mostStart)
	}

	began = time.Now()
	s.want(http.StatusOK, "POST", "/v1/endpoints/"+id+"/resume", "")
	awaitReceipts(t, to, "paused", backlog)
	took, used := time.Since(began), s.usage()
	t.Logf("delivered in %v, %.0f a second, peak RSS %.0f MiB", took.Round(time.Millisecond), backlog/took.Seconds(), mebibytes(used.PeakRSS))
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0\n%s", code, s.log)
	}
	if got, err := to.Stats(t.Context(), "paused"); err != nil || got.Receipts != backlog || got.Duplicates != 0 || got.BadSignatures != 0 {
		t.Errorf("got %+v, %v, want %d receipts, all signed, none twice", got, err, backlog)
	}
}
