// Package auth says who makes a request and what they may do.
//
// A caller proves itself with an API key, or with an access token that an OAuth
// client of an organization got for its own id and secret. Of keys and secrets
// only the SHA-256 is kept: each carries 256 random bits, so the hash can be
// neither guessed nor looked up in a table, and a slow password hash would only
// make every request slow.
//
//	Authorization: Bearer hw_live_…   ┐
//	Authorization: Basic base64(key:) ├─▶ Credential ─▶ Authenticate ─▶ Principal
//	X-API-Key: hw_live_…              ┘                      │
//	                          Tenants: hash → Key, id → Client; in memory
//
//	client id, secret, scope ─▶ IssueToken ─▶ Authorization: Bearer eyJ…
//
// The package knows nothing of routes and of how a refusal is shown; it reads
// no disk, and holds nothing but the key that tokens are signed with.
package auth

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// Key is an API key as the store knows it.
type Key struct {
	ID           string
	Hash         [sha256.Size]byte
	Organization string // "" = an admin key, which belongs to none
	Scopes       Scope
	Livemode     bool
	ExpiresAt    int64 // Unix ms; 0 = never
	RevokedAt    int64 // Unix ms; 0 = in force
}

// Admin reports whether the key may act for any organization.
func (k *Key) Admin() bool { return k.Organization == "" }

// Tenants knows the keys, and the organizations that they act for. It must
// answer from memory (it is asked for every request) and be safe for concurrent
// use.
type Tenants interface {
	KeyByHash(hash [sha256.Size]byte) (Key, bool)

	// Client finds an OAuth client that exists now.
	Client(id string) (Client, bool)

	// Livemode says whether an organization exists, and in which mode it is.
	Livemode(organization string) (livemode, exists bool)
}

// Principal is who makes a request.
type Principal struct {
	KeyID        string // of the API key, or of the OAuth client
	Organization string // the one it acts for
	Admin        bool
	Scopes       Scope
	Livemode     bool  // what it makes is live; the mode of its key, or of the organization an admin acts for
	ExpiresAt    int64 // when its key does, Unix ms; 0 = never, as OAuth clients
}

// Allows reports whether the principal holds every scope of need.
func (p *Principal) Allows(need Scope) bool {
	return p.Scopes.Covers(need)
}

// Granted is what the principal holds of some scopes.
func (p *Principal) Granted(of Scope) Scope {
	if p.Scopes&Admin != 0 {
		return of
	}
	return p.Scopes & of
}

// Why a caller is refused. The first four are to be told in one voice (401):
// whoever holds no valid key learns nothing about keys that exist.
var (
	ErrMissing        = errors.New("auth: no API key was given")
	ErrMalformed      = errors.New("auth: the Authorization header is neither Bearer nor Basic")
	ErrUnknown        = errors.New("auth: no such API key, token or client")
	ErrEnded          = errors.New("auth: the API key or token has expired or was revoked, or its organization is gone")
	ErrForeign        = errors.New("auth: the API key does not act for that organization") // 403
	ErrNoOrganization = errors.New("auth: no such organization")                           // 404, admins only
)

// DefaultOrganization is the one that an admin key acts for if it names none.
const DefaultOrganization = "default"

// Authenticator knows callers by what they show. It is immutable and safe for
// concurrent use.
type Authenticator struct {
	tenants  Tenants
	tokenKey []byte
}

// MinTokenKey is how long the key that signs tokens must be, in bytes.
const MinTokenKey = sha256.Size

// New returns an authenticator. tokenKey is secret and must stay the same for
// as long as the tokens that it signed shall be good.
func New(tenants Tenants, tokenKey []byte) *Authenticator {
	return &Authenticator{tenants: tenants, tokenKey: tokenKey}
}

// Authenticate finds the key that a credential names, or the client of a token,
// and who acts by it. want is the organization that the caller asks to act for,
// "" if it names none: only an admin key has the choice. With ErrNoOrganization
// the principal is valid nevertheless, for operations that concern no
// organization.
func (a *Authenticator) Authenticate(credential, want string, now time.Time) (Principal, error) {
	if credential == "" {
		return Principal{}, ErrMissing
	}
	p, err := a.byKey(credential, now)
	if errors.Is(err, ErrUnknown) && isToken(credential) {
		p, err = a.byToken(credential, now)
	}
	if err != nil {
		return Principal{}, err
	}
	if p.Admin {
		p.Organization = cmp.Or(want, DefaultOrganization)
	} else if want != "" && want != p.Organization {
		return Principal{}, ErrForeign
	}
	livemode, exists := a.tenants.Livemode(p.Organization)
	switch {
	case !exists && p.Admin:
		return p, ErrNoOrganization
	case !exists:
		return Principal{}, ErrEnded
	case p.Admin:
		p.Livemode = livemode
	}
	return p, nil
}

func (a *Authenticator) byKey(credential string, now time.Time) (Principal, error) {
	hash := secret.Hash(credential)
	key, ok := a.tenants.KeyByHash(hash)
	// The index may look at part of the hash only; the whole of it is compared
	// here, and takes the same time whichever byte differs.
	if !ok || subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1 {
		return Principal{}, ErrUnknown
	}
	if key.RevokedAt != 0 || key.ExpiresAt != 0 && key.ExpiresAt <= now.UnixMilli() {
		return Principal{}, ErrEnded
	}
	return Principal{KeyID: key.ID, Organization: key.Organization, Admin: key.Admin(), Scopes: key.Scopes, Livemode: key.Livemode, ExpiresAt: key.ExpiresAt}, nil
}

// Credential takes the API key or token out of the values of the headers Authorization
// and X-API-Key; either may be empty. Authorization wins. No key at all is "",
// not an error.
func Credential(authorization, apiKey []byte) (string, error) {
	if len(authorization) == 0 {
		return string(apiKey), nil
	}
	scheme, value, ok := strings.Cut(string(authorization), " ")
	value = strings.TrimLeft(value, " ")
	if !ok || value == "" {
		return "", ErrMalformed
	}
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return value, nil
	case strings.EqualFold(scheme, "Basic"):
		// "key:", which is how Stripe's users and curl -u send one. A password
		// has no meaning and must be empty.
		if user, password, ok := basic(value); ok && password == "" {
			return user, nil
		}
	}
	return "", ErrMalformed
}

// BasicCredentials takes id and secret of a client out of an Authorization
// header of the scheme Basic.
func BasicCredentials(authorization []byte) (id, secret string, ok bool) {
	scheme, value, _ := strings.Cut(string(authorization), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	return basic(strings.TrimLeft(value, " "))
}

func basic(value string) (user, password string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(raw), ":")
	return user, password, ok && user != ""
}
