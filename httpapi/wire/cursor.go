package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// Cursors makes and reads the opaque texts that say where a list goes on.
//
//	base64url of: version 1 | nonce 12 | position in the list, encrypted | tag 16
//	AES-256-GCM; organization and list are authenticated with it
//
// A position is made of log positions, which count what all organizations do
// and are nobody's business; so it is not only authenticated but encrypted. A
// cursor that was made up, altered, or given to another organization or for
// another list is refused before its position is looked at. The text has no
// padding and no plus, so it needs no escaping in a query.
//
// Cursors is safe for concurrent use.
type Cursors struct{ aead cipher.AEAD }

const (
	cursorVersion   = 1
	maxCursorLength = 1024 // of the text
)

// ErrBadCursor says that a text is no cursor of this list and organization.
var ErrBadCursor = errors.New("cursor: not made by this server for this list")

// NewCursors returns cursors that hold as long as the same key is used: one
// per store, kept secret, of any length.
func NewCursors(key []byte) (*Cursors, error) {
	derived := sha256.Sum256(append([]byte("hookwheel cursors 1\x00"), key...))
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Cursors{aead: aead}, nil
}

// Encode makes the text for a position in a list.
func (s *Cursors) Encode(organization, list string, position []byte) string {
	sealed := s.aead.Seal([]byte{cursorVersion}, nil, position, place(organization, list))
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Decode is the inverse of Encode: it returns the position, or ErrBadCursor.
func (s *Cursors) Decode(text, organization, list string) ([]byte, error) {
	if len(text) > maxCursorLength {
		return nil, ErrBadCursor
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) == 0 || sealed[0] != cursorVersion {
		return nil, ErrBadCursor
	}
	position, err := s.aead.Open([]byte{}, nil, sealed[1:], place(organization, list))
	if err != nil {
		return nil, ErrBadCursor
	}
	return position, nil
}

// place names a list of an organization, so that no two have the same name.
func place(organization, list string) []byte {
	name := binary.AppendUvarint(nil, uint64(len(organization)))
	name = append(name, organization...)
	return append(name, list...)
}
