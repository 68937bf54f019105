package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// producer posts events without end. One that fails it posts again under the
// same id, so each is accepted once, however often the server dies meanwhile.
type producer struct {
	url, key string
	stop     context.CancelFunc
	workers  sync.WaitGroup

	mu struct {
		sync.Mutex
		accepted []string      // ids of events, as the server gave them
		failed   error         // a refusal that posting again cannot help
		grown    chan struct{} // closed at the next
	}
}

func startProducer(t *testing.T, s *serve) *producer {
	p := &producer{url: "http://" + s.address + "/v1/events", key: s.key()}
	p.mu.grown = make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	for worker := range 8 {
		p.workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				p.post(ctx, fmt.Sprintf("%d-%d", worker, n))
			}
		})
	}
	t.Cleanup(func() { p.end() })
	return p
}

// post posts one event until it is accepted.
func (p *producer) post(ctx context.Context, id string) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		accepted, err := p.try(ctx, id)
		if accepted != "" || err != nil {
			p.note(accepted, err)
			return
		}
		<-again.C
	}
}

// try posts one event once. Neither id nor error: try again.
func (p *producer) try(ctx context.Context, id string) (accepted string, err error) {
	body := strings.NewReader(`{"id":"` + id + `","type":"e2e.load","data":{"filler":"` + strings.Repeat("x", 500) + `"}}`)
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, p.url, body)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", nil // it is dead or being started
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode == http.StatusServiceUnavailable {
		return "", nil
	}
	var answer struct{ ID string }
	if err := json.Unmarshal(text, &answer); err != nil || response.StatusCode/100 != 2 {
		return "", fmt.Errorf("post: %d %s", response.StatusCode, text)
	}
	return answer.ID, nil
}

func (p *producer) note(accepted string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if accepted != "" {
		p.mu.accepted = append(p.mu.accepted, accepted)
	}
	if err != nil {
		p.mu.failed = err
	}
	close(p.mu.grown)
	p.mu.grown = make(chan struct{})
}

// await returns once so many more events are accepted than there were.
func (p *producer) await(t *testing.T, more int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	until := -1
	for {
		p.mu.Lock()
		have, failed, grown := len(p.mu.accepted), p.mu.failed, p.mu.grown
		p.mu.Unlock()
		if until < 0 {
			until = have + more
		}
		switch {
		case failed != nil:
			t.Fatal(failed)
		case have >= until:
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("accepted within 30 s: %d events, want %d more", have, until-have)
		}
	}
}

// end stops posting and returns the ids of what was accepted.
func (p *producer) end() []string {
	p.stop()
	p.workers.Wait()
	return p.mu.accepted
}
