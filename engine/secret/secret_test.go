package secret

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const planted = "planted-secret-value"

// TestNeverPrints plants a secret in everything that people print and looks
// for it in the output.
func TestNeverPrints(t *testing.T) {
	s := New(planted)
	type nested struct {
		Exported   Secret
		unexported Secret
		Pointer    *Secret
		List       []Secret
		Map        map[string]Secret
	}
	values := []any{
		s, &s, []Secret{s}, map[string]any{"k": s},
		nested{s, s, &s, []Secret{s}, map[string]Secret{"k": s}},
		&nested{unexported: s},
		fmt.Errorf("failed with %v", s),
	}
	var out bytes.Buffer
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
			fmt.Fprintf(&out, verb+"\n", v, v)
		}
		fmt.Fprintln(&out, v)
		if text, err := json.Marshal(v); err == nil {
			out.Write(text)
		}
		if text, err := xml.Marshal(v); err == nil {
			out.Write(text)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("line", "value", v)
		}
	}
	got := out.String()
	for _, leak := range []string{planted, hex.EncodeToString([]byte(planted)), strings.ToUpper(hex.EncodeToString([]byte(planted)))} {
		if i := strings.Index(got, leak); i >= 0 {
			t.Errorf("the secret was printed: …%s…", got[max(0, i-80):i+len(leak)])
		}
	}
	if !strings.Contains(got, redacted) {
		t.Errorf("nothing was redacted in %q", got)
	}
	if got := s.Reveal(); got != planted {
		t.Errorf("Reveal: got %q, want %q", got, planted)
	}
}

func TestZeroSecret(t *testing.T) {
	var zero Secret
	if !zero.IsZero() || !New("").IsZero() || New("x").IsZero() {
		t.Error("IsZero: want true for no text only")
	}
	if got := zero.Reveal(); got != "" {
		t.Errorf("Reveal: got %q, want none", got)
	}
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"abc", "abc", true},
		{"abc", "abd", false},
		{"abc", "abcd", false},
		{"abc", "", false},
	}
	for _, tt := range tests {
		if got := New(tt.a).Equal(New(tt.b)); got != tt.want {
			t.Errorf("%q equal %q: got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestLast4(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"abcd", ""},
		{"1234567", ""},
		{"12345678", "5678"},
		{"whsec_abcdefgh", "efgh"},
		{"grüße-über-öäüß", "öäüß"},
	}
	for _, tt := range tests {
		if got := New(tt.text).Last4(); got != tt.want {
			t.Errorf("Last4 of %q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestHash(t *testing.T) {
	got := Hash("abc")
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if hex.EncodeToString(got[:]) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}
