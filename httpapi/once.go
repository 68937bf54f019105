package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Answers keeps what operations that were asked for with an idempotency key
// were answered. It must be safe for concurrent use. An answer can hold a
// secret: what reaches a disk must be encrypted.
type Answers interface {
	// Answer returns what was kept last under a key of an organization and has
	// not expired.
	Answer(organization, key string) (answer secret.Secret, found bool, err error)

	// KeepAnswer keeps an answer durably for so long.
	KeepAnswer(ctx context.Context, organization, key string, answer secret.Secret, lifetime time.Duration) error
}

const (
	answerLifetime   = 24 * time.Hour
	maxOnceKeyLength = 255

	// maxCanonical is the largest body that is brought into canonical form, many
	// times what any operation needs. It takes some 70 times as much memory.
	maxCanonical = 128 << 10
)

// once executes operations that carry an Idempotency-Key once within the key's
// lifetime, and gives a repetition the first answer again. A key is bound to
// organization, method and path. Only successes are kept: a failed operation did
// nothing, and may be tried again under the same key. While one is under way,
// another with its key is refused; it does not wait, which would let one client
// hold many connections.
//
// Another API key of the organization may repeat a request if it has all rights
// of the first: an answer can hold what only those could ask for, such as the
// text of a key with the same rights.
//
// The answer is written after the operation and before it is sent: two appends
// to the log, milliseconds apart. If the server dies between the two, or the
// second fails, the operation is done and nobody knows its answer; a repetition
// then executes it again. For verbs that is the same again, for a creation a
// second object. In exchange no key is ever stuck in "somebody may have begun
// this".
type once struct {
	answers Answers
	logger  *slog.Logger
	mu      struct {
		sync.Mutex
		running map[string]struct{} // by organization and key
	}
}

func newOnce(answers Answers, logger *slog.Logger) *once {
	o := &once{answers: answers, logger: logger}
	o.mu.running = map[string]struct{}{}
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
	policy := c.Dialect.Idempotency
	key := string(c.Method()) + " " + string(c.URI().PathOriginal()) + " " + string(given)
	if !o.enter(c.Organization, key) {
		return cmp.Or(policy.InUse, wire.KeyInUse())
	}
	defer o.leave(c.Organization, key)

	fingerprint := fingerprintOf(c)
	text, found, err := o.answers.Answer(c.Organization, key)
	if err != nil {
		return err
	}
	if found {
		return repeat(c, text, fingerprint)
	}
	if err := c.Route.Handle(c); err != nil {
		return err
	}
	if status := c.Response.StatusCode(); status < 200 || status > 299 {
		return nil
	}
	made, err := answerOf(c, fingerprint)
	if err != nil {
		return err
	}
	if err := o.answers.KeepAnswer(c.Context(), c.Organization, key, made, cmp.Or(policy.Lifetime, answerLifetime)); err != nil {
		// What was asked for is done, and to say so is better than an error that
		// makes the caller ask again.
		o.logger.Warn("answer could not be kept; a repetition of the request is executed again", "request_id", c.RequestID, "error", err)
	}
	return nil
}

func (o *once) enter(organization, key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := organization + " " + key // neither an id nor a method has a space
	if _, busy := o.mu.running[name]; busy {
		return false
	}
	o.mu.running[name] = struct{}{}
	return true
}

func (o *once) leave(organization, key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.mu.running, organization+" "+key)
}

// answer is a response to be repeated, and whose it was.
type answer struct {
	Admin       bool              `json:"admin"`
	Scopes      auth.Scope        `json:"scopes"`
	Fingerprint [sha256.Size]byte `json:"fingerprint"` // of the request's content
	Status      int               `json:"status"`
	Headers     []wire.Header     `json:"headers"`
	Body        []byte            `json:"body"`
}

// keptHeaders are the response headers that belong to an answer. The others
// belong to the exchange: they are made anew.
var keptHeaders = [...]string{"Content-Type", "Location", "Etag", "Cache-Control"}

// answerOf takes down the response of c.
func answerOf(c *wire.Ctx, fingerprint [sha256.Size]byte) (secret.Secret, error) {
	a := answer{
		Admin: c.Principal.Admin, Scopes: c.Principal.Scopes,
		Fingerprint: fingerprint, Status: c.Response.StatusCode(), Body: c.Response.Body(),
	}
	for _, name := range keptHeaders {
		if value := c.Response.Header.Peek(name); len(value) > 0 {
			a.Headers = append(a.Headers, wire.Header{Name: name, Value: string(value)})
		}
	}
	text, err := json.Marshal(a)
	return secret.New(string(text)), err
}

// repeat answers as before, if the content is the same as before.
func repeat(c *wire.Ctx, text secret.Secret, fingerprint [sha256.Size]byte) error {
	var a answer
	if err := json.Unmarshal([]byte(text.Reveal()), &a); err != nil {
		return err
	}
	if a.Fingerprint != fingerprint {
		return cmp.Or(c.Dialect.Idempotency.Reused, wire.KeyReused())
	}
	if a.Admin && !c.Principal.Admin || !c.Principal.Allows(a.Scopes) {
		return wire.Forbidden("the answer was given to an API key with more rights")
	}
	c.SetHeader("Idempotent-Replayed", "true")
	c.SetStatusCode(a.Status)
	for _, h := range a.Headers {
		c.SetHeader(h.Name, h.Value)
	}
	c.SetBody(a.Body)
	return nil
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

// fingerprintOf sums up the content of a request: its query as it is, and its
// body in canonical form, unless it is no JSON or too large to be worth it.
func fingerprintOf(c *wire.Ctx) [sha256.Size]byte {
	body := c.PostBody()
	if len(body) <= maxCanonical {
		if same, err := json.Canonical(body); err == nil {
			body = same
		}
	}
	return digest(c.URI().QueryString(), body)
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
