package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/bench/payload"
	benchsink "github.com/hookwheel/hookwheel/bench/sink"
)

// startCrowd starts the receiver of the benchmarks, a process of its own: as
// many endpoints as there are deliveries for, each counted exactly.
func startCrowd(t *testing.T) *benchsink.Client {
	t.Helper()
	crowd := binaryCommand(context.Background(), "bench", "sink")
	crowd.Stderr = t.Output()
	in, err := crowd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := crowd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := crowd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // which ends it
		if err := crowd.Wait(); err != nil {
			t.Errorf("receiver: %v", err)
		}
	})
	var ready benchsink.Ready
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		t.Fatalf("receiver is not ready: %v", err)
	}
	return benchsink.NewClient(ready.URL)
}

// awaitStats asks a receiver until what a group has seen satisfies enough.
func awaitStats(t *testing.T, from *benchsink.Client, group string, most time.Duration, enough func(benchsink.Stats) bool) benchsink.Stats {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(most); ; <-again.C {
		stats, err := from.Stats(t.Context(), group)
		switch {
		case err != nil:
			t.Fatal(err)
		case enough(stats):
			return stats
		case time.Now().After(deadline):
			t.Fatalf("group %s after %v: got %+v, want more", group, most, stats)
		}
	}
}

// awaitReceipts returns once a group of endpoints has got so many deliveries,
// repetitions not counted.
func awaitReceipts(t *testing.T, from *benchsink.Client, group string, want int) benchsink.Stats {
	t.Helper()
	return awaitStats(t, from, group, time.Minute, func(now benchsink.Stats) bool { return now.Receipts >= int64(want) })
}

// pour posts events of about 1 KB, in requests of perPost lines by so many
// workers at once, all of which must be accepted.
func (s *serve) pour(events, perPost, workers int) {
	s.t.Helper()
	key, pool := s.key(), payload.NewPool(1)
	var all sync.WaitGroup
	requests := make(chan int)
	for worker := range workers {
		texts := pool.Source(950, uint64(worker))
		all.Go(func() {
			for n := range requests {
				var body bytes.Buffer // a new one: after an error the old one may still be read
				for range n {
					body.WriteString(`{"type":"e2e.load","data":`)
					body.Write(texts.Append(nil, time.Now().UnixNano()))
					body.WriteString("}\n")
				}
				if err := s.postLines(key, &body, n); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	for left := events; left > 0; left -= perPost {
		requests <- min(left, perPost)
	}
	close(requests)
	all.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// postLines posts n events as NDJSON.
func (s *serve) postLines(key string, body *bytes.Buffer, n int) error {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.address+"/v1/events", body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(response.Body); err != nil {
		return err
	}
	if want := fmt.Sprintf(`{"accepted":%d,"duplicates":0,`, n); response.StatusCode != http.StatusAccepted || !strings.HasPrefix(answer.String(), want) {
		return fmt.Errorf("post of %d events: got %d %.200s, want 202 %s…", n, response.StatusCode, answer.String(), want)
	}
	return nil
}

// usage is what the server has used up so far.
func (s *serve) usage() measure.Usage {
	s.t.Helper()
	u, err := measure.ProcessUsage(s.cmd.Process.Pid)
	if err != nil {
		s.t.Skipf("this system does not tell what a process uses: %v", err)
	}
	return u
}

// cores is how many processors the server keeps busy during a span of time
// that begins now.
func (s *serve) cores(span time.Duration) float64 {
	s.t.Helper()
	before := s.usage()
	start := time.Now()
	<-time.After(span)
	return float64(s.usage().Since(before).CPU) / float64(time.Since(start))
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
