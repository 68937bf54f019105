package engine

import "strings"

const (
	redacted = "[redacted]"

	// shortestPart is how much of a token at the end of a text, where it may have
	// been cut off, is taken for one.
	shortestPart = 8
)

// withoutToken returns what a receiver answered without the bearer token that it
// was sent: many programs quote a request that they refuse, and an answer is
// kept, and shown to people who may not see secrets.
func withoutToken(text, token string) string {
	if token == "" {
		return text
	}
	text = strings.ReplaceAll(text, token, redacted)
	for n := len(token) - 1; n >= shortestPart; n-- {
		if whole, cut := strings.CutSuffix(text, token[:n]); cut {
			return whole + redacted
		}
	}
	return text
}
