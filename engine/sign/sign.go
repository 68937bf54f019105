// Package sign proves to receivers who sent a delivery, and checks that proof
// for those who receive.
//
//	schemes, prefix, keys ─▶ New ─▶ Signer ── Sign(headers, message) ─▶ headers
//
//	Verifier{scheme, keys} ── Verify(headers, body, now) ─▶ key id or error
//
// The schemes are the ones that receivers already have code for:
//
//	scheme       header                                 signed content
//	standard     webhook-id, webhook-timestamp
//	             webhook-signature: v1,<base64> v1a,…   <id>.<timestamp>.<body>
//	stripe       Stripe-Signature: t=…,v1=<hex>,…       <timestamp>.<body>
//	timestamped  <Prefix>-Signature: t=…,v1=<hex>,…     <timestamp>.<body>
//	             <Prefix>-Event: <event type>
//	github       X-Hub-Signature-256: sha256=<hex>      <body>
//	bearer       Authorization: Bearer <secret>         nothing
//
// v1 is HMAC-SHA256 and v1a is ed25519; timestamps are Unix seconds of the
// attempt, not of the event. Every scheme also sends <Prefix>-Delivery with
// the delivery's id, since the ids in the signed headers and in the body are
// the event's, the same for every endpoint.
//
// While a secret is being rotated, old and new sign side by side, each header
// carrying one signature per key. github and bearer have room for one: they
// use the newest.
//
// For standard, the key is what follows whsec_, decoded from base64; for all
// other schemes it is the secret's whole text, prefix included, as the
// libraries of those who invented them do. A secret without the prefix is its
// bytes everywhere. An ed25519 secret, whsk_…, takes part in standard only.
//
// Signing is a pure function of its arguments: it reads no clock. A signature
// allocates nothing and costs little more than its SHA-256; one by ed25519
// costs about thirty times as much.
package sign

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// Scheme is a way to sign a delivery.
type Scheme uint8

// The schemes. Their numbers are stored and must not change.
const (
	Standard    Scheme = 1 // Standard Webhooks
	Stripe      Scheme = 2 // as Stripe signs
	Timestamped Scheme = 3 // as Stripe signs, in a header of the operator's prefix
	GitHub      Scheme = 4 // as GitHub signs
	Bearer      Scheme = 5 // no signature: the secret itself
)

var schemeNames = [...]string{Standard: "standard", Stripe: "stripe", Timestamped: "timestamped", GitHub: "github", Bearer: "bearer"}

// ParseScheme returns the scheme of that name.
func ParseScheme(name string) (Scheme, error) {
	for scheme := Standard; scheme <= Bearer; scheme++ {
		if schemeNames[scheme] == name {
			return scheme, nil
		}
	}
	return 0, fmt.Errorf("unknown signature scheme %q: want one of %s", name, strings.Join(schemeNames[Standard:], ", "))
}

// String returns the scheme's name, the inverse of ParseScheme.
func (s Scheme) String() string {
	if s < Standard || s > Bearer {
		return fmt.Sprintf("Scheme(%d)", uint8(s))
	}
	return schemeNames[s]
}

// Key is a secret with a time until which it is good.
type Key struct {
	ID       string        // names the key in the history; never sent
	Value    secret.Secret // never empty
	NotAfter int64         // Unix milliseconds from which it no longer counts; 0 = for ever
}

// valid says whether the key counts at that time.
func (k Key) valid(at int64) bool { return k.NotAfter == 0 || at < k.NotAfter }

// Message is one attempt to deliver something. The ids and the type become
// header values: they are visible ASCII.
type Message struct {
	ID         string // the event's id: the same for every endpoint and attempt
	EventType  string
	DeliveryID string // "" leaves <Prefix>-Delivery out
	At         int64  // when the attempt is made, in Unix milliseconds
	Now        int64  // the time by which keys end, by a clock that is not set; 0 = At
	Body       []byte // borrowed
}

// now is the time by which keys end.
func (m *Message) now() int64 { return cmp.Or(m.Now, m.At) }

// Header names, as they are sent.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerStandard  = "webhook-signature"
	headerStripe    = "Stripe-Signature"
	headerGitHub    = "X-Hub-Signature-256"
	headerBearer    = "Authorization"

	bearerPrefix = "Bearer "
)

// DefaultPrefix begins the names of the headers that are not fixed by a
// scheme.
const DefaultPrefix = "X-Webhook"

const maxPrefix = 32 // characters; receivers cope with names far longer than "<Prefix>-Signature"

// ErrPrefix reports a header prefix that cannot be used.
var ErrPrefix = errors.New("header prefix")

// ValidatePrefix checks a header prefix: 1 to 32 letters, digits and inner
// hyphens, beginning with a letter, and none whose headers would be another
// scheme's (Stripe-Signature, webhook-signature).
func ValidatePrefix(prefix string) error {
	if prefix == "" || len(prefix) > maxPrefix {
		return fmt.Errorf("%w %q: want 1 to %d characters", ErrPrefix, prefix, maxPrefix)
	}
	for i, c := range []byte(prefix) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		inner := i > 0 && ('0' <= c && c <= '9' || c == '-')
		if !letter && !inner {
			return fmt.Errorf("%w %q: want letters, digits and hyphens, beginning with a letter", ErrPrefix, prefix)
		}
	}
	if strings.HasSuffix(prefix, "-") {
		return fmt.Errorf("%w %q: ends in a hyphen", ErrPrefix, prefix)
	}
	for _, taken := range []string{headerStandard, headerStripe} {
		if strings.EqualFold(prefix+"-Signature", taken) {
			return fmt.Errorf("%w %q: %s belongs to another scheme", ErrPrefix, prefix, taken)
		}
	}
	return nil
}
