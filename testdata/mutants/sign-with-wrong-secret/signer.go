package sign

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Signer signs what is sent to one endpoint. It never changes, so any number
// of goroutines may use it, each with its own Headers; what changes (keys,
// schemes) makes a new one.
type Signer struct {
	schemes []Scheme
	keys    []*signingKey // newest first; each is used by some scheme

	signature, event, delivery string // names of the prefixed headers
}

// New returns a signer that adds the headers of every given scheme. The prefix
// is for the headers that no scheme fixes; "" is DefaultPrefix. Keys come
// newest first, and for each scheme one that it can use must have no NotAfter,
// so that nothing is ever sent unsigned because time went by. Faults of keys
// are ErrKey, those of the prefix ErrPrefix.
func New(schemes []Scheme, prefix string, keys []Key) (*Signer, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if err := ValidatePrefix(prefix); err != nil {
		return nil, err
	}
	if err := validateSchemes(schemes); err != nil {
		return nil, err
	}
	s := &Signer{
		schemes:   slices.Clone(schemes),
		signature: prefix + "-Signature",
		event:     prefix + "-Event",
		delivery:  prefix + "-Delivery",
	}
	standard := slices.Contains(schemes, Standard)
	for _, k := range keys {
		ready, err := newSigningKey(k, schemes)
		if err != nil {
			return nil, err
		}
		if standard || ready.symmetric() {
			s.keys = append(s.keys, ready)
		}
	}
	for _, scheme := range schemes {
		lasts := func(k *signingKey) bool {
			return k.NotAfter == 0 && (scheme == Standard || k.symmetric())
		}
		if !slices.ContainsFunc(s.keys, lasts) {
			return nil, fmt.Errorf("%w: scheme %s has none that lasts", ErrKey, scheme)
		}
	}
	return s, nil
}

func validateSchemes(schemes []Scheme) error {
	if len(schemes) == 0 {
		return errors.New("no signature scheme")
	}
	for i, scheme := range schemes {
		if scheme < Standard || scheme > Bearer {
			return fmt.Errorf("unknown signature scheme %d", scheme)
		}
		if slices.Contains(schemes[:i], scheme) {
			return fmt.Errorf("signature scheme %s is given twice", scheme)
		}
	}
	return nil
}

// Sign appends the message's headers to h and returns the id of the newest key
// that signed. Keys whose NotAfter is not after m.Now do not sign.
func (s *Signer) Sign(h *Headers, m *Message) (keyID string) {
	for _, scheme := range s.schemes {
		switch scheme {
		case Standard:
			h.standard(m, s.keys)
		case Stripe:
			h.stripe(headerStripe, m, s.keys)
		case Timestamped:
			h.stripe(s.signature, m, s.keys)
			h.begin(s.event)
			h.values = append(h.values, m.EventType...)
		case GitHub:
			h.github(m, s.keys)
		case Bearer:
			h.bearer(m, s.keys)
		}
	}
	if m.DeliveryID != "" {
		h.begin(s.delivery)
		h.values = append(h.values, m.DeliveryID...)
	}
	for _, key := range s.keys {
		if key.valid(m.now()) {
			return key.ID
		}
	}
	return ""
}

// standard appends the headers of Standard Webhooks, with a signature of every
// key, separated by spaces.
func (h *Headers) standard(m *Message, keys []*signingKey) {
	h.text = append(h.text[:0], m.ID...)
	h.text = append(h.text, '.')
	h.text = strconv.AppendInt(h.text, m.At/1000, 10)
	h.text = append(h.text, '.')
	prefix := len(h.text)
	h.begin(headerID)
	h.values = append(h.values, m.ID...)
	h.begin(headerTimestamp)
	h.values = append(h.values, h.text[len(m.ID)+1:prefix-1]...)
	h.begin(headerStandard)
	separator := ""
	for _, key := range keys {
		if !key.valid(m.now()) {
			continue
		}
		h.values = append(h.values, separator...)
		separator = " "
		if key.symmetric() {
			h.values = append(h.values, "v1,"...)
			h.values = base64.StdEncoding.AppendEncode(h.values, h.mac(keys[len(keys)-1].decoded, m.Body))
			continue
		}
		// ed25519 wants the whole content in one piece.
		h.text = append(h.text, m.Body...)
		h.values = append(h.values, "v1a,"...)
		h.values = base64.StdEncoding.AppendEncode(h.values, ed25519.Sign(key.private[:], h.text))
		h.text = h.text[:prefix]
	}
}

// stripe appends a header of timestamp and signatures. Parsers of it split at
// commas and then at the equals sign, so there is no space and no base64.
func (h *Headers) stripe(name string, m *Message, keys []*signingKey) {
	h.begin(name)
	h.text = strconv.AppendInt(h.text[:0], m.At/1000, 10)
	h.values = append(h.values, "t="...)
	h.values = append(h.values, h.text...)
	h.text = append(h.text, '.')
	for _, key := range keys {
		if key.symmetric() && key.valid(m.now()) {
			h.values = append(h.values, ",v1="...)
			h.values = hex.AppendEncode(h.values, h.mac(key.whole, m.Body))
		}
	}
}

func (h *Headers) github(m *Message, keys []*signingKey) {
	if key := newest(keys, m.now()); key != nil {
		h.begin(headerGitHub)
		h.text = h.text[:0]
		h.values = append(h.values, "sha256="...)
		h.values = hex.AppendEncode(h.values, h.mac(key.whole, m.Body))
	}
}

func (h *Headers) bearer(m *Message, keys []*signingKey) {
	if key := newest(keys, m.now()); key != nil {
		h.begin(headerBearer)
		h.values = append(h.values, bearerPrefix...)
		h.values = append(h.values, key.Value.Reveal()...)
	}
}

// newest returns the first symmetric key that counts at that time. There is one:
// New wants one that lasts.
func newest(keys []*signingKey, at int64) *signingKey {
	for _, key := range keys {
		if key.symmetric() && key.valid(at) {
			return key
		}
	}
	return nil
}
