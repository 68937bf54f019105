package egress

import (
	"unicode"
	"unicode/utf8"
)

// appendSafe appends what of raw can be shown to people anywhere, at most limit bytes of it: valid UTF-8 without
// control characters (newline and tab stay, carriage returns vanish) and without the invisible ones that reorder text or hide in it. What is
// left out becomes U+FFFD, one for a run.
func appendSafe(dst, raw []byte, limit int) []byte {
	start, gap := len(dst), false
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if n == 1 && r == utf8.RuneError && !utf8.FullRune(raw) {
			break // cut off in the middle of a rune
		}
		raw = raw[n:]
		if r == '\r' {
			continue
		}
		bad := r == utf8.RuneError || r != '\n' && r != '\t' && !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
		if bad && gap {
			continue
		}
		gap = bad
		if bad {
			r = utf8.RuneError
		}
		if len(dst)-start+utf8.RuneLen(r) > limit {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
