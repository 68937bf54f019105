// Package secret holds what must never be seen: the secrets that sign
// deliveries, the master key that encrypts them at rest, and the hashes by
// which API keys are recognised.
//
//	NewSigning, New ─▶ Secret ── Box.Seal ─▶ bytes for the store
//	                     ▲                        │
//	                     └──────── Box.Open ◀─────┘
//
// A Secret can be carried about, stored in structs, logged and marshalled by
// mistake without giving itself away; only Reveal shows it. A Box encrypts
// with the master key. The package does no I/O: who reads and writes the key
// file decides about paths and permissions.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that does not print. Every usual way to turn a value into
// text (fmt with any verb, slog, encoding/json and other encoders) yields
// "[redacted]". The zero value is no secret at all.
//
// The text lies behind a pointer, because fmt prints the unexported fields of
// a struct without asking their methods: of a pointer it shows the address.
// Secrets cannot be compared with ==, which would take a time that depends on
// where they differ.
type Secret struct {
	_    [0]func()
	text *string
}

// New makes a secret of the text.
func New(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text. Each call of it is a place where a secret leaves
// this package's care.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero says whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal says whether both are the same, in a time that depends on their
// lengths only.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Last4 returns the last four characters, by which people tell their secrets
// apart; "" for a secret so short that they would be more than half of it.
func (s Secret) Last4() string {
	text := []rune(s.Reveal())
	if len(text) < 8 {
		return ""
	}
	return string(text[len(text)-4:])
}

// Format implements fmt.Formatter for every verb.
func (Secret) Format(state fmt.State, _ rune) { io.WriteString(state, redacted) }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]". There is no inverse: what reads a secret
// says so by calling New.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Hash returns the SHA-256 of an API key, which is all that is stored of one.
// API keys are long and random, so they need neither salt nor a slow hash.
func Hash(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }
