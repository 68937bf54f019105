package wire

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func newCursors(t testing.TB, key string) *Cursors {
	t.Helper()
	cursors, err := NewCursors([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return cursors
}

// G9: a cursor works for the organization and the list that it was made for.
func TestCursor(t *testing.T) {
	cursors := newCursors(t, "key")
	position := []byte{0, 1, 2, 250, 251, 252, 253, 254, 255}
	text := cursors.Encode("org_a", "events", position)
	if strings.ContainsAny(text, "+/=") {
		t.Errorf("cursor %q: needs escaping in a query", text)
	}
	if raw, _ := base64.RawURLEncoding.DecodeString(text); bytes.Contains(raw, position) {
		t.Errorf("cursor %q: shows the position", text)
	}
	got, err := cursors.Decode(text, "org_a", "events")
	if err != nil || !bytes.Equal(got, position) {
		t.Fatalf("Decode: got %v, %v, want %v", got, err, position)
	}
	for name, decode := range map[string]func() ([]byte, error){
		"another organization": func() ([]byte, error) { return cursors.Decode(text, "org_b", "events") },
		"another list":         func() ([]byte, error) { return cursors.Decode(text, "org_a", "deliveries") },
		"shifted boundary":     func() ([]byte, error) { return cursors.Decode(text, "org_ae", "vents") },
		"another key": func() ([]byte, error) {
			return newCursors(t, "other key").Decode(text, "org_a", "events")
		},
		"empty":    func() ([]byte, error) { return cursors.Decode("", "org_a", "events") },
		"padded":   func() ([]byte, error) { return cursors.Decode(text+"=", "org_a", "events") },
		"too long": func() ([]byte, error) { return cursors.Decode(strings.Repeat("A", 5000), "org_a", "events") },
	} {
		if got, err := decode(); err != ErrBadCursor {
			t.Errorf("Decode with %s: got %v, %v, want ErrBadCursor", name, got, err)
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	for i := range raw {
		raw[i] ^= 1
		if got, err := cursors.Decode(base64.RawURLEncoding.EncodeToString(raw), "org_a", "events"); err != ErrBadCursor {
			t.Errorf("Decode with a bit of byte %d flipped: got %v, %v, want ErrBadCursor", i, got, err)
		}
		raw[i] ^= 1
	}
}

// A cursor gives back its position, to its organization and list alone.
func FuzzCursor(f *testing.F) {
	cursors := newCursors(f, "key")
	f.Add([]byte("position"), "org", "list", "AQ")
	f.Add([]byte{}, "", "", "")
	f.Fuzz(func(t *testing.T, position []byte, organization, list, text string) {
		if got, err := cursors.Decode(text, organization, list); err == nil {
			t.Errorf("cursor %q of nobody decodes to %q", text, got)
		}
		made := cursors.Encode(organization, list, position)
		got, err := cursors.Decode(made, organization, list)
		if err != nil && len(made) <= maxCursorLength || err == nil && !bytes.Equal(got, position) {
			t.Errorf("position %q: got %q, %v", position, got, err)
		}
		if got, err := cursors.Decode(made, organization+"x", list); err == nil {
			t.Errorf("cursor of %q: decodes to %q for another organization", organization, got)
		}
		if got, err := cursors.Decode(made, organization, list+"x"); err == nil {
			t.Errorf("cursor of %q: decodes to %q for another list", list, got)
		}
	})
}
