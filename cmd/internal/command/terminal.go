package command

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal reports whether a person watches what is written to w.
func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
