package engine

import "testing"

func TestWithoutToken(t *testing.T) {
	const token = "whsec_0123456789abcdef"
	for _, test := range []struct{ text, token, want string }{
		{"", token, ""},
		{"no", token, "no"},
		{"no " + token, "", "no " + token},
		{"you sent Bearer " + token + ", " + token + ".", token, "you sent Bearer [redacted], [redacted]."},
		{"cut off: whsec_0123456789abcde", token, "cut off: [redacted]"},
		{"cut off: whsec_01", token, "cut off: [redacted]"},
		{"so little says nothing: whsec_0", token, "so little says nothing: whsec_0"},
		{"whsec_01 in the middle", token, "whsec_01 in the middle"},
	} {
		if got := withoutToken(test.text, test.token); got != test.want {
			t.Errorf("withoutToken(%q, %q): got %q, want %q", test.text, test.token, got, test.want)
		}
	}
}
