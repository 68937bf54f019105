package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// rabble is clients that mean harm. Each kind opens connections one after the
// other, a few at a time, and a crowd opens as many as it can and says nothing.
type rabble struct {
	*lab
	address string
	tenant  proof.Tenant
	ledger  *proof.Ledger
	crowd   int // connections at once

	posts  atomic.Int64
	open   atomic.Int64   // of the crowd
	most   atomic.Int64   // of them at once
	served []atomic.Int64 // by kind, how often

	mu     sync.Mutex
	faults map[string]error // by kind
}

// How many of each kind are at it at once, and how long one rests before it
// comes again: what is tried is the server's patience, not the machine's speed.
const (
	rabbleEach = 8
	rabbleRest = 200 * time.Millisecond
)

// patience is how long the server may keep a connection that is of no use.
const patience = readTimeout + 15*time.Second

// rabbleKinds are what a client does with a fresh connection.
var rabbleKinds = [...]struct {
	name string
	do   func(*rabble, net.Conn) error
}{
	{"dawdles over its headers", func(r *rabble, c net.Conn) error { return r.dawdle(c, r.head("")+"X-Slow: ") }},
	{"dawdles over its body", func(r *rabble, c net.Conn) error { return r.dawdle(c, r.head("Content-Length: 1000\r\n")+"\r\n{") }},
	{"never ends its chunks", (*rabble).chunks},
	{"sends less than announced", (*rabble).less},
	{"sends more than announced", (*rabble).more},
	{"leaves before the answer", (*rabble).leave},
	{"reads no answers", (*rabble).deaf},
	{"speaks TLS", func(r *rabble, c net.Conn) error { return r.until(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") }},
}

func (l *lab) newRabble(crowd int) (*rabble, error) {
	ledger, err := proof.OpenLedger(filepath.Join(l.ledgers(), "rabble.jsonl"))
	if err != nil {
		return nil, err
	}
	return &rabble{
		lab: l, address: l.Server.address, tenant: l.API.Tenant(l.API.Orgs()[0]),
		ledger: ledger, crowd: crowd, served: make([]atomic.Int64, len(rabbleKinds)), faults: map[string]error{},
	}, nil
}

// start lets them loose until the function that it returns is called.
func (r *rabble) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i, kind := range rabbleKinds {
		for range rabbleEach {
			all.Go(func() {
				for ctx.Err() == nil {
					r.note(kind.name, r.once(ctx, kind.do))
					r.served[i].Add(1)
					rest(ctx)
				}
			})
		}
	}
	for range r.crowd {
		all.Go(func() {
			for ctx.Err() == nil {
				r.note("crowd", r.once(ctx, (*rabble).idle))
			}
		})
	}
	return func() error {
		cancel()
		all.Wait()
		return r.ledger.Close()
	}
}

// once does it over a fresh connection. It may be refused one, or lose it at any
// moment; what it must not do is keep one.
func (r *rabble) once(ctx context.Context, do func(*rabble, net.Conn) error) error {
	c, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		rest(ctx) // the server is busy with all the others
		return nil
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil // closed
	}
	err = do(r, c)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("the server kept the connection for %v", patience)
	}
	return nil
}

func rest(ctx context.Context) {
	select {
	case <-time.After(rabbleRest):
	case <-ctx.Done():
	}
}

func (r *rabble) note(kind string, err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[kind] = err
}

// held reports what the server put up with for too long, and counts what was
// tried.
func (r *rabble) held() error {
	var faults []error
	for i, kind := range rabbleKinds {
		n := int(r.served[i].Load())
		r.tries += n
		if n <= rabbleEach { // each has been ended but by us
			faults = append(faults, fmt.Errorf("a client that %s was at it %d times, so nothing is proved", kind.name, n))
		}
	}
	for kind, err := range r.faults {
		faults = append(faults, fmt.Errorf("a client that %s: %w", kind, err))
	}
	r.Progress(fmt.Sprintf("  up to %d connections at once", r.most.Load()))
	if most := r.most.Load(); most < int64(r.crowd)*9/10 {
		faults = append(faults, fmt.Errorf("of a crowd of %d, no more than %d were connected at once", r.crowd, most))
	}
	return errors.Join(faults...)
}

func (r *rabble) head(length string) string {
	return "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + r.tenant.Key + "\r\nContent-Type: application/json\r\n" + length
}

// event makes an event up and writes that it is about to be posted. rejected
// says that it must not be accepted, however it goes.
func (r *rabble) event(rejected bool) (body string, err error) {
	n := r.posts.Add(1)
	marker := proof.Marker(r.tenant.Org, fmt.Sprintf("rabble-%d", n))
	item := proof.Item{Marker: marker, Type: Types[0], Data: fmt.Sprintf(`{"marker":%q}`, marker), Bad: rejected}
	post := fmt.Sprintf("rabble.%d", n)
	if err := r.ledger.Write(proof.Record{Intent: &proof.Intent{Post: post, Org: r.tenant.Org, Items: []proof.Item{item}}}); err != nil {
		return "", err
	}
	if rejected {
		err = r.ledger.Write(proof.Record{Answer: &proof.Answer{Post: post, Status: 400}})
	}
	return fmt.Sprintf(`{"type":%q,"data":%s}`, item.Type, item.Data), err
}

// until sends a text and reads until the server has had enough.
func (r *rabble) until(c net.Conn, text string) error {
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

// dawdle goes on with one byte after the other.
func (r *rabble) dawdle(c net.Conn, begin string) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	for _, err := io.WriteString(c, begin); ; _, err = io.WriteString(c, "a") {
		if err != nil {
			return err
		}
		<-tick.C
	}
}

func (r *rabble) chunks(c net.Conn) error {
	go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	chunk := []byte("1000\r\n" + strings.Repeat(" ", 0x1000) + "\r\n")
	for _, err := io.WriteString(c, r.head("Transfer-Encoding: chunked\r\n\r\n")); ; _, err = c.Write(chunk) {
		if err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // 4 MB a second are enough
	}
}

// less sends a whole event, but announces more, and says no more.
func (r *rabble) less(c net.Conn) error {
	body, err := r.event(true)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(c, r.head(fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)+10))+body); err != nil {
		return err
	}
	if half, ok := c.(*net.TCPConn); ok && r.posts.Load()%2 == 0 {
		_ = half.CloseWrite()
	}
	_, err = io.Copy(io.Discard, c)
	return err
}

// more sends more than announced: the beginning is an event, the rest is none.
func (r *rabble) more(c net.Conn) error {
	body, err := r.event(false)
	if err != nil {
		return err
	}
	return r.until(c, r.head(fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)))+body+"{{{{ no request \r\n\r\n")
}

func (r *rabble) leave(c net.Conn) error {
	body, err := r.event(false)
	if err == nil {
		_, err = io.WriteString(c, r.head(fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)))+body)
	}
	return err
}

// deaf asks again and again and does not read what it is answered.
func (r *rabble) deaf(c net.Conn) error {
	ask := []byte(strings.Repeat("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 10))
	asked := func() bool {
		if c.SetWriteDeadline(time.Now().Add(time.Second)) != nil {
			return false
		}
		_, err := c.Write(ask)
		return err == nil // else the server reads no more either, which is right
	}
	for range 100 {
		if !asked() {
			break
		}
	}
	return nil
}

// idle says nothing until it is thrown out.
func (r *rabble) idle(c net.Conn) error {
	now := r.open.Add(1)
	defer r.open.Add(-1)
	for most := r.most.Load(); now > most && !r.most.CompareAndSwap(most, now); most = r.most.Load() {
	}
	_, err := io.Copy(io.Discard, c)
	return err
}
