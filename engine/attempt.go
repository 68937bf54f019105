package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/hookwheel/hookwheel/engine/bridge"
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/sign"
	"github.com/hookwheel/hookwheel/wal"
)

// attempt is one delivery on its way through a lane: from the queue to the
// ring, through a delivery goroutine, and back to the loop with what came of
// it. It belongs to one of them at a time.
type attempt struct {
	lane *lane
	ledger.Ref
	event   *event.Event // nil with retried, until it is under way
	matched int          // endpoints that were owed the event; 0 = not known yet
	prev    wal.Pos      // everything the lane was owed up to here came before; not with retried

	// retried: it waited in the retry index, due at this time. Its row says how
	// many attempts there were and how the body was rendered.
	retried bool
	due     int64
	place   wal.Pos // in a fifo line
	row     delivery.Row

	withdrawn bool // canceled, or put back in line by hand, while it was under way; the loop's

	start    time.Time // only what has elapsed since is of interest
	target   string    // the URL that it went to
	at       int64     // the same moment by the wall clock, Unix ms: signed and recorded
	duration time.Duration
	render   event.Rendering
	secret   string // id of the newest secret that signed
	schemes  sign.Set
	class    egress.Class
	status   int
	again    string // the Retry-After header
	snippet  string // the first bytes of the answer, or what went wrong
	huge     bool   // the answer's body was cut off
	void     bool   // it does not wait any more, or retention took it: nothing was sent
}

// n is the attempt's number, from 1.
func (a *attempt) n() int { return a.row.Attempts + 1 }

// size is what the attempt adds to the memory that live events take.
func (a *attempt) size() int64 {
	if a.retried || a.event == nil {
		return 0
	}
	return int64(len(a.event.Data)) + 256
}

// worker is the memory of a delivery goroutine: it makes one attempt after the
// other without allocating.
type worker struct {
	body     []byte
	ids      []byte
	signed   sign.Headers
	headers  []egress.Header
	request  egress.Request
	entry    bridge.Entry
	response egress.Response
}

var workers = sync.Pool{New: func() any { return new(worker) }}

// deliver is a delivery goroutine. It makes attempts until its lane has none
// ready or wants fewer goroutines.
func (l *lane) deliver() {
	sh := l.shard
	defer sh.engine.deliveries.Done()
	w := workers.Get().(*worker)
	defer workers.Put(w)
	began := time.Now()
	for {
		overdue := sh.engine.slots.hungry.Load() > 0 && time.Since(began) >= slotTurn
		a, left := l.ring.take(&sh.engine.slots, overdue)
		if a == nil {
			if sh.engine.slots.release(left) {
				sh.engine.wakeStarved()
			}
			sh.ended(l)
			return
		}
		a.at = sh.engine.clock.wall().UnixMilli()
		w.send(sh.engine, a)
		a.duration = time.Since(a.start)
		if a.asksToWait() {
			l.ring.halt()
		}
		sh.finished(a)
	}
}

// send makes one attempt and notes the result in it.
func (w *worker) send(e *Engine, a *attempt) {
	s := a.lane.settings.Load()
	if err := e.prepare(a, s); err != nil {
		if errors.Is(err, errNotWaiting) {
			a.void = true
			return
		}
		a.class, a.snippet = egress.Local, err.Error()
		return
	}
	var err error
	if w.body, err = event.AppendBody(w.body[:0], a.event, a.render, a.matched, s.SnapshotAPIVersion); err != nil {
		a.class, a.snippet = egress.Local, err.Error()
		return
	}
	if s.bus == "" {
		w.post(e, a, s)
	} else {
		w.put(e, a, s)
	}
	a.huge = w.response.Oversized
	a.class, a.status, a.again = w.response.Class, w.response.Status, w.response.RetryAfter
	switch {
	case w.response.Err != nil:
		a.snippet = w.response.Err.Error()
	case a.class != egress.Success:
		a.snippet = withoutToken(string(w.response.Snippet), string(w.signed.Token()))
	}
}

// post makes it at a webhook.
func (w *worker) post(e *Engine, a *attempt, s *settings) {
	w.compose(e, a, s)
	a.target = s.target()
	w.request.URL = a.target
	w.request.Body = w.body
	w.request.Headers = w.headers
	w.request.Deadline = a.start.Add(s.timeout)
	e.sender.Send(&w.request, &w.response)
}

// put makes it at an event bus.
func (w *worker) put(e *Engine, a *attempt, s *settings) {
	w.signed.Reset()
	w.entry = bridge.Entry{
		Region: s.EventBridge.Region, Bus: s.bus, Source: s.EventBridge.Source, DetailType: a.event.Type,
		Time: a.event.Occurred(), Detail: w.body, Deadline: a.start.Add(s.timeout),
	}
	e.bus.Put(&w.entry, &w.response)
}

// errNotWaiting says that a delivery was ended by somebody while it was in
// line, or that retention has taken its event.
var errNotWaiting = errors.New("the delivery does not wait any more")

// prepare reads what the attempt needs and memory does not have.
func (e *Engine) prepare(a *attempt, s *settings) (err error) {
	p := a.lane.p
	if a.retried {
		var found bool
		if a.row, found, err = e.ledger.Row(p, a.Ref); err != nil {
			return fmt.Errorf("read delivery: %w", err)
		}
		if !found || a.row.State.Terminal() || a.row.Next != a.due {
			return errNotWaiting
		}
		if a.event, err = e.ledger.EventAt(p, a.Pos); errors.Is(err, wal.ErrNotFound) {
			return errNotWaiting
		} else if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
	}
	a.render = a.row.Render
	if a.render == 0 {
		a.render = event.RenderingOf(s.PayloadFormat, a.event)
	}
	if a.matched == 0 && a.render.Format() == event.Snapshot {
		if a.matched, err = e.ledger.Matched(a.event); err != nil {
			return fmt.Errorf("read event row: %w", err)
		}
	}
	return nil
}

// compose makes the headers.
func (w *worker) compose(e *Engine, a *attempt, s *settings) {
	w.headers = append(w.headers[:0],
		egress.Header{Name: "Content-Type", Value: contentTypes[a.render.ContentType()]},
		egress.Header{Name: "User-Agent", Value: e.userAgent})
	w.headers = append(w.headers, s.headers...)
	w.signed.Reset()
	if s.signer == nil {
		return
	}
	w.ids = event.AppendID(w.ids[:0], a.event.ID, a.event.Livemode)
	split := len(w.ids)
	w.ids = delivery.ID{Event: a.event.ID, Endpoint: uint64(s.Alias), Replay: a.Replay}.AppendText(w.ids)
	a.schemes = s.signer.Schemes()
	a.secret = s.signer.Sign(&w.signed, &sign.Message{
		ID: borrow(w.ids[:split]), DeliveryID: borrow(w.ids[split:]), EventType: a.event.Type,
		At: a.at, Now: e.now(), Body: w.body,
	})
	for i := range w.signed.Len() {
		name, value := w.signed.At(i)
		w.headers = append(w.headers, egress.Header{Name: name, Value: value})
	}
}

// contentTypes are header values, made once.
var contentTypes = map[string][]byte{}

func init() {
	for _, f := range [...]event.Format{event.Envelope, event.Raw, event.Snapshot, event.Thin} {
		t := event.RenderingOf(f, &event.Event{}).ContentType()
		contentTypes[t] = []byte(t)
	}
}

// borrow is b as a string, without copying; b must not change meanwhile.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
