package httpapi

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// batch posts many events as one append. With on_error=abort, the default, one
// bad event refuses all of them; with skip the good ones are taken.
func (in *Ingest) batch(c *wire.Ctx, p *posting, body []byte, ndjson bool, key []byte) error {
	skip, err := skipsFaults(c)
	if err != nil {
		return err
	}
	if err := in.readAll(c, p, body, ndjson, key); err != nil {
		return err
	}
	if !skip {
		if err := aborted(p.lines); err != nil {
			return err
		}
	}
	if err := in.post(c, p); err != nil {
		return err
	}
	p.answer = appendResults(p.answer, p)
	return c.Raw(fasthttp.StatusAccepted, p.answer)
}

func skipsFaults(c *wire.Ctx) (bool, error) {
	switch text, given := c.Query("on_error"); {
	case !given || text == "abort":
		return false, nil
	case text == "skip":
		return true, nil
	}
	return false, wire.BadParameter("on_error", "expected abort or skip")
}

// readAll splits the body and reads every event of it.
func (in *Ingest) readAll(c *wire.Ctx, p *posting, body []byte, ndjson bool, key []byte) error {
	var texts [][]byte // as many as a request can have, however many there are
	n := 0
	add := func(text []byte) {
		if n++; n <= MaxBatch {
			texts = append(texts, text)
		}
	}
	if ndjson {
		for text := range bytes.Lines(body) {
			if text = bytes.TrimSpace(text); len(text) > 0 {
				add(text)
			}
		}
	} else {
		if err := wire.CheckJSON(body); err != nil {
			return err
		}
		json.Elements(body, add)
	}
	switch {
	case n == 0:
		return wire.BadRequest(wire.CodeMalformed, "the body has no events")
	case n > MaxBatch:
		return &wire.Error{
			Status: fasthttp.StatusRequestEntityTooLarge, Code: wire.CodeTooLarge,
			Detail: fmt.Sprintf("the body has %d events; a request can have %d", n, MaxBatch),
		}
	}
	for _, text := range texts {
		p.lines = append(p.lines, in.readLine(c, p, text, ndjson, key))
	}
	return nil
}

// readLine reads one event. The text is known to be JSON unless it is a line.
func (in *Ingest) readLine(c *wire.Ctx, p *posting, text []byte, ndjson bool, key []byte) line {
	if ndjson {
		if err := wire.CheckJSON(text); err != nil {
			return line{fault: wire.From(err)}
		}
	}
	ev, fault := in.read(c, p, text)
	if fault != nil {
		return line{fault: fault}
	}
	if len(key) > 0 && ev.Idempotency.Key == "" {
		in.identify(ev, string(key)+"#"+strconv.Itoa(len(p.lines)), text)
	}
	return line{event: len(p.events) - 1}
}

// maxListed bounds how many bad events a refused batch lists.
const maxListed = 100

// aborted is the refusal of a batch with bad events, nil if all are good. What
// is wrong with one is listed under its number.
func aborted(lines []line) error {
	refused := wire.Invalid()
	bad := 0
	for i, l := range lines {
		if l.fault == nil {
			continue
		}
		if bad++; bad > maxListed {
			continue
		}
		at := "/" + strconv.Itoa(i)
		if len(l.fault.Fields) == 0 {
			refused.Fields = append(refused.Fields, wire.Field{Pointer: at, Detail: l.fault.Detail})
		}
		for _, f := range l.fault.Fields {
			refused.Fields = append(refused.Fields, wire.Field{Pointer: at + f.Pointer, Detail: f.Detail})
		}
		if l.fault.Status == fasthttp.StatusRequestEntityTooLarge {
			refused.Status, refused.Code = l.fault.Status, l.fault.Code
		}
	}
	if bad == 0 {
		return nil
	}
	refused.Detail = fmt.Sprintf("%d of %d events are not acceptable; nothing was stored", bad, len(lines))
	return refused
}

// appendResults writes the answer to a batch: what became of each event, under
// its number.
func appendResults(dst []byte, p *posting) []byte {
	accepted, duplicates := 0, 0
	for i := range p.verdicts {
		switch v := &p.verdicts[i]; {
		case v.Err != nil:
		case v.Duplicate:
			duplicates++
		default:
			accepted++
		}
	}
	dst = append(dst, `{"accepted":`...)
	dst = strconv.AppendInt(dst, int64(accepted), 10)
	dst = append(dst, `,"duplicates":`...)
	dst = strconv.AppendInt(dst, int64(duplicates), 10)
	dst = append(dst, `,"results":[`...)
	for i, l := range p.lines {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendResult(dst, p, i, l)
	}
	return append(dst, "]}"...)
}

func appendResult(dst []byte, p *posting, i int, l line) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	fault := l.fault
	if fault == nil && p.verdicts[l.event].Err != nil {
		fault = wire.From(p.verdicts[l.event].Err)
	}
	if fault != nil {
		return appendFault(dst, fault)
	}
	ev, v := &p.events[l.event], &p.verdicts[l.event]
	id, livemode := ev.ID, ev.Livemode
	if v.Duplicate {
		id, livemode = v.First, v.FirstLivemode
	}
	dst = append(dst, `,"id":"`...)
	dst = event.AppendID(dst, id, livemode)
	dst = append(dst, `","duplicate":`...)
	dst = strconv.AppendBool(dst, v.Duplicate)
	return append(dst, '}')
}

// lineFault is an error of one event of a batch.
type lineFault struct {
	Code   string       `json:"code"`
	Detail string       `json:"detail"`
	Errors []wire.Field `json:"errors,omitempty"`
}

func appendFault(dst []byte, e *wire.Error) []byte {
	text, err := json.Marshal(lineFault{Code: e.Code, Detail: e.Detail, Errors: e.Fields})
	if err != nil {
		text = []byte("null") // cannot happen: strings only
	}
	dst = append(dst, `,"error":`...)
	dst = append(dst, text...)
	return append(dst, '}')
}
