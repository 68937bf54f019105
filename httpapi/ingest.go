package httpapi

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

const (
	// MaxBatch is how many events one request can post.
	MaxBatch = 10_000

	// keyLifetime is how long an event's idempotency key is remembered.
	keyLifetime = 24 * time.Hour
)

// Poster makes events durable and says what became of each. See ledger.Post.
type Poster interface {
	Post(ctx context.Context, events []*event.Event, withEndpoints bool, dst []ledger.Verdict) ([]ledger.Verdict, error)
}

// Kept finds events that were accepted before. See ledger.Event.
type Kept interface {
	Event(organization string, id event.ID) (ledger.Accepted, bool, error)
}

// Ingest takes events in: POST /v1/events. This is the hot path of the server.
//
//	application/json, an object      one event     202 or, for a repetition, 200
//	application/json, an array       many          202 with a result for each
//	application/x-ndjson             many          the same
//
// Each request is one append to the log, and is answered when its events are
// synced and applied: they can be found, and are on their way. A repeated event
// is recognised by its id, or by the Idempotency-Key header, which is the id of
// a single event and the beginning of the ids of a batch.
type Ingest struct {
	Events       Poster
	Kept         Kept
	MaxEventSize int // of one event as posted, in bytes
}

// posting is the memory of one request. It is used again by another when this
// one is answered; the log has its own copy of the events by then.
type posting struct {
	events   []event.Event
	pointers []*event.Event
	lines    []line
	verdicts []ledger.Verdict
	answer   []byte
}

// line is one event of a batch: the place of its event, or why it has none.
type line struct {
	event int
	fault *wire.Error
}

var postings = sync.Pool{New: func() any { return new(posting) }}

func (p *posting) release() {
	clear(p.events)
	clear(p.verdicts)
	clear(p.lines)
	*p = posting{events: p.events[:0], pointers: p.pointers[:0], lines: p.lines[:0], verdicts: p.verdicts[:0], answer: p.answer[:0]}
	if cap(p.events) <= 1024 { // a huge batch is rare; its memory is not kept for the next small one
		postings.Put(p)
	}
}

// Post handles POST /v1/events.
func (in *Ingest) Post(c *wire.Ctx) error {
	lines, err := c.ExpectEvents()
	if err != nil {
		return err
	}
	key := c.Request.Header.Peek("Idempotency-Key")
	if err := checkOnceKey(key); err != nil {
		return err
	}
	p := postings.Get().(*posting)
	defer p.release()
	body := bytes.TrimSpace(c.PostBody())
	if lines || len(body) > 0 && body[0] == '[' {
		return in.batch(c, p, body, lines, key)
	}
	return in.single(c, p, body, key)
}

func (in *Ingest) single(c *wire.Ctx, p *posting, body, key []byte) error {
	if err := wire.CheckJSON(body); err != nil {
		return err
	}
	ev, fault := in.read(c, p, body)
	if fault != nil {
		return fault
	}
	if len(key) > 0 {
		if id := ev.Idempotency.Key; id != "" && id != string(key) {
			return wire.BadRequest(wire.CodeBadRequest, "the id of the event and the Idempotency-Key header differ")
		}
		in.identify(ev, string(key), body)
	}
	if err := in.post(c, p); err != nil {
		return err
	}
	v := &p.verdicts[0]
	if v.Err != nil {
		return v.Err
	}
	if v.Duplicate {
		return in.repeated(c, p, ev, v)
	}
	p.answer = appendAccepted(p.answer, ev, v)
	return c.Raw(fasthttp.StatusAccepted, p.answer)
}

// repeated answers with the event that came first.
func (in *Ingest) repeated(c *wire.Ctx, p *posting, ev *event.Event, v *ledger.Verdict) error {
	ev.ID, ev.Livemode, v.At = v.First, v.FirstLivemode, int64(v.First.Time())
	first, found, err := in.Kept.Event(ev.Organization, v.First)
	if err != nil {
		return err
	}
	if found { // unless retention took it before the key expired
		v.At, v.Matched = first.ReceivedAt, first.Matched
	}
	p.answer = appendAccepted(p.answer, ev, v)
	return c.Raw(fasthttp.StatusOK, p.answer)
}

// read appends what one event's text, which is valid JSON, says to p.events.
func (in *Ingest) read(c *wire.Ctx, p *posting, text []byte) (*event.Event, *wire.Error) {
	if len(text) > in.MaxEventSize {
		return nil, wire.TooLarge("the event", in.MaxEventSize)
	}
	p.events = append(p.events, event.Event{
		ID: ledger.NewID(), Organization: c.Organization, Source: event.API, Livemode: c.Principal.Livemode,
	})
	ev := &p.events[len(p.events)-1]
	if fault := readEvent(text, ev); fault != nil {
		p.events = p.events[:len(p.events)-1]
		return nil, fault
	}
	if ev.Idempotency.Key != "" {
		in.identify(ev, ev.Idempotency.Key, text)
	}
	return ev, nil
}

// identify makes a second event of the same key a duplicate, or a conflict if
// its text is another.
func (in *Ingest) identify(ev *event.Event, key string, text []byte) {
	sum := digest(text)
	ev.Idempotency = event.Idempotency{Key: key, Fingerprint: [16]byte(sum[:16]), Lifetime: keyLifetime.Milliseconds()}
}

// post appends all events to the log at once.
func (in *Ingest) post(c *wire.Ctx, p *posting) (err error) {
	for i := range p.events {
		p.pointers = append(p.pointers, &p.events[i])
	}
	p.verdicts, err = in.Events.Post(c.Context(), p.pointers, false, p.verdicts)
	return err
}

// appendAccepted writes the answer to a single event.
func appendAccepted(dst []byte, ev *event.Event, v *ledger.Verdict) []byte {
	dst = append(dst, `{"id":"`...)
	dst = event.AppendID(dst, ev.ID, ev.Livemode)
	dst = append(dst, `","type":"`...)
	dst = append(dst, ev.Type...) // a valid type has nothing to escape
	dst = append(dst, `","created_at":"`...)
	dst = wire.AppendTime(dst, v.At)
	dst = append(dst, `","duplicate":`...)
	dst = strconv.AppendBool(dst, v.Duplicate)
	dst = append(dst, `,"matched":`...)
	dst = strconv.AppendInt(dst, int64(v.Matched), 10)
	return append(dst, '}')
}
