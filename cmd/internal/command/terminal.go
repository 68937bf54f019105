package command

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal reports whether a person watches what is written to stream, or types
// what is read from it.
func terminal(stream any) bool {
	switch s := stream.(type) {
	case *input:
		stream = s.from
	case *output:
		stream = s.to
	}
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colors of a terminal, as the parameter of its escape sequence.
const (
	red   = "31"
	green = "32"
)

// colored is text in a color where a person sees it; elsewhere, and for those
// who have set NO_COLOR, it is the text alone.
func colored(w io.Writer, color, text string) string {
	if !terminal(w) || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
