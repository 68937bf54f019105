package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// What a signing secret that somebody brings along must be, in bytes. Keys
// after whsec_ count as what they decode to.
const (
	minSecret = 16
	maxSecret = 512
)

// MaxGrace is how long an old secret can go on signing beside a new one.
const MaxGrace = 30 * 24 * time.Hour

// checkSecret reports a secret that is easily guessed or cannot sign.
func checkSecret(s secret.Secret) (faults []endpoint.FieldError) {
	check := func(ok bool, detail string) {
		if !ok && faults == nil {
			faults = []endpoint.FieldError{{Field: "secret", Detail: detail}}
		}
	}
	text := s.Reveal()
	check(len(text) <= maxSecret && event.ValidText(text), fmt.Sprintf("must be at most %d bytes of UTF-8 without control characters", maxSecret))
	if s.IsAsymmetric() {
		_, err := s.PrivateKey()
		check(err == nil, "must be a private ed25519 key: whsk_ and base64")
		return faults
	}
	size := len(text)
	if key, err := s.SymmetricKey(); err == nil {
		size = len(key)
	}
	check(size >= minSecret, fmt.Sprintf("must be at least %d bytes", minSecret))
	return faults
}

// seal makes a secret ready to be stored with an object of an organization: an
// endpoint, by its id, or a connector.
func (e *Engine) seal(org, object string, value secret.Secret) endpoint.Secret {
	id := "sec_" + ledger.NewID().String()
	return endpoint.Secret{
		ID: id, Sealed: e.box.Seal(value, secret.AAD(org, object, id)),
		Last4: value.Last4(), CreatedAt: e.now(),
	}
}

func sameSecret(a, b endpoint.Secret) bool {
	return a.ID == b.ID && bytes.Equal(a.Sealed, b.Sealed) && a.Last4 == b.Last4 && a.CreatedAt == b.CreatedAt && a.ExpiresAt == b.ExpiresAt
}

// RotateSecret gives an endpoint a new signing secret and returns it, for the
// only time: given, or a generated one of the kind of the newest if given is
// the zero Secret. The old ones sign beside it for the time of grace, 0 to
// MaxGrace, unless they end earlier; with 0 they are dropped at once, and no
// attempt that starts after the return is signed with them. The error may be
// *InvalidError: among others, more than endpoint.MaxSecrets at a time.
func (e *Engine) RotateSecret(ctx context.Context, org, id string, given secret.Secret, grace time.Duration, audit ledger.Audit) (*endpoint.Endpoint, secret.Secret, error) {
	if grace < 0 || grace > MaxGrace {
		return nil, secret.Secret{}, invalid("grace_seconds", fmt.Sprintf("must lie between 0 and %d", int(MaxGrace.Seconds())))
	}
	now, err := e.endpoint(org, id)
	switch {
	case err != nil:
		return nil, secret.Secret{}, err
	case now.Kind != endpoint.Webhook:
		return nil, secret.Secret{}, invalid("kind", "must be webhook: others are not signed")
	}
	if given.IsZero() {
		if given, err = e.generateLike(now); err != nil {
			return nil, secret.Secret{}, err
		}
	}
	if faults := checkSecret(given); len(faults) > 0 {
		return nil, secret.Secret{}, &InvalidError{Fields: faults}
	}
	fresh := e.seal(org, now.ID, given)
	rotated, err := e.change(ctx, org, id, 0, audit, func(now, next *endpoint.Endpoint) error {
		kept, ended := expiring(now.Secrets, fresh.CreatedAt, grace)
		next.Secrets = append([]endpoint.Secret{fresh}, kept...)
		next.Retired = e.remembered(append(ended, now.Retired...), fresh.CreatedAt)
		if len(next.Secrets) > endpoint.MaxSecrets {
			return invalid("secrets", fmt.Sprintf("must not be more than %d at a time: rotate with a shorter grace", endpoint.MaxSecrets))
		}
		return e.checkSigner(next)
	})
	if err != nil {
		return nil, secret.Secret{}, err
	}
	return rotated, given, nil
}

