package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
)

// Cursors makes and reads the opaque texts that say where a list goes on.
//
//	base64url of: version 1 | MAC 16 | position in the list
//	MAC = HMAC-SHA256(key, version · organization · list · position), cut to 16 bytes
//
// The MAC covers the organization and the list without spelling them out, so a
// cursor is short, and one that was made up, altered, or given to another
// organization or for another list is refused before its position is looked at.
// The text has no padding and no plus, so it needs no escaping in a query.
//
// Cursors is safe for concurrent use.
type Cursors struct{ key []byte }

const (
	cursorVersion   = 1
	cursorMAC       = 16
	maxCursorLength = 1024 // of the text
)

// ErrBadCursor says that a text is no cursor of this list and organization.
var ErrBadCursor = errors.New("cursor: not made by this server for this list")

// NewCursors returns cursors that hold as long as the same key is used: one
// per store, of at least 16 bytes, kept secret.
func NewCursors(key []byte) *Cursors { return &Cursors{key: key} }

// Encode makes the text for a position in a list.
func (s *Cursors) Encode(organization, list string, position []byte) string {
	raw := make([]byte, 0, 1+cursorMAC+len(position))
	raw = append(raw, cursorVersion)
	raw = append(raw, s.mac(organization, list, position)...)
	raw = append(raw, position...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Decode is the inverse of Encode: it returns the position, or ErrBadCursor.
func (s *Cursors) Decode(text, organization, list string) ([]byte, error) {
	if len(text) > maxCursorLength {
		return nil, ErrBadCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 1+cursorMAC || raw[0] != cursorVersion {
		return nil, ErrBadCursor
	}
	mac, position := raw[1:1+cursorMAC], raw[1+cursorMAC:]
	if !hmac.Equal(mac, s.mac(organization, list, position)) {
		return nil, ErrBadCursor
	}
	return position, nil
}

func (s *Cursors) mac(organization, list string, position []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	text := binary.AppendUvarint([]byte{cursorVersion}, uint64(len(organization)))
	text = append(text, organization...)
	text = binary.AppendUvarint(text, uint64(len(list)))
	text = append(text, list...)
	h.Write(append(text, position...))
	return h.Sum(nil)[:cursorMAC]
}

// Page is which part of a list a request asks for. At most one of After and
// Before is set.
type Page struct {
	Limit  int
	After  []byte // position after which the page begins
	Before []byte // position before which the page ends
}

// Limits of the page size, unless a dialect has its own.
const (
	DefaultLimit = 100
	MaxLimit     = 500
)

// Page reads limit, after and before of a list. Sizes outside of 1…largest are
// refused, not clamped: a caller who asks for 1,000 and gets 500 would take the
// end of the page for the end of the list.
func (c *Ctx) Page(list string, fallback, largest int) (Page, error) {
	page := Page{Limit: fallback}
	if text, ok := c.Query("limit"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > largest {
			return Page{}, BadParameter("limit", "expected a number from 1 to %d", largest)
		}
		page.Limit = n
	}
	var err error
	if page.After, err = c.cursor("after", list); err != nil {
		return Page{}, err
	}
	if page.Before, err = c.cursor("before", list); err != nil {
		return Page{}, err
	}
	if page.After != nil && page.Before != nil {
		return Page{}, BadParameter("before", "cannot be combined with after")
	}
	return page, nil
}

func (c *Ctx) cursor(name, list string) ([]byte, error) {
	text, ok := c.Query(name)
	if !ok {
		return nil, nil
	}
	position, err := c.Cursors.Decode(text, c.Organization, list)
	if err != nil {
		e := BadParameter(name, "not a cursor of this list")
		e.Code = CodeBadCursor
		return nil, e
	}
	return position, nil
}

// Cursor makes the text for a position in a list of the request's organization.
func (c *Ctx) Cursor(list string, position []byte) string {
	return c.Cursors.Encode(c.Organization, list, position)
}
