package wire

import (
	"net/url"
	"unicode/utf8"
)

// Host is what an endpoint is called by dialects that have no names: the host
// of its URL. "" is for a text that is no URL of a host; the engine says what is
// wrong with it.
func Host(endpointURL string) string {
	u, err := url.Parse(endpointURL)
	if err != nil || len(u.Hostname()) > maxHost || !utf8.ValidString(u.Hostname()) {
		return ""
	}
	return u.Hostname()
}

const maxHost = 253 // bytes of a name in the DNS
