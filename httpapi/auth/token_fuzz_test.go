package auth

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzIssueToken: whatever a form asks for, a token is for who knows the
// client's secret, and has no right that the client has not.
func FuzzIssueToken(f *testing.F) {
	f.Add("client_1", "client_1", "")
	f.Add("client_1", "client_1", "events:read\tendpoints:read")
	f.Add("client_1", "client_1", "admin")
	f.Add("client_3", "client_3", "read write keys:write")
	f.Add("client_1", "client_3", "events:read")
	a := New(tenants{}, tokenKey)
	f.Fuzz(func(t *testing.T, id, secret, scope string) {
		text, err := a.IssueToken(id, secret, scope, now)
		client, known := clients[id]
		if err != nil {
			if text != "" || !errors.Is(err, ErrScope) && !errors.Is(err, ErrUnknown) {
				t.Errorf("%q, %q, %q: got %q, %v", id, secret, scope, text, err)
			}
			return
		}
		p, err := a.Authenticate(text, "", now)
		if err != nil || !known || secret != id || p.Organization != client.Organization || p.Admin || !client.Scopes.Covers(p.Scopes) {
			t.Errorf("%q, %q, %q: the token is good for %+v, %v", id, secret, scope, p, err)
		}
		if want, err := ParseScopes(strings.Fields(scope)); err != nil || want != p.Scopes && want != 0 {
			t.Errorf("scope %q: got %v, want %v, %v", scope, p.Scopes, want, err)
		}
		if _, err := a.Authenticate(text, "", now.Add(TokenLifetime)); !errors.Is(err, ErrEnded) {
			t.Errorf("%q after its lifetime: got %v, want ErrEnded", text, err)
		}
	})
}

// FuzzToken: a token that was not signed here lets nobody in, whatever it says
// of itself and of how it was signed.
func FuzzToken(f *testing.F) {
	a := New(tenants{}, tokenKey)
	for _, id := range []string{"client_1", "client_3"} {
		text, err := a.IssueToken(id, id, "", now)
		if err != nil {
			f.Fatal(err)
		}
		parts := strings.Split(text, ".")
		f.Add(parts[0], parts[1], parts[2])
		f.Add(parts[0], parts[1]+"=", parts[2])
	}
	f.Add("eyJhbGciOiJub25lIn0", "eyJpc3MiOiJob29rd2hlZWwiLCJzdWIiOiJjbGllbnRfMSIsImV4cCI6OTk5OTk5OTk5OX0", "")
	f.Add("eyJhbGciOiJIUzI1NiIsImNyaXQiOlsieCJdfQ", "eyJpc3MiOiJob29rd2hlZWwifQ", "AA")
	f.Fuzz(func(t *testing.T, head, claimed, signature string) {
		credential := head + "." + claimed + "." + signature
		p, err := a.Authenticate(credential, "", now)
		if err != nil {
			if p.KeyID != "" {
				t.Errorf("%q: got %+v with %v", credential, p, err)
			}
			return
		}
		genuine, err := jwt.SigningMethodHS256.Sign(head+"."+claimed, tokenKey)
		if err != nil || base64.RawURLEncoding.EncodeToString(genuine) != signature {
			t.Errorf("%q: lets %+v in with a signature that is not %x, %v", credential, p, genuine, err)
		}
	})
}

// FuzzScopes: names are read back as they are listed, in whatever order they
// come, and what is no name is refused by name.
func FuzzScopes(f *testing.F) {
	f.Add("events:read events:write")
	f.Add("read organizations:write")
	f.Add("admin Admin")
	f.Fuzz(func(t *testing.T, text string) {
		names := strings.Fields(text)
		got, err := ParseScopes(names)
		if err != nil {
			if got != 0 {
				t.Errorf("%q: got %v with %v", text, got, err)
			}
			return
		}
		slices.Reverse(names)
		again, err := ParseScopes(names)
		listed, err2 := ParseScopes(got.Names())
		if again != got || listed != got || err != nil || err2 != nil || got&^allScopes != 0 {
			t.Errorf("%q: got %v, reversed %v, listed %v, %v, %v", text, got, again, listed, err, err2)
		}
	})
}
