package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func newBox(t testing.TB, key []byte) *Box {
	t.Helper()
	box, err := NewBox(key)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestBoxRefusesKeySizes(t *testing.T) {
	for _, size := range []int{0, 16, 24, 31, 33} {
		if _, err := NewBox(make([]byte, size)); err == nil {
			t.Errorf("a key of %d bytes was accepted", size)
		}
	}
}

func TestSealOpen(t *testing.T) {
	box := newBox(t, GenerateKey())
	other := newBox(t, GenerateKey())
	aad := AAD("org", "ep", "sec")
	sealed := box.Seal(New(planted), aad)
	if bytes.Contains(sealed, []byte(planted)) {
		t.Error("the sealed bytes contain the text")
	}
	if again := box.Seal(New(planted), aad); bytes.Equal(sealed, again) {
		t.Error("sealing twice gave the same bytes: the nonce is not random")
	}
	got, err := box.Open(sealed, aad)
	if err != nil || got.Reveal() != planted {
		t.Fatalf("got %q, %v, want %q", got.Reveal(), err, planted)
	}
	for name, open := range map[string]func() (Secret, error){
		"other key":    func() (Secret, error) { return other.Open(sealed, aad) },
		"other object": func() (Secret, error) { return box.Open(sealed, AAD("org", "ep2", "sec")) },
		"empty":        func() (Secret, error) { return box.Open(nil, aad) },
		"cut off":      func() (Secret, error) { return box.Open(sealed[:len(sealed)-1], aad) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) || !got.IsZero() {
			t.Errorf("%s: got %q, %v, want ErrSealed", name, got.Reveal(), err)
		}
	}
}

// FuzzOpen flips one bit of a sealed secret anywhere and expects that it does
// not open, while the untouched one does.
func FuzzOpen(f *testing.F) {
	f.Add("whsec_abc", "3:org", uint(0))
	f.Add("", "", uint(77))
	box := newBox(f, GenerateKey())
	f.Fuzz(func(t *testing.T, text, aad string, bit uint) {
		sealed := box.Seal(New(text), aad)
		if got, err := box.Open(sealed, aad); err != nil || got.Reveal() != text {
			t.Fatalf("got %q, %v, want %q", got.Reveal(), err, text)
		}
		bit %= uint(len(sealed) * 8)
		sealed[bit/8] ^= 1 << (bit % 8)
		if _, err := box.Open(sealed, aad); !errors.Is(err, ErrSealed) {
			t.Fatalf("bit %d flipped: got error %v, want ErrSealed", bit, err)
		}
	})
}

func TestKeyCheck(t *testing.T) {
	key := GenerateKey()
	check := newBox(t, key).KeyCheck()
	if err := newBox(t, key).VerifyKeyCheck(check); err != nil {
		t.Errorf("the same key: got %v, want nil", err)
	}
	if err := newBox(t, GenerateKey()).VerifyKeyCheck(check); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: got %v, want ErrWrongKey", err)
	}
	if err := newBox(t, key).VerifyKeyCheck(nil); !errors.Is(err, ErrWrongKey) {
		t.Errorf("no check: got %v, want ErrWrongKey", err)
	}
	secret := newBox(t, key).Seal(New("a customer's"), checkAAD)
	if err := newBox(t, key).VerifyKeyCheck(secret); !errors.Is(err, ErrWrongKey) {
		t.Errorf("something else sealed: got %v, want ErrWrongKey", err)
	}
}

func TestAADIsUnambiguous(t *testing.T) {
	parts := []string{"", "a", "1", ":", "1:a", "a1:", "ab", "0:", "2:ab"}
	seen := map[string][3]string{}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				name := AAD(a, b, c)
				if other, ok := seen[name]; ok {
					t.Errorf("%q and %q have the same name %q", other, [3]string{a, b, c}, name)
				}
				seen[name] = [3]string{a, b, c}
			}
		}
	}
}

func TestKeyText(t *testing.T) {
	key := GenerateKey()
	text := FormatKey(key)
	for _, variant := range []string{text, "\n# mine\n" + text + "\n  \n", strings.ReplaceAll(text, "\n", "\r\n"), strings.TrimSpace(text)} {
		if got, err := ParseKey(variant); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%q: got %x, %v, want %x", variant, got, err, key)
		}
	}
	line := text[strings.LastIndexByte(strings.TrimSpace(text), '\n')+1:]
	for name, bad := range map[string]string{
		"empty":         "",
		"only comments": "# a\n# b\n",
		"two keys":      line + line,
		"not base64":    "****\n",
		"too short":     "YWJj\n",
		"inline remark": strings.TrimSpace(line) + " # mine\n",
	} {
		if got, err := ParseKey(bad); err == nil {
			t.Errorf("%s: got %x, want an error", name, got)
		} else if strings.Contains(err.Error(), strings.TrimSpace(line)) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}
