package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Tenant is an organization as its own people know it.
type Tenant struct {
	Org string `json:"org"`
	Key string `json:"key"`
}

// ProducerConfig says what a producer posts. Shares are of posts, 0 to 1.
type ProducerConfig struct {
	Name    string        `json:"name"` // unique among producers, part of every marker and key
	URL     string        `json:"url"`
	Ledger  string        `json:"ledger"` // path
	Seed    uint64        `json:"seed"`
	Tenants []Tenant      `json:"tenants"`
	Types   []string      `json:"types"`
	Workers int           `json:"workers"`
	Rate    float64       `json:"rate"`    // posts per second, of all workers
	Posts   int           `json:"posts"`   // of each worker; 0 = until it is told to end
	Timeout time.Duration `json:"timeout"` // of a post
	Batches float64       `json:"batches"` // hold 2 to 20 events
	Keyed   float64       `json:"keyed"`   // carry idempotency keys, and are posted until they are answered
	Bad     float64       `json:"bad"`     // hold an event that must be rejected
	Repeats float64       `json:"repeats"` // of the keyed: are posted again after their answer, or abused for another event
	Giveup  time.Duration `json:"giveup"`  // how long posts are repeated after the end; 0 = 10 s
	Padding int           `json:"padding"` // bytes more in each event's data
	Twins   bool          `json:"twins"`   // all workers post the same, at the same time
}

// RunProducer is a producer process: it reads a ProducerConfig from in and posts
// until in ends, or as many posts as it says.
func RunProducer(ctx context.Context, in io.Reader) error {
	var config ProducerConfig
	if err := json.NewDecoder(in).Decode(&config); err != nil {
		return fmt.Errorf("read producer config: %w", err)
	}
	ledger, err := OpenLedger(config.Ledger)
	if err != nil {
		return err
	}
	defer func() { _ = ledger.Close() }() // each line was written as a whole, or the run failed
	open, end := context.WithCancel(ctx)
	defer end()
	go func() {
		_, _ = io.Copy(io.Discard, in) // an error means that the parent is gone, too
		end()
	}()
	if config.Giveup == 0 {
		config.Giveup = 10 * time.Second
	}
	p := &producer{
		ProducerConfig: config, ledger: ledger, open: open,
		client: http.Client{Timeout: config.Timeout, Transport: &http.Transport{MaxIdleConnsPerHost: config.Workers}},
	}
	failed := make([]error, config.Workers)
	var workers sync.WaitGroup
	for n := range config.Workers {
		workers.Go(func() { failed[n] = p.worker(ctx, n) })
	}
	workers.Wait()
	return errors.Join(failed...)
}

type producer struct {
	ProducerConfig
	ledger *Ledger
	client http.Client
	open   context.Context // ends when no new posts are to be made
}

// worker makes one post after the other.
func (p *producer) worker(ctx context.Context, n int) error {
	w := &worker{producer: p, name: fmt.Sprintf("%s.%d", p.Name, n)}
	if w.source = w.name; p.Twins {
		w.source, n = p.Name, 0
	}
	w.random = rand.New(rand.NewPCG(p.Seed, uint64(n)))
	pace := time.NewTicker(max(time.Microsecond, time.Duration(float64(time.Second)*float64(p.Workers)/p.Rate)))
	defer pace.Stop()
	for n := 0; p.Posts == 0 || n < p.Posts; n++ {
		select {
		case <-p.open.Done():
			return nil
		case <-pace.C:
		}
		if err := w.once(ctx); err != nil {
			return err
		}
	}
	return nil
}

// once makes a post and, if its events can be told apart, repeats it until it
// is answered.
func (w *worker) once(ctx context.Context) error {
	r := w.compose()
	answer, err := w.settle(ctx, r)
	if err != nil || answer.Status/100 != 2 || !r.keyed || w.Repeats == 0 || w.random.Float64() >= w.Repeats {
		return err
	}
	if r.untyped < 0 && w.random.IntN(2) == 0 {
		r = w.abuse(r)
	}
	_, err = w.settle(ctx, r)
	return err
}

const repost = 20 * time.Millisecond // after a post that has no answer

func (w *worker) settle(ctx context.Context, r *request) (*Answer, error) {
	var deadline <-chan time.Time
	closed := w.open.Done()
	for {
		answer, err := w.post(ctx, r)
		if err != nil {
			return nil, err
		}
		settled := answer.Status != 0 && answer.Status/100 != 5 && answer.Status != http.StatusTooManyRequests
		if settled || !r.keyed && !answer.Unsent {
			return answer, nil
		}
		select {
		case <-closed:
			deadline, closed = time.After(w.Giveup), nil
		case <-deadline:
			return answer, nil
		case <-time.After(repost):
		case <-ctx.Done():
			return answer, nil
		}
	}
}

// post makes one request, and writes what it is before, and what came of it
// after.
func (w *worker) post(ctx context.Context, r *request) (*Answer, error) {
	w.posts++
	name := fmt.Sprintf("%s-%d", w.name, w.posts)
	if err := w.ledger.Write(Record{Intent: &Intent{Post: name, Org: r.tenant.Org, Items: r.items}}); err != nil {
		return nil, err
	}
	answer := w.send(ctx, r)
	answer.Post = name
	return answer, w.ledger.Write(Record{Answer: answer})
}

func (w *worker) send(ctx context.Context, r *request) *Answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/v1/events?on_error="+r.onError, strings.NewReader(r.body))
	if err != nil {
		return &Answer{Unsent: true, Error: err.Error()}
	}
	request.Header.Set("Authorization", "Bearer "+r.tenant.Key)
	request.Header.Set("Content-Type", r.contentType)
	if r.header != "" {
		request.Header.Set("Idempotency-Key", r.header)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return &Answer{Unsent: errors.Is(err, syscall.ECONNREFUSED), Error: err.Error()}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return &Answer{Error: err.Error()} // a status whose body broke off is no answer
	}
	answer := &Answer{Status: response.StatusCode}
	if answer.Status/100 != 2 {
		answer.Error = string(content)
		return answer
	}
	if answer.Results, err = results(content, len(r.items)); err != nil {
		return &Answer{Error: err.Error()}
	}
	return answer
}

// results reads the answer to a single event or to a batch.
func results(content []byte, items int) ([]Result, error) {
	var answer struct {
		ID        string
		Duplicate bool
		Results   []struct {
			Index     int
			ID        string
			Duplicate bool
			Error     *struct{ Code string }
		}
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if answer.ID != "" {
		return []Result{{ID: answer.ID, Duplicate: answer.Duplicate}}, nil
	}
	found := make([]Result, items)
	for _, r := range answer.Results {
		if r.Index < 0 || r.Index >= items {
			return nil, fmt.Errorf("read answer: it speaks of item %d of %d", r.Index, items)
		}
		found[r.Index] = Result{ID: r.ID, Duplicate: r.Duplicate}
		if r.Error != nil {
			found[r.Index].Error = r.Error.Code
		}
	}
	return found, nil
}
