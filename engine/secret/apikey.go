package secret

import (
	"crypto/rand"
	"encoding/base32"
)

// An API key, or the secret of an OAuth client, is one of these prefixes, which
// tell people and secret scanners what they are looking at, and 256 random bits.
// The prefix never decides whether a key is valid: keys are found by the hash of
// their whole text.
const (
	LivePrefix   = "hw_live_"
	TestPrefix   = "hw_test_"
	AdminPrefix  = "hw_admin_"
	ClientPrefix = "hw_secret_" // of the secret of an OAuth client, which is no API key

	tokenBytes  = 32
	shownDigits = 4 // of the random part, enough to tell two keys apart
)

// digits are lower-case letters and numbers without 0, 1, l and o: a key
// survives being read aloud, and a double click selects all of it.
var digits = base32.NewEncoding("23456789abcdefghijkmnpqrstuvwxyz").WithPadding(base32.NoPadding)

// NewAPIKey makes a new API key or client secret: the text, which is shown once
// and never stored, and what may be shown of it later.
func NewAPIKey(prefix string) (key Secret, shown string) {
	var random [tokenBytes]byte
	rand.Read(random[:]) // never fails: the process ends if the system has no randomness
	text := prefix + digits.EncodeToString(random[:])
	return New(text), text[:len(prefix)+shownDigits]
}
