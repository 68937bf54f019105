package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// Client is an OAuth 2 client as the store knows it: a program that acts for
// one organization. Its id never comes back once it is deleted, and its scopes
// never change.
type Client struct {
	ID           string
	SecretHash   [sha256.Size]byte
	Organization string
	Scopes       Scope
}

// TokenLifetime is how long an access token is good.
const TokenLifetime = time.Hour

// issuer is in every token, so that nothing else that may ever be signed with
// the same key passes for one.
const issuer = "hookwheel"

// ErrScope refuses a token that would have more rights than its client.
var ErrScope = errors.New("auth: scope that the client does not have")

// claims are what a token says. Its organization is looked up with the client,
// so a token is good only as long as its client exists.
type claims struct {
	jwt.RegisteredClaims // iss, sub = client id, iat, exp

	Scope string `json:"scope"` // names, with spaces between them (RFC 8693)
}

// IssueToken gives a client that shows its secret an access token: a JWT, signed
// with HMAC-SHA256, that Authenticate knows for TokenLifetime. scope names the
// rights that it shall have, with spaces between them; "" is all that the client
// has. Nothing is stored. The error is ErrUnknown, which does not tell a wrong
// id from a wrong secret, or ErrScope.
func (a *Authenticator) IssueToken(id, clientSecret, scope string, now time.Time) (string, error) {
	client, ok := a.tenants.Client(id)
	hash := secret.Hash(clientSecret)
	if !ok || subtle.ConstantTimeCompare(client.SecretHash[:], hash[:]) != 1 {
		return "", ErrUnknown
	}
	if _, exists := a.tenants.Livemode(client.Organization); !exists {
		return "", ErrUnknown
	}
	scopes := client.Scopes
	if names := strings.Fields(scope); len(names) > 0 {
		wanted, err := ParseScopes(names)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrScope, err)
		}
		if !client.Scopes.Covers(wanted) {
			return "", fmt.Errorf("%w: it has %s", ErrScope, client.Scopes)
		}
		scopes = wanted
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: client.ID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TokenLifetime)),
		},
		Scope: scopes.String(),
	})
	return token.SignedString(a.tokenKey)
}

// isToken tells what may be a token from what certainly is none.
func isToken(credential string) bool {
	return strings.HasPrefix(credential, "ey") && strings.Count(credential, ".") == 2
}

// byToken accepts one algorithm and no token without an end, whatever the token
// says of itself.
func (a *Authenticator) byToken(credential string, now time.Time) (Principal, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }),
	)
	var says claims
	_, err := parser.ParseWithClaims(credential, &says, func(*jwt.Token) (any, error) { return a.tokenKey, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Principal{}, ErrEnded
	case err != nil:
		return Principal{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	client, exists := a.tenants.Client(says.Subject)
	if !exists {
		return Principal{}, ErrEnded
	}
	scopes, err := ParseScopes(strings.Fields(says.Scope))
	if err != nil { // of another version of this program
		return Principal{}, fmt.Errorf("%w: %w", ErrEnded, err)
	}
	livemode, _ := a.tenants.Livemode(client.Organization)
	return Principal{KeyID: client.ID, Organization: client.Organization, Scopes: scopes, Livemode: livemode}, nil
}
