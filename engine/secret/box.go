package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// KeySize is the length of a master key in bytes: AES-256.
const KeySize = 32

var (
	// ErrSealed reports bytes that this box cannot open: damaged, sealed with
	// another master key, or sealed for another place (aad).
	ErrSealed = errors.New("cannot decrypt: damaged, or sealed with another key or for another object")

	// ErrWrongKey reports a master key that is not the one a store was made
	// with.
	ErrWrongKey = errors.New("the master key is not the one this store was made with; give the right --master-key-file")
)

// Box encrypts secrets for storage with one master key. It is safe for
// concurrent use.
//
// A sealed secret is
//
//	version 1 │ nonce 12 │ ciphertext as long as the text │ tag 16
//
// in bytes, by AES-256-GCM with a random nonce. Random nonces are safe for
// 2³² seals under one key, far more than a store will ever hold secrets. The
// aad names the place the secret belongs to; it is not stored, and without
// the same aad it cannot be opened, so that a ciphertext moved from one object
// to another is of no use there. The length of a secret is not hidden.
type Box struct {
	aead cipher.AEAD
}

const boxVersion = 1

// NewBox returns a box for a master key of KeySize bytes.
func NewBox(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("master key has %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead: aead}, nil
}

// Seal encrypts the secret for the place that aad names; see AAD.
func (b *Box) Seal(plain Secret, aad string) []byte {
	text := plain.Reveal()
	sealed := make([]byte, 1, 1+len(text)+b.aead.Overhead())
	sealed[0] = boxVersion
	return b.aead.Seal(sealed, nil, []byte(text), []byte(aad))
}

// Open is the inverse of Seal. It fails with ErrSealed.
func (b *Box) Open(sealed []byte, aad string) (Secret, error) {
	if len(sealed) == 0 || sealed[0] != boxVersion {
		return Secret{}, ErrSealed
	}
	text, err := b.aead.Open(nil, nil, sealed[1:], []byte(aad))
	if err != nil {
		return Secret{}, ErrSealed
	}
	return New(string(text)), nil
}

// What a key check is made of. The aad has no length prefix, so it is none
// that AAD could make.
const (
	checkText = "hookwheel master key"
	checkAAD  = "key check"
)

// KeyCheck returns bytes for a store to keep, by which VerifyKeyCheck later
// recognises the master key. They tell nothing about the key.
func (b *Box) KeyCheck() []byte { return b.Seal(New(checkText), checkAAD) }

// VerifyKeyCheck returns ErrWrongKey unless check was made by a box with the
// same master key.
func (b *Box) VerifyKeyCheck(check []byte) error {
	text, err := b.Open(check, checkAAD)
	if err != nil || !text.Equal(New(checkText)) {
		return ErrWrongKey
	}
	return nil
}

// AAD names the place of a secret. Each part is preceded by its length, so
// that no two different triples have the same name.
func AAD(organization, object, id string) string {
	var name strings.Builder
	for _, part := range []string{organization, object, id} {
		name.WriteString(strconv.Itoa(len(part)))
		name.WriteByte(':')
		name.WriteString(part)
	}
	return name.String()
}

// GenerateKey returns a new random master key.
func GenerateKey() []byte {
	key := make([]byte, KeySize)
	rand.Read(key) // never fails: the process ends if the system has no randomness
	return key
}

// FormatKey returns what a key file holds: the key in base64 on a line of its
// own, and what one must know about it in comment lines.
func FormatKey(key []byte) string {
	return "# Hookwheel master key. It decrypts every signing secret in the store;\n" +
		"# without it they are lost. Backups of the store do not contain it.\n" +
		base64.StdEncoding.EncodeToString(key) + "\n"
}

// ParseKey is the inverse of FormatKey. Empty lines and lines that begin with
// # are skipped; what remains must be one line. Errors never quote the text.
func ParseKey(text string) ([]byte, error) {
	var encoded string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if encoded != "" {
			return nil, errors.New("parse master key: more than one line that is no comment")
		}
		encoded = line
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("parse master key: not base64")
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("parse master key: %d bytes, want %d", len(key), KeySize)
	}
	return key, nil
}
