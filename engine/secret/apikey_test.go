package secret

import (
	"strings"
	"testing"
)

func TestNewAPIKey(t *testing.T) {
	seen := map[string]bool{}
	for _, prefix := range []string{LivePrefix, TestPrefix, AdminPrefix} {
		key, shown := NewAPIKey(prefix)
		text := key.Reveal()
		if got, want := len(text), len(prefix)+52; got != want { // 256 bits, 5 in a character
			t.Errorf("NewAPIKey(%q): got %d characters, want %d", prefix, got, want)
		}
		if !strings.HasPrefix(text, shown) || len(shown) != len(prefix)+4 {
			t.Errorf("NewAPIKey(%q): got %q to show, want prefix and 4 characters of the key", prefix, shown)
		}
		if seen[text[len(prefix):]] {
			t.Errorf("NewAPIKey(%q): random part repeats", prefix)
		}
		seen[text[len(prefix):]] = true
	}
}
