package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// sender is the verb that posts events: one from the arguments, or many from
// lines of JSON.
type sender struct {
	connection
	id, account, file, onError string
	occurred                   time.Time
	batch                      int
	batchBytes                 int64
}

func sendCommand() *cli.Command {
	var o sender
	f := flagsOf("send").in("One event")
	f.text(&o.id, "id", "idempotency `KEY`: what was sent with it within 24 hours is not sent again; without one, a new key", "", checkPrintable)
	f.text(&o.account, "account", "the connected account `ID` that it concerns", "", nil)
	f.moment(&o.occurred, "occurred-at", "`MOMENT` at which it happened; without one, now")
	f.in("Many events")
	f.text(&o.file, "file", "post the lines of `FILE`, - for standard input: each is an event with its fields type and data or, if TYPE is given, the data of one", "", nil)
	f.integer(&o.batch, "batch", "post up to `N` lines at once", 500, 1, 10_000, "")
	f.size(&o.batchBytes, "batch-bytes", "post up to `SIZE` at once; the server's --max-body-size bounds it", 4<<20, 1<<10, 256<<20, "")
	f.choice(&o.onError, "on-error", "`WHAT` to do about a line that the server refuses", "abort", "abort", "skip")
	return &cli.Command{
		Name: "send", Category: groupTry,
		Usage:     "post events",
		ArgsUsage: "[TYPE] [DATA]",
		Description: `One event:    hookwheel send invoice.paid '{"amount": 100}'
              echo '{"amount": 100}' | hookwheel send invoice.paid -
Many events:  hookwheel send --file events.ndjson

An event that is reported as accepted is on disk. When the connection breaks or
the server is busy, the same is posted again with the same idempotency key, so
that nothing is accepted twice. The same holds over two runs with the same
--id, --batch and --batch-bytes. With --on-error abort, a batch with a line
that is refused is refused as a whole and nothing behind it is sent.`,
		Flags:  o.flags(f),
		Action: o.run,
	}
}

func (o *sender) run(c *cli.Context) error {
	if o.file != "" {
		if c.NArg() > 1 || o.account != "" || !o.occurred.IsZero() {
			return usageError("--file goes with a TYPE at most: DATA, --account and --occurred-at are for one event")
		}
		return o.many(c)
	}
	if c.NArg() == 0 {
		return usageError("say what to send: a TYPE and DATA, or --file\nSee: hookwheel send --help")
	}
	return o.one(c)
}

func (o *sender) one(c *cli.Context) error {
	data, err := eventData(c)
	if err != nil {
		return err
	}
	api, err := o.client()
	if err != nil {
		return err
	}
	body := map[string]any{"type": c.Args().First(), "data": data}
	if o.account != "" {
		body["account"] = o.account
	}
	if !o.occurred.IsZero() {
		body["occurred_at"] = wireTime(o.occurred)
	}
	text, err := encodeVerbatim(body)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	text, err = api.do(c.Context, call{method: http.MethodPost, path: events, body: text, idempotencyKey: o.id})
	if err != nil {
		return err
	}
	answer, err := parseObject(text)
	if err != nil {
		return err
	}
	if answer.text("duplicate") == "true" {
		return o.printDone(c, answer, "%s was accepted before", answer.text("id"))
	}
	return o.printDone(c, answer, "%s accepted, matching endpoints: %s", answer.text("id"), answer.text("matched"))
}

// maxEventBytes bounds an event read from elsewhere; servers allow less.
const maxEventBytes = 8 << 20

// eventData is the data of one event: the second argument, or standard input.
func eventData(c *cli.Context) (json.RawMessage, error) {
	text := []byte(c.Args().Get(1))
	if c.NArg() == 1 {
		text = []byte("null")
	}
	if string(text) == "-" {
		var err error
		if text, err = readAll(c.App.Reader, maxEventBytes); err != nil {
			return nil, fmt.Errorf("read data: %w", err)
		}
	}
	if !json.Valid(text) {
		return nil, usageError("DATA is not valid JSON: text needs quotes within the quotes of the shell, '\"like this\"'")
	}
	return text, nil
}

// checkPrintable is what the server has against an idempotency key.
func checkPrintable(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("only printable ASCII can stand in it")
	}
	return nil
}

// readAll reads at most most bytes and fails if there are more.
func readAll(r io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = errors.New("larger than " + formatSize(most))
	}
	return text, err
}

// openInput opens a file, or standard input for "-". Its size is 0 where it
// is not known.
func openInput(c *cli.Context, path string) (input io.ReadCloser, size int64, err error) {
	if path == "-" {
		return io.NopCloser(c.App.Reader), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return file, size, nil
}
