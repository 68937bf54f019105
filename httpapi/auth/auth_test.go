package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// tenants knows keys, and the organizations default, org_acme and org_other.
type tenants map[[sha256.Size]byte]Key

func (m tenants) KeyByHash(hash [sha256.Size]byte) (Key, bool) {
	k, ok := m[hash]
	return k, ok
}

func (m tenants) Client(id string) (Client, bool) {
	c, ok := clients[id]
	return c, ok
}

func (m tenants) Livemode(organization string) (livemode, exists bool) {
	return organization == "org_acme", slices.Contains([]string{"default", "org_acme", "org_other"}, organization)
}

func (m tenants) add(text string, k Key) {
	k.Hash = secret.Hash(text)
	m[k.Hash] = k
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// G9: a key acts for its own organization and for no other.
func TestAuthenticate(t *testing.T) {
	ms := now.UnixMilli()
	keys := tenants{}
	keys.add("acme", Key{ID: "key_1", Organization: "org_acme", Scopes: EventsWrite, Livemode: true})
	keys.add("root", Key{ID: "key_2", Scopes: Admin})
	keys.add("expired", Key{ID: "key_3", Organization: "org_acme", ExpiresAt: ms})
	keys.add("expiring", Key{ID: "key_4", Organization: "org_acme", ExpiresAt: ms + 1})
	keys.add("orphan", Key{ID: "key_7", Organization: "org_gone"})
	keys.add("revoked", Key{ID: "key_5", Organization: "org_acme", RevokedAt: 1})
	// An index that finds by part of the hash finds the wrong key now and then.
	keys[secret.Hash("collides")] = Key{ID: "key_6", Organization: "org_acme", Hash: secret.Hash("another")}

	authenticator := New(keys, tokenKey)
	acme := Principal{KeyID: "key_1", Organization: "org_acme", Scopes: EventsWrite, Livemode: true}
	for _, test := range []struct {
		credential, organization string
		want                     Principal
		err                      error
	}{
		{"acme", "", acme, nil},
		{"acme", "org_acme", acme, nil},
		{"acme", "org_other", Principal{}, ErrForeign},
		{"acme", "default", Principal{}, ErrForeign},
		{"root", "", Principal{KeyID: "key_2", Organization: "default", Admin: true, Scopes: Admin}, nil},
		{"root", "org_acme", Principal{KeyID: "key_2", Organization: "org_acme", Admin: true, Scopes: Admin, Livemode: true}, nil},
		{"root", "org_gone", Principal{KeyID: "key_2", Organization: "org_gone", Admin: true, Scopes: Admin}, ErrNoOrganization},
		{"orphan", "", Principal{}, ErrEnded},
		{"expiring", "", Principal{KeyID: "key_4", Organization: "org_acme", ExpiresAt: ms + 1}, nil},
		{"expired", "", Principal{}, ErrEnded},
		{"revoked", "", Principal{}, ErrEnded},
		{"revoked", "org_other", Principal{}, ErrEnded},
		{"collides", "", Principal{}, ErrUnknown},
		{"unknown", "", Principal{}, ErrUnknown},
		{"", "", Principal{}, ErrMissing},
		{"acme ", "", Principal{}, ErrUnknown},
	} {
		got, err := authenticator.Authenticate(test.credential, test.organization, now)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("Authenticate(%q for %q): got %+v, %v, want %+v, %v", test.credential, test.organization, got, err, test.want, test.err)
		}
	}
}

func TestCredential(t *testing.T) {
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, test := range []struct {
		authorization, apiKey, want string
		err                         error
	}{
		{"", "", "", nil},
		{"", "k", "k", nil},
		{"Bearer k", "", "k", nil},
		{"bearer  k", "", "k", nil},
		{"Bearer k", "other", "k", nil},
		{basic("k:"), "", "k", nil},
		{basic("k:secret"), "", "", ErrMalformed},
		{basic("k"), "", "", ErrMalformed},
		{basic(":"), "", "", ErrMalformed},
		{"Basic !!!", "k", "", ErrMalformed},
		{"Bearer", "k", "", ErrMalformed},
		{"Bearer ", "k", "", ErrMalformed},
		{"Digest k", "k", "", ErrMalformed},
	} {
		got, err := Credential([]byte(test.authorization), []byte(test.apiKey))
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("Credential(%q, %q): got %q, %v, want %q, %v", test.authorization, test.apiKey, got, err, test.want, test.err)
		}
	}
}

func TestScopes(t *testing.T) {
	for s := range allScopes + 1 {
		got, err := ParseScopes(s.Names())
		if err != nil || got != s {
			t.Fatalf("ParseScopes(%v): got %v, %v, want %v", s.Names(), got, err, s)
		}
	}
	for alias, want := range aliases {
		if got, err := ParseScopes([]string{alias}); err != nil || got != want || got&Admin != 0 {
			t.Errorf("ParseScopes(%s): got %v, %v, want %v, which is not all", alias, got, err, want)
		}
	}
	if _, err := ParseScopes([]string{"events:read", "events"}); err == nil {
		t.Error("ParseScopes of an unknown name: got no error")
	}
	if got := Ordinary.Names(); slices.Contains(got, "admin") || slices.Contains(got, "secrets:read") {
		t.Errorf("Ordinary: got %v, want neither admin nor secrets:read", got)
	}
}

func TestAllows(t *testing.T) {
	for _, test := range []struct {
		has, need Scope
		want      bool
	}{
		{EventsRead, EventsRead, true},
		{EventsRead | EventsWrite, EventsRead, true},
		{EventsRead, EventsRead | EventsWrite, false},
		{EventsRead, Admin, false},
		{allScopes &^ Admin, Admin, false},
		{Admin, SecretsRead, true},
		{0, 0, true},
		{0, EventsRead, false},
	} {
		p := Principal{Scopes: test.has}
		if got := p.Allows(test.need); got != test.want {
			t.Errorf("%v allows %v: got %v, want %v", test.has, test.need, got, test.want)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	keys := tenants{}
	made, _ := secret.NewAPIKey(secret.LivePrefix)
	text := made.Reveal()
	keys.add(text, Key{ID: "key_1", Organization: "org_acme", Scopes: EventsWrite})
	authenticator := New(keys, tokenKey)
	header := []byte("Bearer " + text)
	b.ReportAllocs()
	for b.Loop() {
		credential, _ := Credential(header, nil)
		if _, err := authenticator.Authenticate(credential, "", now); err != nil {
			b.Fatal(err)
		}
	}
}
