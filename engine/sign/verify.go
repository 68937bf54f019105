package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// Why a message is not accepted. ErrNoMatch means that someone else may have
// sent it; the others say what the sender did wrong.
var (
	ErrMissingHeader = errors.New("signature header is missing")
	ErrMalformed     = errors.New("signature header is malformed")
	ErrTimestamp     = errors.New("timestamp is too far from now")
	ErrNoMatch       = errors.New("no signature matches")
)

// DefaultTolerance is how far a timestamp may be from now, either way.
const DefaultTolerance = 5 * time.Minute

// maxTimestamp, in seconds, lies in the year 36812: what is beyond it is no
// time, and could overflow a subtraction.
const maxTimestamp = 1 << 40

// Verifier checks who sent a message. It computes its HMACs with the standard
// library alone, so that it checks the Signer as well. It is safe for
// concurrent use while nobody changes it.
type Verifier struct {
	Scheme    Scheme
	Prefix    string        // for Timestamped; "" is DefaultPrefix
	Keys      []Key         // in any order; for v1a of Standard a whpk_ public key serves as well as a whsk_ one
	Tolerance time.Duration // 0 is DefaultTolerance; negative accepts any timestamp
}

// signature is one of those in a header.
type signature struct {
	version string // "v1", "v1a", …
	bytes   []byte
}

// Verify returns the id of the key that signed the body, or why none did:
// ErrMissingHeader, ErrMalformed, ErrTimestamp, ErrNoMatch, or ErrKey when the
// verifier's own keys are at fault. header returns the value of the header of
// a name, whose case does not matter, and "" without one; now is in Unix
// milliseconds. Keys whose NotAfter is not after now do not count. One
// signature that matches is enough; versions other than v1 and v1a are
// ignored, so that an old one (Stripe's v0) lends nobody trust.
func (v Verifier) Verify(header func(name string) string, body []byte, now int64) (keyID string, err error) {
	switch v.Scheme {
	case Standard:
		return v.standard(header, body, now)
	case Stripe:
		return v.stripe(headerStripe, header, body, now)
	case Timestamped:
		prefix := v.Prefix
		if prefix == "" {
			prefix = DefaultPrefix
		}
		return v.stripe(prefix+"-Signature", header, body, now)
	case GitHub:
		return v.github(header, body, now)
	case Bearer:
		return v.bearer(header, now)
	}
	return "", fmt.Errorf("unknown signature scheme %d", v.Scheme)
}

func (v Verifier) standard(header func(string) string, body []byte, now int64) (string, error) {
	var values [3]string
	for i, name := range []string{headerID, headerTimestamp, headerStandard} {
		if values[i] = header(name); values[i] == "" {
			return "", fmt.Errorf("%w: %s", ErrMissingHeader, name)
		}
	}
	id, timestamp, list := values[0], values[1], values[2]
	if err := v.checkTimestamp(timestamp, now); err != nil {
		return "", err
	}
	var signatures []signature
	for entry := range strings.SplitSeq(list, " ") {
		version, encoded, _ := strings.Cut(entry, ",")
		if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			signatures = append(signatures, signature{version, decoded})
		}
	}
	content := append([]byte(id+"."+timestamp+"."), body...)
	return v.match(signatures, content, now, standardMatcher)
}

func (v Verifier) stripe(name string, header func(string) string, body []byte, now int64) (string, error) {
	value := header(name)
	if value == "" {
		return "", fmt.Errorf("%w: %s", ErrMissingHeader, name)
	}
	var timestamp string
	var signatures []signature
	for entry := range strings.SplitSeq(value, ",") {
		key, text, found := strings.Cut(entry, "=")
		switch {
		case !found || strings.Contains(text, "="):
			return "", fmt.Errorf("%w: %s has an entry that is not key=value", ErrMalformed, name)
		case key == "t" && timestamp == "":
			timestamp = text
		default:
			if decoded, err := hex.DecodeString(text); err == nil {
				signatures = append(signatures, signature{key, decoded})
			}
		}
	}
	if err := v.checkTimestamp(timestamp, now); err != nil {
		return "", err
	}
	content := append([]byte(timestamp+"."), body...)
	return v.match(signatures, content, now, wholeMatcher)
}

