package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// producer posts events and does not give up on any: when the server is away or
// busy, the same event is posted again under the same id, so that it is
// accepted once.
type producer struct {
	http   fasthttp.HostClient
	url    string
	key    secret.Secret
	events int

	posted   []time.Time // by number, when the event was first posted; written before it is
	next     atomic.Int64
	accepted atomic.Int64
	repeated atomic.Int64 // posts that were repeated
	latency  measure.Histogram

	half, threeQuarters, done chan struct{} // closed when so much is accepted
}

func newProducer(server string, key secret.Secret, events int) *producer {
	u, err := url.Parse(server)
	if err != nil {
		panic("BUG: server URL " + server) // we have made it
	}
	return &producer{
		http: fasthttp.HostClient{
			Addr: u.Host, MaxConns: producers, MaxIdemponentCallAttempts: 1,
			ReadTimeout: 30 * time.Second, WriteTimeout: 5 * time.Second,
		},
		url: server + "/v1/events", key: key, events: events,
		posted: make([]time.Time, events),
		half:   make(chan struct{}), threeQuarters: make(chan struct{}), done: make(chan struct{}),
	}
}

// run posts all events and calls failed with the first that the server refuses.
func (p *producer) run(ctx context.Context, failed func(error)) {
	var posting sync.WaitGroup
	for range producers {
		posting.Go(func() {
			for {
				n := int(p.next.Add(1)) - 1
				if n >= p.events || ctx.Err() != nil {
					return
				}
				if err := p.post(ctx, n); err != nil {
					failed(fmt.Errorf("post event %d: %w", n, err))
					return
				}
				p.count(int(p.accepted.Add(1)))
			}
		})
	}
	posting.Wait()
}

// count says which marks have been reached.
func (p *producer) count(accepted int) {
	for _, mark := range []struct {
		at      int
		reached chan struct{}
	}{{(p.events + 1) / 2, p.half}, {(p.events*3 + 3) / 4, p.threeQuarters}, {p.events, p.done}} {
		if accepted == mark.at {
			close(mark.reached)
		}
	}
}

// post posts one event until it is accepted.
func (p *producer) post(ctx context.Context, n int) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(p.url)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.Header.Set("Authorization", "Bearer "+p.key.Reveal())
	request.SetBodyString(`{"id":"demo-` + strconv.Itoa(n) + `","type":"` + typeOf(n) + `","data":{"n":` + strconv.Itoa(n) +
		`,"customer":"Ada Lovelace","amount":` + strconv.Itoa(n%997*100) + `,"currency":"EUR","note":"the analytical engine weaves algebraical patterns"}}`)

	p.posted[n] = time.Now()
	for {
		before := time.Now()
		err := p.http.Do(request, response)
		switch status := response.StatusCode(); {
		case err == nil && status/100 == 2:
			p.latency.Record(time.Since(before))
			return nil
		case err == nil && status != fasthttp.StatusServiceUnavailable && status != fasthttp.StatusTooManyRequests:
			return errors.New(strconv.Itoa(status) + " " + string(response.Body()))
		}
		p.repeated.Add(1)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
