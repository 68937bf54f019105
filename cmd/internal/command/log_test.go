package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// What strangers chose stands in the log as text: it ends no line, begins none,
// and is no command to a terminal, in any format.
func TestLogInjection(t *testing.T) {
	for _, hostile := range []string{
		"a\nlevel=ERROR msg=forged", "a\r\n{\"level\":\"ERROR\"}", "\x1b[2J\x1b]0;title\x07", "\u009b31m", "\x7f\x00\x08", "exe\u202efdp", "a\u2028b\u2066c", "\xff\xfe", `"} {"`,
		"<script>", " level=ERROR", "=", "\ufeff",
	} {
		for _, format := range logFormats {
			var out bytes.Buffer
			logger := newLogger(&out, format, "debug")
			logger.With("given", hostile).WithGroup("request").Debug("request", "path", hostile, hostile, "x", "error", errors.New(hostile), slog.Any("any", []string{hostile}))
			text := out.String()
			if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
				t.Errorf("%s of %q: got %q, want one line", format, hostile, text)
			}
			if i := strings.IndexFunc(strings.TrimSuffix(text, "\n"), unsafeRune); i >= 0 {
				t.Errorf("%s of %q: got %q, which has something for a terminal at %d", format, hostile, text, i)
			}
			if format != "json" {
				continue
			}
			var line struct{ Given string }
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Given != strings.ToValidUTF8(hostile, "\ufffd\ufffd") && line.Given != hostile {
				t.Errorf("json of %q: got %q, %v, want what was logged", hostile, line.Given, err)
			}
		}
	}
}

// wordy is an error that says more when it is asked for everything.
type wordy struct{ error }

func (w wordy) Format(s fmt.State, _ rune) {
	io.WriteString(s, w.Error())
	if s.Flag('+') {
		io.WriteString(s, "\nstack trace")
	}
}

// Of an error the log has what it says, not where it came from.
func TestLogOfErrors(t *testing.T) {
	for _, format := range logFormats {
		var out bytes.Buffer
		newLogger(&out, format, "info").Error("write failed", "error", wordy{errors.New("disk full")})
		if text := out.String(); !strings.Contains(text, "disk full") || strings.Contains(text, "stack") {
			t.Errorf("%s: got %q, want that the disk is full, and no more", format, text)
		}
	}
}
