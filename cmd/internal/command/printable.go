package command

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Event types, names, answers of receivers: much of what is shown was chosen
// by somebody else. On a terminal, control characters would move the cursor,
// set the title or hide lines, and characters that change the direction of
// text would make it read as something else. All of them are replaced.

// printable is text that is safe to show on one line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return safeRune(r)
	}, text)
}

// printableLines is text of several lines that is safe to show.
func printableLines(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return safeRune(r)
	}, text)
}

func safeRune(r rune) rune {
	if unsafeRune(r) {
		return utf8.RuneError
	}
	return r
}

// unsafeRune reports C0 and C1 controls, format characters such as the
// bidirectional overrides, and line separators.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// printableJSON escapes in a JSON text what a terminal could take for a
// command. Such characters stand only inside of strings, where an escape
// means the same.
func printableJSON(text []byte) []byte {
	clean := true
	for _, r := range string(text) {
		if unsafeRune(r) && r < 0x10000 {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(text)+16)
	for _, r := range string(text) {
		if unsafeRune(r) && r < 0x10000 {
			out = append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}
