package httpapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Answers keeps the answers to operations that were asked for with an
// idempotency key. It must be safe for concurrent use. An answer can hold a
// secret, so what reaches a disk is encrypted.
type Answers interface {
	// Answer returns what Keep was given for the key, until it expires.
	Answer(organization string, key [sha256.Size]byte) (Answer, bool, error)

	// Keep stores an answer durably. It is called after the operation took
	// effect and before it is answered; a crash in between leaves an operation
	// done and its answer unknown, and a repetition then executes it again.
	Keep(organization string, key [sha256.Size]byte, a Answer) error
}

// Answer is a response to be repeated.
type Answer struct {
	Fingerprint [16]byte // of the request's content
	Status      int
	ContentType string
	Body        []byte
	ExpiresAt   int64 // Unix ms
}

const (
	answerLifetime   = 24 * time.Hour
	maxOnceKeyLength = 255
)

// once executes operations that carry an Idempotency-Key at most once within
// the key's lifetime. A key is bound to organization, method and path. Only
// successes are kept: a failed operation did nothing, and may be tried again
// under the same key.
type once struct {
	answers Answers
	mu      struct {
		sync.Mutex
		running map[[sha256.Size]byte]struct{}
	}
}

func newOnce(answers Answers) *once {
	o := &once{answers: answers}
	o.mu.running = map[[sha256.Size]byte]struct{}{}
	return o
}

// do runs the handler of c's route, or repeats its first answer.
func (o *once) do(c *wire.Ctx) error {
	given := c.Request.Header.Peek("Idempotency-Key")
	if len(given) == 0 || o.answers == nil {
		return c.Route.Handle(c)
	}
	if err := checkOnceKey(given); err != nil {
		return err
	}
	c.SetHeader("Idempotency-Key", string(given))
	key := digest([]byte(c.Organization), c.Method(), c.URI().PathOriginal(), given)
	policy := c.Dialect.Idempotency
	if !o.enter(key) {
		return cmp.Or(policy.InUse, wire.KeyInUse())
	}
	defer o.leave(key)

	content := digest(c.URI().QueryString(), c.PostBody())
	fingerprint := [16]byte(content[:16])
	kept, ok, err := o.answers.Answer(c.Organization, key)
	switch {
	case err != nil:
		return err
	case ok && kept.Fingerprint != fingerprint:
		return cmp.Or(policy.Reused, wire.KeyReused())
	case ok:
		c.SetHeader("Idempotent-Replayed", "true")
		c.SetStatusCode(kept.Status)
		c.SetContentType(kept.ContentType)
		c.SetBody(kept.Body)
		return nil
	}
	if err := c.Route.Handle(c); err != nil {
		return err
	}
	if status := c.Response.StatusCode(); status < 200 || status > 299 {
		return nil
	}
	return o.answers.Keep(c.Organization, key, Answer{
		Fingerprint: fingerprint,
		Status:      c.Response.StatusCode(),
		ContentType: string(c.Response.Header.ContentType()),
		Body:        c.Response.Body(),
		ExpiresAt:   time.Now().Add(cmp.Or(policy.Lifetime, answerLifetime)).UnixMilli(),
	})
}

func (o *once) enter(key [sha256.Size]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, busy := o.mu.running[key]; busy {
		return false
	}
	o.mu.running[key] = struct{}{}
	return true
}

func (o *once) leave(key [sha256.Size]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.mu.running, key)
}

// checkOnceKey accepts what both SDKs and the IETF draft send: visible ASCII
// and spaces.
func checkOnceKey(key []byte) error {
	if len(key) > maxOnceKeyLength {
		return wire.BadRequest(wire.CodeBadRequest, "Idempotency-Key is longer than %d characters", maxOnceKeyLength)
	}
	for _, b := range key {
		if b < ' ' || b > '~' {
			return wire.BadRequest(wire.CodeBadRequest, "Idempotency-Key has characters other than printable ASCII")
		}
	}
	return nil
}

// digest hashes parts so that no two lists of parts look the same.
func digest(parts ...[]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
