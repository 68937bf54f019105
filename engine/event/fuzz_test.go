package event

import (
	"regexp"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzParseID: an id is written and read in either mode, and no two texts name
// one event in one mode.
func FuzzParseID(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), "evt_01JD7H3Z4N8V6QK2WX5M9RTBCE")
	f.Add([]byte{}, "evt_test_01JD7H3Z4N8V6QK2WX5M9RTBCE")
	f.Add([]byte{0xff}, "evt_test_evt_01JD7H3Z4N8V6QK2WX5M9RTBCE")
	f.Fuzz(func(t *testing.T, bytes []byte, text string) {
		var id ID
		copy(id[:], bytes)
		for _, livemode := range []bool{true, false} {
			if got, err := ParseID(FormatID(id, livemode)); err != nil || got != id {
				t.Errorf("ParseID(%q): got %v, %v, want %v", FormatID(id, livemode), got, err, id)
			}
		}
		if id, err := ParseID(text); err == nil && FormatID(id, true) != text && FormatID(id, false) != text {
			t.Errorf("ParseID(%q): got %v, which is written %q or %q", text, id, FormatID(id, true), FormatID(id, false))
		}
	})
}

var eventType = regexp.MustCompile(`\A[A-Za-z0-9_.:\[\]-]{1,128}\z`)

// FuzzText: types and texts are what their descriptions say, rune by rune.
func FuzzText(f *testing.F) {
	for _, s := range []string{"invoice.paid", "a b", "v2.core.account[identity].updated", "a\n", "\u0085", "\xff", "", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := ValidType(text), eventType.MatchString(text); got != want {
			t.Errorf("ValidType(%q): got %t, want %t", text, got, want)
		}
		want := utf8.ValidString(text)
		for _, r := range text {
			want = want && !(unicode.IsControl(r) && r < 0x80)
		}
		if got := ValidText(text); got != want {
			t.Errorf("ValidText(%q): got %t, want %t", text, got, want)
		}
	})
}
