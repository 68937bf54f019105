package ops

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// Source is one producer of metrics: a metrics.Set, or a function that writes
// straight from the state of what it measures.
type Source struct {
	// Write writes metrics in the text format, usually Set.WritePrometheus. It
	// is called at every scrape, by one goroutine at a time, and must not wait
	// for locks that the hot path holds.
	Write func(io.Writer)

	// Help has a sentence for every family that Write writes. One without is
	// not exposed: a number that nobody explains is of no use to an operator.
	Help map[string]string
}

// Series writes the name of a metric with its labels, given as pairs of name
// and value, escaped as the text format wants it. Go's %q is not that: one tab
// in a value makes Prometheus throw away the whole scrape.
func Series(family string, labels ...string) string {
	var b strings.Builder
	b.WriteString(family)
	for i := 0; i+1 < len(labels); i += 2 {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		b.WriteString(labels[i])
		b.WriteString(`="`)
		writeLabelValue(&b, labels[i+1])
		b.WriteByte('"')
	}
	if len(labels) > 1 {
		b.WriteByte('}')
	}
	return b.String()
}

// writeLabelValue escapes the three characters that need it. Other control
// characters are legal there but help nobody, least of all a terminal.
func writeLabelValue(b *strings.Builder, value string) {
	for _, r := range strings.ToValidUTF8(value, "\uFFFD") {
		switch {
		case r == '\\' || r == '"':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
		default:
			b.WriteRune(r)
		}
	}
}

// Exposition is what all sources have, each family with its help text. Two
// sources must not write the same family.
func Exposition(sources ...Source) []byte {
	var out, scratch bytes.Buffer
	for _, s := range sources {
		scratch.Reset()
		s.Write(&scratch)
		explain(&out, scratch.Bytes(), s.Help)
	}
	return out.Bytes()
}

var helpLine, typeLine = []byte("# HELP "), []byte("# TYPE ")

// explain copies an exposition and fills in its empty HELP lines. A family
// begins with that line; if there is no text for it, it is left out.
func explain(out *bytes.Buffer, exposition []byte, help map[string]string) {
	known := true
	for line := range bytes.Lines(exposition) {
		name, isHelp := bytes.CutPrefix(bytes.TrimRight(line, "\n"), helpLine)
		if !isHelp {
			if known {
				out.Write(line)
			}
			continue
		}
		var text string
		if text, known = help[string(name)]; known {
			out.Write(helpLine)
			out.Write(name)
			out.WriteByte(' ')
			out.WriteString(text)
			out.WriteByte('\n')
		}
	}
}

// Undocumented lists the families that a source writes and does not explain,
// for a test of each producer.
func Undocumented(s Source) []string {
	var missing []string
	var b bytes.Buffer
	s.Write(&b)
	for line := range bytes.Lines(b.Bytes()) {
		if rest, ok := bytes.CutPrefix(line, typeLine); ok {
			name, _, _ := strings.Cut(string(rest), " ")
			if s.Help[name] == "" {
				missing = append(missing, name)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// The library writes "# HELP" and "# TYPE" lines only when told so, for the
// whole process. Without them Prometheus takes a histogram for loose series.
func init() { metrics.ExposeMetadata(true) }
