package wire

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

var testKey = bytes.Repeat([]byte("k"), 32)

// G9: a cursor works for the organization and the list that it was made for.
func TestCursor(t *testing.T) {
	cursors := NewCursors(testKey)
	position := []byte{0, 1, 2, 250, 251, 252, 253, 254, 255}
	text := cursors.Encode("org_a", "events", position)
	if strings.ContainsAny(text, "+/=") {
		t.Errorf("cursor %q: needs escaping in a query", text)
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
			return NewCursors(bytes.Repeat([]byte("q"), 32)).Decode(text, "org_a", "events")
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

// What Decode accepts is what Encode made, and nothing else.
func FuzzCursor(f *testing.F) {
	cursors := NewCursors(testKey)
	f.Add(cursors.Encode("org", "list", []byte("position")), "org", "list")
	f.Add(cursors.Encode("", "", nil), "", "")
	f.Add("AQ", "org", "list")
	f.Fuzz(func(t *testing.T, text, organization, list string) {
		position, err := cursors.Decode(text, organization, list)
		if err != nil {
			return
		}
		if got := cursors.Encode(organization, list, position); got != text {
			t.Errorf("cursor %q decodes to %q, which encodes to %q", text, position, got)
		}
	})
}

func TestPage(t *testing.T) {
	cursors := NewCursors(testKey)
	cursor := cursors.Encode("org_a", "events", []byte("here"))
	foreign := cursors.Encode("org_b", "events", []byte("here"))
	for _, test := range []struct {
		query string
		want  Page
		code  string
	}{
		{"", Page{Limit: 100}, ""},
		{"limit=1", Page{Limit: 1}, ""},
		{"limit=500", Page{Limit: 500}, ""},
		{"limit=501", Page{}, CodeBadParameter},
		{"limit=0", Page{}, CodeBadParameter},
		{"limit=-1", Page{}, CodeBadParameter},
		{"limit=", Page{}, CodeBadParameter},
		{"limit=ten", Page{}, CodeBadParameter},
		{"limit=99999999999999999999", Page{}, CodeBadParameter},
		{"after=" + cursor, Page{Limit: 100, After: []byte("here")}, ""},
		{"before=" + cursor, Page{Limit: 100, Before: []byte("here")}, ""},
		{"after=" + cursor + "&before=" + cursor, Page{}, CodeBadParameter},
		{"after=" + foreign, Page{}, CodeBadCursor},
		{"after=", Page{}, CodeBadCursor},
		{"before=nonsense", Page{}, CodeBadCursor},
	} {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI("/v1/events?" + test.query)
		c := &Ctx{RequestCtx: &rc, Organization: "org_a", Cursors: cursors}
		got, err := c.Page("events", DefaultLimit, MaxLimit)
		code := ""
		if err != nil {
			code = From(err).Code
		}
		if got.Limit != test.want.Limit || !bytes.Equal(got.After, test.want.After) || !bytes.Equal(got.Before, test.want.Before) || code != test.code {
			t.Errorf("Page(%q): got %+v, code %q, want %+v, code %q", test.query, got, code, test.want, test.code)
		}
	}
}
