package wire

import (
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
)

const (
	requestIDPrefix    = "req_"
	maxRequestIDLength = 128
)

var requestIDDigits = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// RequestID returns the caller's own id for a request if it is fit to be
// logged and sent back, and otherwise a new one: 128 random bits, which need
// not be secret, only different.
func RequestID(given []byte) string {
	if validRequestID(given) {
		return string(given)
	}
	var random [16]byte
	binary.NativeEndian.PutUint64(random[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(random[8:], rand.Uint64())
	var id [len(requestIDPrefix) + 26]byte
	copy(id[:], requestIDPrefix)
	requestIDDigits.Encode(id[len(requestIDPrefix):], random[:])
	return string(id[:])
}

// validRequestID accepts what people use as ids: ULIDs, UUIDs, hex, base64,
// trace contexts. Nothing that could end a log line or a header is among them.
func validRequestID(id []byte) bool {
	if len(id) == 0 || len(id) > maxRequestIDLength {
		return false
	}
	for _, b := range id {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
		case b == '-', b == '_', b == '.', b == ':', b == '+', b == '/', b == '=', b == '~':
		default:
			return false
		}
	}
	return true
}
