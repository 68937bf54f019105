package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"
)

// batch is what one request posts: lines of JSON, each an event.
type batch struct {
	body  []byte
	lines []int // for each event, the number of its line in the input, from 1
	read  int   // bytes of the input that it stands for
}

// name puts the number of the line in the place of an event's index in the batch
// in what the server has against it.
func (b batch) name(refusal error) {
	var p *problem
	if !errors.As(refusal, &p) {
		return
	}
	for i, m := range p.Errors {
		index, field, inside := strings.Cut(strings.TrimPrefix(m.Pointer, "/"), "/")
		n, err := strconv.Atoi(index)
		if err != nil || n < 0 || n >= len(b.lines) {
			continue
		}
		p.Errors[i].Pointer = fmt.Sprintf("line %d", b.lines[n])
		if inside {
			p.Errors[i].Pointer += ": /" + field
		}
	}
}

// batcher cuts an input into batches. Where it cuts depends on nothing but
// the input and the bounds, so that a second run makes the same ones.
type batcher struct {
	lines     *bufio.Scanner
	eventType string // "" = lines are whole events; else they are the data of one
	events    int    // at most, per batch
	bytes     int    // about; a longer line goes alone
	n         int    // lines read
	held      []byte // the event that did not fit into the batch before
}

func newBatcher(input io.Reader, eventType string, events int, size int64) *batcher {
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 64<<10), maxEventBytes)
	lines.Split(wholeLine)
	return &batcher{lines: lines, eventType: eventType, events: events, bytes: int(size)}
}

// next is the next batch; one without lines is the end.
func (b *batcher) next() (batch, error) {
	var out batch
	for len(out.lines) < b.events {
		event, read, err := b.event()
		if err != nil {
			return batch{}, err
		}
		out.read += read
		if event == nil {
			break
		}
		if len(out.body) > 0 && len(out.body)+len(event) > b.bytes {
			b.held = event
			break
		}
		out.body = append(append(out.body, event...), '\n')
		out.lines = append(out.lines, b.n)
	}
	return out, nil
}

// event is the next event and how much of the input was read for it; nil at
// the end. Empty lines are passed over.
func (b *batcher) event() (event []byte, read int, err error) {
	if event, b.held = b.held, nil; event != nil {
		return event, 0, nil
	}
	for b.lines.Scan() {
		b.n++
		read += len(b.lines.Bytes())
		line := bytes.TrimSpace(b.lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if b.eventType == "" {
			return bytes.Clone(line), read, nil
		}
		if !json.Valid(line) {
			return nil, 0, fmt.Errorf("line %d is not valid JSON", b.n)
		}
		event, err = encodeVerbatim(map[string]any{"type": b.eventType, "data": json.RawMessage(line)})
		return event, read, err
	}
	if err := b.lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, 0, fmt.Errorf("line %d is longer than %s", b.n+1, formatSize(maxEventBytes))
	} else if err != nil {
		return nil, 0, fmt.Errorf("read line %d: %w", b.n+1, err)
	}
	return nil, read, nil
}

// wholeLine is bufio.ScanLines with the end of the line, so that what was read
// can be counted.
func wholeLine(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if end := bytes.IndexByte(data, '\n') + 1; end > 0 {
		return end, data[:end], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// encodeVerbatim is json.Marshal without escapes for HTML in what is passed
// through, and without the line break of an Encoder.
func encodeVerbatim(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// tally counts what became of the lines.
type tally struct{ accepted, duplicates, refused int }

// many posts the lines of a file, batch after batch and in their order.
func (o *sender) many(c *cli.Context) error {
	input, size, err := openInput(c, o.file)
	if err != nil {
		return usageError("--file: %w", err)
	}
	defer input.Close()
	api, err := o.client()
	if err != nil {
		return err
	}
	key := o.id
	if key == "" {
		key = randomKey()
	}
	var (
		total   tally
		started = time.Now()
		bar     = newProgress(c, size)
		cutter  = newBatcher(input, c.Args().First(), o.batch, o.batchBytes)
	)
	for {
		part, cutErr := cutter.next()
		if err = cutErr; err != nil || len(part.lines) == 0 {
			break
		}
		if err = o.post(c, api, part, key, &total); err != nil {
			break
		}
		bar.advance(part.read, total.accepted)
	}
	bar.finish()
	if !o.json {
		took := time.Since(started)
		fmt.Fprintf(c.App.Writer, "%d accepted, %d accepted before, %d refused, in %s (%.0f a second)\n",
			total.accepted, total.duplicates, total.refused, formatDuration(took.Round(time.Millisecond)), float64(total.accepted)/took.Seconds())
	}
	if err == nil && total.refused > 0 {
		err = fmt.Errorf("lines refused: %d", total.refused)
	}
	return err
}

// post sends a batch. Its idempotency key names its first line, so that the
// same line gets the same key in a second run.
func (o *sender) post(c *cli.Context, api *client, part batch, key string, total *tally) error {
	text, err := api.do(c.Context, call{
		method: http.MethodPost, path: events, query: url.Values{"on_error": {o.onError}},
		body: part.body, contentType: "application/x-ndjson",
		idempotencyKey: fmt.Sprintf("%s-%d", key, part.lines[0]),
	})
	if err != nil {
		part.name(err)
		return fmt.Errorf("lines %d to %d: %w", part.lines[0], part.lines[len(part.lines)-1], err)
	}
	answer, err := parseObject(text)
	if err != nil {
		return err
	}
	results, err := answer.objects("results")
	if err != nil {
		return err
	}
	for i, result := range results {
		if i >= len(part.lines) {
			return errors.New("read answer: it has more results than the request had lines")
		}
		if err := o.report(c, part.lines[i], result, total); err != nil {
			return err
		}
	}
	return nil
}

// report counts what became of a line, and says so where it matters.
func (o *sender) report(c *cli.Context, line int, result object, total *tally) error {
	fault := result.at("error")
	switch {
	case fault != nil:
		total.refused++
	case result.text("duplicate") == "true":
		total.duplicates++
	default:
		total.accepted++
	}
	if o.json {
		text, err := json.Marshal(map[string]any{"line": line, "result": result.raw})
		if err != nil {
			return fmt.Errorf("encode result: %w", err)
		}
		return printJSON(c.App.Writer, text)
	}
	if fault != nil {
		fmt.Fprintf(c.App.ErrWriter, "line %d: %s\n", line, printable(plain(fault)))
	}
	return nil
}

// progress is a bar on a terminal, and nothing anywhere else.
type progress struct{ bar *progressbar.ProgressBar }

func newProgress(c *cli.Context, size int64) progress {
	if !terminal(c.App.ErrWriter) {
		return progress{}
	}
	if size == 0 {
		size = -1 // not known: it turns instead of growing
	}
	return progress{progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(c.App.ErrWriter),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

func (p progress) advance(read, accepted int) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(fmt.Sprintf("%d accepted", accepted))
	_ = p.bar.Add(read) // fails where the bar is full, which is no fault of the events
}

func (p progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
