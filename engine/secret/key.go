package secret

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// How Standard Webhooks writes keys: a prefix that tells the kind, then
// base64.
const (
	SigningPrefix    = "whsec_" // a symmetric key for HMAC-SHA256
	AsymmetricPrefix = "whsk_"  // an ed25519 private key: seed and public key, 64 bytes
	PublicPrefix     = "whpk_"  // an ed25519 public key, 32 bytes
)

const signingSize = 32 // bytes: as many as SHA-256 can make use of

// ErrKey reports a text that is not a key of the kind its prefix claims.
var ErrKey = errors.New("not a valid signing key")

// NewSigning returns a new random symmetric signing secret, whsec_….
func NewSigning() Secret {
	var key [signingSize]byte
	rand.Read(key[:]) // never fails: the process ends if the system has no randomness
	return New(SigningPrefix + base64.StdEncoding.EncodeToString(key[:]))
}

// NewAsymmetric returns a new random ed25519 signing secret, whsk_….
func NewAsymmetric() Secret {
	var seed [ed25519.SeedSize]byte
	rand.Read(seed[:])
	return New(AsymmetricPrefix + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed[:])))
}

// IsAsymmetric says whether the text is either half of an ed25519 pair, by its
// prefix. Such a text is never the key of an HMAC: the public half is known to
// everyone, who could then sign with it.
func (s Secret) IsAsymmetric() bool {
	return strings.HasPrefix(s.Reveal(), AsymmetricPrefix) || strings.HasPrefix(s.Reveal(), PublicPrefix)
}

// SymmetricKey returns the bytes that Standard Webhooks signs with: what
// follows whsec_, decoded, or the bytes of any other text. It fails with
// ErrKey for an empty key, for one that is not base64 after the prefix, and
// for an asymmetric one.
func (s Secret) SymmetricKey() ([]byte, error) {
	text := s.Reveal()
	if encoded, ok := strings.CutPrefix(text, SigningPrefix); ok {
		return decode(SigningPrefix, encoded)
	}
	if text == "" || s.IsAsymmetric() {
		return nil, fmt.Errorf("%w: want a symmetric one", ErrKey)
	}
	return []byte(text), nil
}

// PrivateKey returns the ed25519 key of a whsk_ secret. Both usual forms are
// understood: 32 bytes of seed, and 64 bytes of seed and public key.
func (s Secret) PrivateKey() (ed25519.PrivateKey, error) {
	encoded, ok := strings.CutPrefix(s.Reveal(), AsymmetricPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: want one that begins with %s", ErrKey, AsymmetricPrefix)
	}
	key, err := decode(AsymmetricPrefix, encoded)
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.SeedSize && len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: %d bytes, want %d or %d", ErrKey, len(key), ed25519.SeedSize, ed25519.PrivateKeySize)
	}
	// A public half that does not belong to the seed would sign what nobody
	// can verify, and give the seed away to whoever compares two signatures.
	private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	if len(key) == ed25519.PrivateKeySize && !private.Equal(ed25519.PrivateKey(key)) {
		return nil, fmt.Errorf("%w: the public half is of another key", ErrKey)
	}
	return private, nil
}

// PublicKey returns the text, whpk_…, that the receivers of what a whsk_
// secret signs need.
func (s Secret) PublicKey() (string, error) {
	private, err := s.PrivateKey()
	if err != nil {
		return "", err
	}
	return PublicPrefix + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)), nil
}

// ParsePublicKey is the inverse of PublicKey.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	encoded, ok := strings.CutPrefix(text, PublicPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: want one that begins with %s", ErrKey, PublicPrefix)
	}
	key, err := decode(PublicPrefix, encoded)
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrKey, len(key), ed25519.PublicKeySize)
	}
	return key, nil
}

// decode returns the bytes after a prefix. Its errors never quote the text.
func decode(prefix, encoded string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("%w: want base64 after %s", ErrKey, prefix)
	}
	return key, nil
}
