package wire

import (
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.com/hooks": "example.com",
		"https://example.com:8443/": "example.com",
		"http://[2001:db8::1]:80/":  "2001:db8::1",
		"":                          "",
		"example.com":               "",
		"https://exa mple.com/":     "",
		"https://%ff.example/":      "",
		"https://" + strings.Repeat("a", 254) + ".example/": "",
	} {
		if got := Host(text); got != want {
			t.Errorf("Host(%q): got %q, want %q", text, got, want)
		}
	}
}
