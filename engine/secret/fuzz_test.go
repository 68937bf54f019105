package secret

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

// FuzzSigningKey: a secret that somebody brings is one kind of key or none, its
// halves fit each other, and no error repeats it.
func FuzzSigningKey(f *testing.F) {
	f.Add(NewSigning().Reveal())
	f.Add(NewAsymmetric().Reveal())
	public, err := NewAsymmetric().PublicKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public)
	f.Add("whsec_")
	f.Add("whsk_c2hvcnQ=")
	f.Add("whsec_ c2VjcmV0\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := New(text)
		symmetric, err1 := s.SymmetricKey()
		private, err2 := s.PrivateKey()
		public, err3 := ParsePublicKey(text)
		kinds := 0
		for _, err := range []error{err1, err2, err3} {
			switch {
			case err == nil:
				kinds++
			case !errors.Is(err, ErrKey):
				t.Errorf("%q: got error %v, want ErrKey", text, err)
			case len(text) > len("whsec_")+8 && strings.Contains(err.Error(), text[len("whsec_"):]):
				t.Errorf("error %q quotes the key", err)
			}
		}
		if kinds > 1 || err1 == nil && (len(symmetric) == 0 || s.IsAsymmetric()) || (err2 == nil || err3 == nil) && !s.IsAsymmetric() {
			t.Errorf("%q: got %x, %x and %x", text, symmetric, private, public)
		}
		if err2 != nil {
			return
		}
		text, err := s.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		if public, err = ParsePublicKey(text); err != nil || !ed25519.Verify(public, []byte("m"), ed25519.Sign(private, []byte("m"))) {
			t.Errorf("%s: its public key %q does not verify, %v", s.Reveal(), text, err)
		}
	})
}

// FuzzParseKey: a key file is read as it was written, also with comments around
// the key, and whatever is read is a key; no error quotes the file.
func FuzzParseKey(f *testing.F) {
	f.Add(FormatKey(bytes.Repeat([]byte{7}, KeySize)), []byte("k"))
	f.Add("# only a comment", []byte{})
	f.Add("AAAA\nAAAA", []byte{})
	f.Fuzz(func(t *testing.T, text string, key []byte) {
		got, err := ParseKey(text)
		if err == nil && len(got) != KeySize || err != nil && got != nil {
			t.Errorf("%q: got %x, %v", text, got, err)
		}
		if err != nil && len(text) > 20 && strings.Contains(err.Error(), text) {
			t.Errorf("error %q quotes the file", err)
		}
		want := append(key, make([]byte, KeySize)...)[:KeySize]
		if got, err := ParseKey("\n# a comment\r\n\t" + FormatKey(want) + "\r\n#"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("key %x: got %x, %v", want, got, err)
		}
	})
}
