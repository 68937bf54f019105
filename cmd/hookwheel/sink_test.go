package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// sink is a receiver that verifies what it gets and counts it by event.
type sink struct {
	*httptest.Server
	delay time.Duration // before the answer
	hold  chan struct{} // unless nil: no answer before it is closed

	mu struct {
		sync.Mutex
		verifier sign.Verifier
		receipts map[string]int // by webhook-id
		times    []time.Time    // of all receipts, in order
		faults   []error        // of signatures
		grown    chan struct{}  // closed at the next receipt
	}
}

func newSink(t *testing.T, delay time.Duration) *sink {
	s := &sink{delay: delay}
	s.mu.receipts, s.mu.grown = map[string]int{}, make(chan struct{})
	s.Server = httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(s.Close)
	return s
}

// trust tells the sink its endpoint's secret.
func (s *sink) trust(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.verifier = sign.Verifier{Scheme: sign.Standard, Keys: []sign.Key{{ID: "e2e", Value: secret.New(text)}}}
}

func (s *sink) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server was killed in mid-request
	}
	s.mu.Lock()
	if _, err := s.mu.verifier.Verify(r.Header.Get, body, time.Now().UnixMilli()); err != nil {
		s.mu.faults = append(s.mu.faults, err)
	}
	s.mu.receipts[r.Header.Get("webhook-id")]++
	s.mu.times = append(s.mu.times, time.Now())
	close(s.mu.grown)
	s.mu.grown = make(chan struct{})
	s.mu.Unlock()
	if s.hold != nil {
		<-s.hold
	}
	time.Sleep(s.delay) // the receiver's own work, not a wait for something
}

// await returns once everything in ids has been received.
func (s *sink) await(t *testing.T, ids []string, most time.Duration) {
	t.Helper()
	deadline := time.After(most)
	for {
		s.mu.Lock()
		for len(ids) > 0 && s.mu.receipts[ids[0]] > 0 {
			ids = ids[1:]
		}
		grown := s.mu.grown
		s.mu.Unlock()
		if len(ids) == 0 {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("missing after %v: %s, and of the %d accepted after it nobody knows", most, ids[0], len(ids)-1)
		}
	}
}

// counted is how many receipts there were, and how many of them were not the
// first of their event.
func (s *sink) counted(t *testing.T) (receipts, duplicates int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.mu.faults {
		t.Errorf("signature: %v", err)
	}
	for _, n := range s.mu.receipts {
		receipts += n
		duplicates += n - 1
	}
	return receipts, duplicates
}

// between counts the receipts of a span of time.
func (s *sink) between(from, to time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.mu.times {
		if !at.Before(from) && !at.After(to) {
			n++
		}
	}
	return n
}
