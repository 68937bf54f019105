package secret

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestNewSigning(t *testing.T) {
	a, b := NewSigning(), NewSigning()
	if a.Equal(b) {
		t.Error("two new secrets are the same")
	}
	key, err := a.SymmetricKey()
	if err != nil || len(key) != signingSize {
		t.Errorf("got %d bytes, %v, want %d", len(key), err, signingSize)
	}
	if !strings.HasPrefix(a.Reveal(), SigningPrefix) || a.IsAsymmetric() {
		t.Error("want a whsec_ secret")
	}
}

func TestSymmetricKey(t *testing.T) {
	tests := []struct {
		text string
		want string
		ok   bool
	}{
		{"whsec_YWJj", "abc", true},
		{"whsec_YWJ", "", false}, // no padding
		{"whsec_", "", false},
		{"whsec_!!!!", "", false},
		{"plain text", "plain text", true},
		{"YWJj", "YWJj", true}, // base64 without the prefix is a text like any other
		{"", "", false},
		{NewAsymmetric().Reveal(), "", false},
		{"whpk_YWJj", "", false}, // known to everyone: an HMAC with it would prove nothing
	}
	for _, tt := range tests {
		got, err := New(tt.text).SymmetricKey()
		if string(got) != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %q, %v, want %q, ok %v", tt.text, got, err, tt.want, tt.ok)
		}
		if err != nil && !errors.Is(err, ErrKey) {
			t.Errorf("%q: got error %v, want ErrKey", tt.text, err)
		}
	}
}

func TestAsymmetric(t *testing.T) {
	s := NewAsymmetric()
	private, err := s.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if message := []byte("m"); !ed25519.Verify(public, message, ed25519.Sign(private, message)) {
		t.Error("the public key does not verify what the private key signed")
	}
	seedOnly := New(AsymmetricPrefix + base64.StdEncoding.EncodeToString(private.Seed()))
	if got, err := seedOnly.PrivateKey(); err != nil || !bytes.Equal(got, private) {
		t.Errorf("from the seed alone: got another key (%v)", err)
	}
}

func TestPrivateKeyRefuses(t *testing.T) {
	mixed := append(ed25519.NewKeyFromSeed(make([]byte, 32))[:32:32], make([]byte, 32)...)
	for name, text := range map[string]string{
		"empty":                  "",
		"symmetric":              "whsec_YWJj",
		"not base64":             "whsk_****",
		"short":                  "whsk_YWJj",
		"another key's public":   "whsk_" + base64.StdEncoding.EncodeToString(mixed),
		"public instead of priv": "whpk_" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	} {
		if _, err := New(text).PrivateKey(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: PrivateKey got error %v, want ErrKey", name, err)
		}
		if _, err := New(text).PublicKey(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: PublicKey got error %v, want ErrKey", name, err)
		}
	}
	for _, text := range []string{"", "whpk_", "whpk_YWJj", "whsk_YWJj"} {
		if _, err := ParsePublicKey(text); !errors.Is(err, ErrKey) {
			t.Errorf("ParsePublicKey(%q): got error %v, want ErrKey", text, err)
		}
	}
}
