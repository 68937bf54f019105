package auth

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hookwheel/hookwheel/engine/secret"
)

var tokenKey = bytes.Repeat([]byte("t"), MinTokenKey)

// clients have their ids as secrets.
var clients = map[string]Client{
	"client_1": {ID: "client_1", Organization: "org_acme", Scopes: EventsRead | EndpointsRead | DeliveriesRead, SecretHash: secret.Hash("client_1")},
	"client_2": {ID: "client_2", Organization: "org_gone", Scopes: EventsRead, SecretHash: secret.Hash("client_2")},
	"client_3": {ID: "client_3", Organization: "org_other", Scopes: Admin, SecretHash: secret.Hash("client_3")},
}

func TestIssueToken(t *testing.T) {
	a := New(tenants{}, tokenKey)
	for _, test := range []struct {
		id, secret, scope string
		want              Scope
		err               error
	}{
		{"client_1", "client_1", "", EventsRead | EndpointsRead | DeliveriesRead, nil},
		{"client_1", "client_1", "events:read", EventsRead, nil},
		{"client_1", "client_1", " events:read  endpoints:read ", EventsRead | EndpointsRead, nil},
		{"client_1", "client_1", "webhooks:read", EventsRead | EndpointsRead | DeliveriesRead, nil},
		{"client_1", "client_1", "webhooks:write", 0, ErrScope},
		{"client_1", "client_1", "events:read admin", 0, ErrScope},
		{"client_1", "client_1", "everything", 0, ErrScope},
		{"client_3", "client_3", "events:write", EventsWrite, nil},
		{"client_1", "client_3", "", 0, ErrUnknown},
		{"client_1", "", "", 0, ErrUnknown},
		{"client_9", "client_9", "", 0, ErrUnknown},
		{"", "", "", 0, ErrUnknown},
		{"client_2", "client_2", "", 0, ErrUnknown}, // its organization is gone
	} {
		text, err := a.IssueToken(test.id, test.secret, test.scope, now)
		if !errors.Is(err, test.err) || (text == "") != (err != nil) {
			t.Errorf("IssueToken(%q, %q, %q): got %q, %v, want error %v", test.id, test.secret, test.scope, text, err, test.err)
			continue
		}
		if err != nil {
			continue
		}
		p, err := a.Authenticate(text, "", now)
		if err != nil || p.KeyID != test.id || p.Scopes != test.want || p.Admin || p.Organization != clients[test.id].Organization {
			t.Errorf("token of %s with %q: got %+v, %v, want scopes %v", test.id, test.scope, p, err, test.want)
		}
	}
}

// G9: a token acts for its client's organization, until it expires or the
// client is gone.
func TestToken(t *testing.T) {
	a := New(tenants{}, tokenKey)
	text, err := a.IssueToken("client_1", "client_1", "events:read", now)
	if err != nil {
		t.Fatal(err)
	}
	want := Principal{KeyID: "client_1", Organization: "org_acme", Scopes: EventsRead, Livemode: true}
	for _, test := range []struct {
		organization string
		after        time.Duration
		want         Principal
		err          error
	}{
		{"", 0, want, nil},
		{"org_acme", TokenLifetime - time.Second, want, nil},
		{"org_other", 0, Principal{}, ErrForeign},
		{"", TokenLifetime, Principal{}, ErrEnded},
	} {
		if got, err := a.Authenticate(text, test.organization, now.Add(test.after)); got != test.want || !errors.Is(err, test.err) {
			t.Errorf("for %q after %v: got %+v, %v, want %+v, %v", test.organization, test.after, got, err, test.want, test.err)
		}
	}
	if _, err := New(tenants{}, bytes.Repeat([]byte("u"), MinTokenKey)).Authenticate(text, "", now); !errors.Is(err, ErrUnknown) {
		t.Errorf("with another key: got %v, want %v", err, ErrUnknown)
	}
	for i := range text {
		altered := text[:i] + string(text[i]^1) + text[i+1:]
		if _, err := a.Authenticate(altered, "", now); err == nil {
			t.Errorf("altered at %d of %d: got it accepted", i, len(text))
		}
	}
}

// Nothing but what IssueToken makes is a token, however well it is signed.
func TestTokenOfAnotherKind(t *testing.T) {
	a := New(tenants{}, tokenKey)
	good := func() claims {
		return claims{Scope: "events:read", RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: "client_1", ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
		}}
	}
	signed := func(method jwt.SigningMethod, key any, change func(*claims)) string {
		c := good()
		change(&c)
		text, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	same := func(*claims) {}
	if _, err := a.Authenticate(signed(jwt.SigningMethodHS256, tokenKey, same), "", now); err != nil {
		t.Fatalf("one of the right kind: got %v, want it accepted", err)
	}
	unsigned := signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same)
	for name, text := range map[string]string{
		"no signature":      unsigned,
		"another algorithm": signed(jwt.SigningMethodHS512, tokenKey, same),
		"no end":            signed(jwt.SigningMethodHS256, tokenKey, func(c *claims) { c.ExpiresAt = nil }),
		"another issuer":    signed(jwt.SigningMethodHS256, tokenKey, func(c *claims) { c.Issuer = "somebody" }),
		"no issuer":         signed(jwt.SigningMethodHS256, tokenKey, func(c *claims) { c.Issuer = "" }),
		"a deleted client":  signed(jwt.SigningMethodHS256, tokenKey, func(c *claims) { c.Subject = "client_9" }),
		"a deleted tenant":  signed(jwt.SigningMethodHS256, tokenKey, func(c *claims) { c.Subject = "client_2" }),
		"an unknown scope":  signed(jwt.SigningMethodHS256, tokenKey, func(c *claims) { c.Scope = "events:read all" }),
		"not base64":        "ey*.ey*.x",
		"not JSON":          "eyJ.eyJ." + base64.RawURLEncoding.EncodeToString([]byte("x")),
		"a header too many": strings.Replace(unsigned, ".", "..", 1),
	} {
		if p, err := a.Authenticate(text, "", now); !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrEnded) || p != (Principal{}) {
			t.Errorf("%s: got %+v, %v, want a refusal", name, p, err)
		}
	}
}

func TestBasicCredentials(t *testing.T) {
	basic := func(s string) string { return "basic  " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, test := range []struct {
		header, id, secret string
		ok                 bool
	}{
		{basic("id:secret"), "id", "secret", true},
		{basic("id:a:b"), "id", "a:b", true},
		{basic("id:"), "id", "", true},
		{basic(":secret"), "", "", false},
		{basic("id"), "", "", false},
		{"Basic ?", "", "", false},
		{"Basic", "", "", false},
		{"Bearer aWQ6c2VjcmV0", "", "", false},
		{"", "", "", false},
	} {
		id, password, ok := BasicCredentials([]byte(test.header))
		if ok != test.ok || ok && (id != test.id || password != test.secret) {
			t.Errorf("BasicCredentials(%q): got %q, %q, %t, want %q, %q, %t", test.header, id, password, ok, test.id, test.secret, test.ok)
		}
	}
}

func BenchmarkToken(b *testing.B) {
	a := New(tenants{}, tokenKey)
	text, err := a.IssueToken("client_1", "client_1", "", now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(text, "", now); err != nil {
			b.Fatal(err)
		}
	}
}