func (v Verifier) github(header func(string) string, body []byte, now int64) (string, error) {
	value := header(headerGitHub)
	if value == "" {
		return "", fmt.Errorf("%w: %s", ErrMissingHeader, headerGitHub)
	}
	encoded, found := strings.CutPrefix(value, "sha256=")
	decoded, err := hex.DecodeString(encoded)
	if !found || err != nil {
		return "", fmt.Errorf("%w: %s is not sha256=<hex>", ErrMalformed, headerGitHub)
	}
	return v.match([]signature{{"v1", decoded}}, body, now, wholeMatcher)
}

func (v Verifier) bearer(header func(string) string, now int64) (string, error) {
	value := header(headerBearer)
	if value == "" {
		return "", fmt.Errorf("%w: %s", ErrMissingHeader, headerBearer)
	}
	scheme, token, found := strings.Cut(value, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", fmt.Errorf("%w: %s is not Bearer <secret>", ErrMalformed, headerBearer)
	}
	return v.match([]signature{{"v1", []byte(token)}}, nil, now, bearerMatcher)
}

// checkTimestamp reads a timestamp in Unix seconds and compares it with now.
func (v Verifier) checkTimestamp(text string, now int64) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > maxTimestamp {
		return fmt.Errorf("%w: timestamp %q", ErrMalformed, text)
	}
	tolerance := v.Tolerance
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	apart := now - seconds*1000
	if tolerance > 0 && max(apart, -apart) > tolerance.Milliseconds() {
		return fmt.Errorf("%w: %d s, allowed are %d", ErrTimestamp, apart/1000, int64(tolerance.Seconds()))
	}
	return nil
}

// matcher says whether a signature is that of the content it was made for. A
// nil matcher belongs to a key that takes no part in a scheme.
type matcher func(s signature) bool

// match returns the id of the first key that made one of the signatures.
func (v Verifier) match(signatures []signature, content []byte, now int64, of func(secret.Secret, []byte) (matcher, error)) (string, error) {
	for _, k := range v.Keys {
		if !k.valid(now) {
			continue
		}
		// Anyone can make an HMAC with an empty key.
		if k.Value.IsZero() {
			return "", fmt.Errorf("%w %q: empty", ErrKey, k.ID)
		}
		matches, err := of(k.Value, content)
		if err != nil {
			return "", fmt.Errorf("%w %q: %w", ErrKey, k.ID, err)
		}
		for _, s := range signatures {
			if matches != nil && matches(s) {
				return k.ID, nil
			}
		}
	}
	return "", ErrNoMatch
}

func standardMatcher(key secret.Secret, content []byte) (matcher, error) {
	if !key.IsAsymmetric() {
		decoded, err := key.SymmetricKey()
		return hmacMatcher(decoded, content), err
	}
	public, err := publicKey(key)
	if err != nil {
		return nil, err
	}
	return func(s signature) bool {
		return s.version == "v1a" && ed25519.Verify(public, content, s.bytes)
	}, nil
}

func wholeMatcher(key secret.Secret, content []byte) (matcher, error) {
	if key.IsAsymmetric() {
		return nil, nil
	}
	return hmacMatcher([]byte(key.Reveal()), content), nil
}

func bearerMatcher(key secret.Secret, _ []byte) (matcher, error) {
	if key.IsAsymmetric() {
		return nil, nil
	}
	return func(s signature) bool { return key.Equal(secret.New(string(s.bytes))) }, nil
}

func hmacMatcher(key, content []byte) matcher {
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	want := mac.Sum(nil)
	return func(s signature) bool { return s.version == "v1" && hmac.Equal(s.bytes, want) }
}

// publicKey returns what verifies v1a: the key itself or the public half of a
// private one.
func publicKey(key secret.Secret) (ed25519.PublicKey, error) {
	text := key.Reveal()
	if strings.HasPrefix(text, secret.AsymmetricPrefix) {
		private, err := key.PrivateKey()
		if err != nil {
			return nil, err
		}
		return private.Public().(ed25519.PublicKey), nil
	}
	return secret.ParsePublicKey(text)
}
