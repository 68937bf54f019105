package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// ErrKey reports a key that a scheme cannot sign with, or the lack of one that
// lasts.
var ErrKey = errors.New("signing key")

// signingKey is a Key made ready for the schemes of one signer. It is only
// handled by pointer, and so is what can sign in it: fmt follows one pointer
// at most, so that nothing which holds a Signer shows more than addresses.
type signingKey struct {
	Key
	decoded *hmacKey // signs v1 of Standard; nil for an ed25519 key
	private *[ed25519.PrivateKeySize]byte
	whole   *hmacKey // signs for Stripe, Timestamped, GitHub; nil for an ed25519 key
}

// symmetric says whether the key takes part in other schemes than Standard.
func (k *signingKey) symmetric() bool { return k.private == nil }

func newSigningKey(k Key, schemes []Scheme) (*signingKey, error) {
	if k.Value.IsZero() {
		return nil, fmt.Errorf("%w %q: empty", ErrKey, k.ID)
	}
	ready := &signingKey{Key: k}
	if k.Value.IsAsymmetric() {
		private, err := k.Value.PrivateKey()
		if err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrKey, k.ID, err)
		}
		ready.private = (*[ed25519.PrivateKeySize]byte)(private)
		return ready, nil
	}
	for _, scheme := range schemes {
		switch scheme {
		case Standard:
			key, err := k.Value.SymmetricKey()
			if err != nil {
				return nil, fmt.Errorf("%w %q: %w", ErrKey, k.ID, err)
			}
			ready.decoded = newHMACKey(key)
		case Bearer:
			if !visible(k.Value) {
				return nil, fmt.Errorf("%w %q: a bearer token must be visible ASCII", ErrKey, k.ID)
			}
		case Stripe, Timestamped, GitHub:
			ready.whole = newHMACKey([]byte(k.Value.Reveal()))
		}
	}
	return ready, nil
}

// visible says whether the secret can be a header value: nothing in it ends
// the header, begins another or is lost at its edges.
func visible(s secret.Secret) bool {
	for _, c := range []byte(s.Reveal()) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// hmacKey is a key for HMAC-SHA256: the two SHA-256 states after the padded
// key has been written, in their binary form.
//
// crypto/hmac does the same inside a hash that is not safe for concurrent use
// and takes 0.6 KB; one would be needed per key and running delivery. This is
// 0.2 KB per key, read by any number of goroutines, each with the hash in its
// Headers.
type hmacKey struct {
	inner, outer []byte
}

func newHMACKey(key []byte) *hmacKey {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	return &hmacKey{inner: padded(key, 0x36), outer: padded(key, 0x5c)}
}

// padded returns the state of SHA-256 after one block: the key, xored with the
// pad (RFC 2104).
func padded(key []byte, pad byte) []byte {
	block := bytes.Repeat([]byte{pad}, sha256.BlockSize)
	for i, b := range key {
		block[i] ^= b
	}
	sha := sha256.New()
	sha.Write(block)
	state, err := sha.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("sign: SHA-256 without a binary form: " + err.Error())
	}
	return state
}
