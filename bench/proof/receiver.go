package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Behaviour is how one endpoint treats what it receives. The zero value takes
// everything. Several reasons to fail add up.
type Behaviour struct {
	FailFirst int  `json:"fail_first,omitempty"` // the first so many attempts of each event
	Alternate bool `json:"alternate,omitempty"`  // the first request, the third, …
	Always    bool `json:"always,omitempty"`
	FlapMS    int  `json:"flap_ms,omitempty"` // every second period of so many milliseconds

	// What a failure is.
	With       int  `json:"with,omitempty"`        // this status, 300–599; 0 = 500
	RetryAfter int  `json:"retry_after,omitempty"` // seconds, in the header of the same name; 0 = none
	Hang       bool `json:"hang,omitempty"`        // no answer until the sender gives up
	Reset      bool `json:"reset,omitempty"`       // no answer: the connection is broken

	DelayMS int `json:"delay_ms,omitempty"` // before any answer

	// Act is the name of one of Acts, which is done to every request instead of
	// all else. "" = none.
	Act string `json:"act,omitempty"`
}

// ReceiverConfig says where a receiver listens and what it writes.
type ReceiverConfig struct {
	Listen string `json:"listen"`
	Hosts  int    `json:"hosts"`  // so many of Host it listens on too, on the same port
	Ledger string `json:"ledger"` // path
}

// Host is another address of this machine: what is sent there shares no
// connections with others.
func Host(n int) string { return fmt.Sprintf("127.0.1.%d", 1+n) }

// RunReceiver is a receiver process: it reads a ReceiverConfig from in, writes
// its URL to out as a line when it listens, and receives until in ends.
//
//	POST /r/<endpoint>        a webhook
//	PUT  /control/<endpoint>  a Behaviour, from now on
func RunReceiver(ctx context.Context, in io.Reader, out io.Writer) error {
	var config ReceiverConfig
	if err := json.NewDecoder(in).Decode(&config); err != nil {
		return fmt.Errorf("read receiver config: %w", err)
	}
	ledger, err := OpenLedger(config.Ledger)
	if err != nil {
		return err
	}
	defer func() { _ = ledger.Close() }() // each line was written as a whole, or the run failed
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.Listen)
	if err != nil {
		return fmt.Errorf("start receiver: %w", err)
	}
	closed, end := context.WithCancel(ctx)
	defer end()
	r := &receiver{ledger: ledger, closed: closed, began: time.Now(), endpoints: map[string]*receiving{}, failed: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /r/{endpoint}", r.receive)
	mux.HandleFunc("PUT /control/{endpoint}", r.control)
	server := &http.Server{Handler: mux}
	port := listener.Addr().(*net.TCPAddr).Port
	for n := range config.Hosts {
		also, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("%s:%d", Host(n), port))
		if err != nil {
			return fmt.Errorf("start receiver: %w", err)
		}
		go func() { _ = server.Serve(also) }() // it ends with the server
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // an error means that the parent is gone, too
		end()
		server.Close()
	}()
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	select {
	case err := <-r.failed:
		return err
	default:
		return nil
	}
}

type receiver struct {
	ledger    *Ledger
	closed    context.Context
	began     time.Time
	failed    chan error // the first write that failed
	mu        sync.Mutex
	endpoints map[string]*receiving
}

// receiving is an endpoint with what its behaviour counts.
type receiving struct {
	Behaviour
	requests int
	attempts map[string]int // by webhook-id
}

func (r *receiver) endpoint(name string) *receiving {
	e := r.endpoints[name]
	if e == nil {
		e = &receiving{attempts: map[string]int{}}
		r.endpoints[name] = e
	}
	return e
}

func (r *receiver) control(w http.ResponseWriter, request *http.Request) {
	var b Behaviour
	if err := json.NewDecoder(request.Body).Decode(&b); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if b.Act != "" && actNamed(b.Act) == nil {
		http.Error(w, "there is no act of this name", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endpoint(request.PathValue("endpoint")).Behaviour = b
}

// decide counts a request and says what it will be answered.
func (r *receiver) decide(name, id string) (b Behaviour, fails bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.endpoint(name)
	e.requests++
	e.attempts[id]++
	down := e.FlapMS > 0 && time.Since(r.began).Milliseconds()/int64(e.FlapMS)%2 == 1
	return e.Behaviour, e.Always || down || e.attempts[id] <= e.FailFirst || e.Alternate && e.requests%2 == 1
}

// receive writes the receipt, and then answers as the receipt says.
func (r *receiver) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // it was not received
	}
	receipt := Receipt{
		Endpoint: request.PathValue("endpoint"), ID: request.Header.Get("Webhook-Id"), Body: string(body), Status: http.StatusOK,
		Timestamp: request.Header.Get("Webhook-Timestamp"), Signature: request.Header.Get("Webhook-Signature"),
	}
	b, fails := r.decide(receipt.Endpoint, receipt.ID)
	receipt.Delay = b.DelayMS
	act := actNamed(b.Act)
	if act != nil {
		receipt.Status, receipt.RetryAfter = act.Status, act.RetryAfter
	} else if fails {
		receipt.Status, receipt.RetryAfter = b.failure()
	}
	if err := r.ledger.Write(Record{Receipt: &receipt}); err != nil {
		select {
		case r.failed <- err:
		default:
		}
		panic(http.ErrAbortHandler)
	}
	if b.DelayMS > 0 {
		r.wait(request.Context(), time.After(time.Duration(b.DelayMS)*time.Millisecond))
	}
	if act != nil {
		act.play(r.closed, w)
		return
	}
	if receipt.Status == 0 {
		if b.Hang {
			r.wait(request.Context(), nil)
		}
		panic(http.ErrAbortHandler) // breaks the connection
	}
	if receipt.RetryAfter != 0 {
		w.Header().Set("Retry-After", strconv.Itoa(receipt.RetryAfter))
	}
	w.WriteHeader(receipt.Status)
}

// failure is what a failed request is answered: a status, 0 for none.
func (b *Behaviour) failure() (status, retryAfter int) {
	switch {
	case b.Hang, b.Reset:
		return 0, 0
	case b.With == 0:
		return http.StatusInternalServerError, b.RetryAfter
	}
	return b.With, b.RetryAfter
}

// wait waits for done, the sender, or the end of the receiver.
func (r *receiver) wait(request context.Context, done <-chan time.Time) {
	select {
	case <-done:
	case <-request.Done():
	case <-r.closed.Done():
	}
}
