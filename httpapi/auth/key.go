package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
)

// A key is one of these prefixes, which tell people and secret scanners what
// they are looking at, and 256 random bits. The prefix never decides whether a
// key is valid: keys are found by the hash of their whole text.
const (
	LivePrefix  = "hw_live_"
	TestPrefix  = "hw_test_"
	AdminPrefix = "hw_admin_"

	randomBytes = 32
	shownDigits = 4 // of the random part, enough to tell two keys apart
)

// digits are lower-case letters and numbers without 0, 1, l and o: a key
// survives being read aloud, and a double click selects all of it.
var digits = base32.NewEncoding("23456789abcdefghijkmnpqrstuvwxyz").WithPadding(base32.NoPadding)

// NewKey makes a new key: the text, which is shown once and never stored, and
// what may be shown of it later.
func NewKey(prefix string) (text, shown string) {
	var random [randomBytes]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the process instead
	text = prefix + digits.EncodeToString(random[:])
	return text, text[:len(prefix)+shownDigits]
}

// Hash is what is stored of a key, and what finds it.
func Hash(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }
