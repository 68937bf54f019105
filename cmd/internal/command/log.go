package command

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
)

const formatHuman = "human"

// logFormats are the formats of a log: key=value and JSON for programs, and one
// that a person reads along.
var logFormats = []string{"logfmt", "json", formatHuman}

// newLogger makes a logger of one of the formats. level is as slog has it.
func newLogger(w io.Writer, format, level string) *slog.Logger {
	var options slog.HandlerOptions
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		panic("BUG: log level " + level) // the flag takes no other than slog knows
	}
	options.Level = least
	options.ReplaceAttr = wordsOfError
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(jsonLines{w}, &options))
	case formatHuman:
		return slog.New(newHumanHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, &options))
}

// wordsOfError shows of an error what it says: the text handler of slog shows all
// it has, and those of the store carry the stacks of where they came from.
func wordsOfError(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		return slog.String(a.Key, err.Error())
	}
	return a
}

// jsonLines writes lines of JSON that also do no harm on a terminal: slog leaves
// as they are what switches the direction of text, and half of the controls. Its
// text handler quotes them all.
type jsonLines struct{ w io.Writer }

func (l jsonLines) Write(line []byte) (int, error) {
	text := append(printableJSON(bytes.TrimSuffix(line, []byte("\n"))), '\n')
	if _, err := l.w.Write(text); err != nil {
		return 0, err
	}
	return len(line), nil
}

// humanHandler writes a line as "15:04:05 INFO  message key=value". The
// attributes are written by the text handler of slog, which quotes what could
// steer a terminal.
type humanHandler struct {
	slog.Handler // writes into line, without time, level and message
	out          *humanOutput
}

// humanOutput is shared by a handler and all that were derived from it.
type humanOutput struct {
	mu   sync.Mutex
	line bytes.Buffer
	w    io.Writer
}

func newHumanHandler(w io.Writer, options slog.HandlerOptions) slog.Handler {
	builtin := []string{slog.TimeKey, slog.LevelKey, slog.MessageKey}
	options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && slices.Contains(builtin, a.Key) {
			return slog.Attr{}
		}
		return wordsOfError(groups, a)
	}
	out := &humanOutput{w: w}
	return &humanHandler{slog.NewTextHandler(&out.line, &options), out}
}

func (h *humanHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	line := &h.out.line
	line.Reset()
	line.WriteString(r.Time.Format("15:04:05 "))
	line.WriteString((r.Level.String() + "  ")[:6])
	line.WriteString(printable(r.Message) + " ")
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	text := append(bytes.TrimRight(line.Bytes(), " \n"), '\n')
	_, err := h.out.w.Write(text)
	return err
}

func (h *humanHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &humanHandler{h.Handler.WithAttrs(attrs), h.out}
}

func (h *humanHandler) WithGroup(name string) slog.Handler {
	return &humanHandler{h.Handler.WithGroup(name), h.out}
}