// generateLike makes a secret of the same kind as the endpoint's newest.
func (e *Engine) generateLike(of *endpoint.Endpoint) (secret.Secret, error) {
	if len(of.Secrets) > 0 {
		newest, err := e.open(of.Organization, of.ID, of.Secrets[0])
		if err != nil {
			return secret.Secret{}, err
		}
		if newest.IsAsymmetric() {
			return secret.NewAsymmetric(), nil
		}
	}
	return secret.NewSigning(), nil
}

// expiring are the old secrets, now that there is a new one: those that are
// still good for a while at a time, Unix ms, and those that end with it.
func expiring(old []endpoint.Secret, at int64, grace time.Duration) (kept, ended []endpoint.Secret) {
	until := at + grace.Milliseconds()
	for _, s := range old {
		if s.ExpiresAt == 0 || s.ExpiresAt > until {
			s.ExpiresAt = until
		}
		if s.ExpiresAt > at {
			kept = append(kept, s)
		} else {
			ended = append(ended, s)
		}
	}
	return kept, ended
}

// remembered are the ended secrets that can have signed what history still
// shows: nothing is shown for longer than retention after its event came in.
func (e *Engine) remembered(ended []endpoint.Secret, at int64) []endpoint.Secret {
	if keep := e.options.Retention; keep > 0 {
		ended = slices.DeleteFunc(ended, func(s endpoint.Secret) bool { return s.ExpiresAt < at-keep.Milliseconds() })
	}
	return ended[:min(len(ended), endpoint.MaxRetired)]
}

// open is the inverse of seal.
func (e *Engine) open(org, object string, stored endpoint.Secret) (secret.Secret, error) {
	value, err := e.box.Open(stored.Sealed, secret.AAD(org, object, stored.ID))
	if err != nil {
		return secret.Secret{}, fmt.Errorf("open secret %s of %s: %w", stored.ID, object, err)
	}
	return value, nil
}

// SigningSecret is a secret that an endpoint's deliveries are signed with.
type SigningSecret struct {
	ID        string
	Value     secret.Secret
	CreatedAt int64 // Unix ms
	ExpiresAt int64 // Unix ms; 0 = does not expire
}

// Secrets opens the secrets that sign now, newest first. Whether the caller may
// see them is for the caller to know.
func (e *Engine) Secrets(org, id string) ([]SigningSecret, error) {
	of, err := e.endpoint(org, id)
	if err != nil {
		return nil, err
	}
	var list []SigningSecret
	for _, s := range of.Secrets {
		if s.ExpiresAt != 0 && s.ExpiresAt <= e.now() {
			continue
		}
		value, err := e.open(org, of.ID, s)
		if err != nil {
			return nil, err
		}
		list = append(list, SigningSecret{ID: s.ID, Value: value, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt})
	}
	return list, nil
}

// Signature is the value of the header that signed an attempt of a delivery;
// payload is what the attempt sent. It is worked out again from the secrets of
// the time, the last endpoint.MaxRetired of which are kept until retention takes
// what they signed. "" = there was no signature, or it was made by a secret from
// before.
func (e *Engine) Signature(d *ledger.Delivery, a *delivery.Attempt, payload []byte) (string, error) {
	if a.Secret == "" {
		return "", nil
	}
	of := d.Endpoint
	var keys []sign.Key
	for _, stored := range slices.Concat(of.Secrets, of.Retired) {
		value, err := e.open(of.Organization, of.ID, stored)
		if err != nil {
			return "", err
		}
		keys = append(keys, sign.Key{ID: stored.ID, Value: value, NotAfter: stored.ExpiresAt})
	}
	return sign.Recall(sign.Set(a.Schemes), keys, a.Secret, &sign.Message{
		ID: event.FormatID(d.Event.ID, d.Event.Livemode), At: a.At, Body: payload,
	}), nil
}
