package sign

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"hash"
)

// Headers receives the headers of one attempt. It is a buffer to be used again
// and again: it also holds the hash state and the scratch space of signing, so
// that a Signer itself is immutable and an endpoint at rest keeps none. After
// the first use nothing is allocated. The zero value is ready; one goroutine
// at a time may use it.
type Headers struct {
	values []byte
	fields []field

	sha  hash.Hash // SHA-256
	text []byte    // what stands before the body in the signed content
	sum  [sha256.Size]byte
}

// field is one header. Its value ends where the next one's begins.
type field struct {
	name  string
	start int
}

// Reset forgets all headers and keeps the memory.
func (h *Headers) Reset() {
	h.values, h.fields = h.values[:0], h.fields[:0]
}

// Len returns the number of headers.
func (h *Headers) Len() int { return len(h.fields) }

// At returns the i-th header. The value is valid until the next Reset or Sign.
func (h *Headers) At(i int) (name string, value []byte) {
	end := len(h.values)
	if i+1 < len(h.fields) {
		end = h.fields[i+1].start
	}
	return h.fields[i].name, h.values[h.fields[i].start:end:end]
}

// Token returns the bearer token, the one header that shows a secret itself; nil
// if there is none. It is valid as long as At's value.
func (h *Headers) Token() []byte {
	for i := range h.fields {
		if name, value := h.At(i); name == headerBearer {
			return bytes.TrimPrefix(value, []byte(bearerPrefix))
		}
	}
	return nil
}

// begin starts a header; its value is what is appended to values until the
// next begin.
func (h *Headers) begin(name string) {
	h.fields = append(h.fields, field{name, len(h.values)})
}

// mac returns the HMAC-SHA256 of text and body. The result is valid until the
// next call.
func (h *Headers) mac(key *hmacKey, body []byte) []byte {
	if h.sha == nil {
		h.sha = sha256.New()
	}
	h.restore(key.inner)
	h.sha.Write(h.text)
	h.sha.Write(body)
	inner := h.sha.Sum(h.sum[:0])
	h.restore(key.outer)
	h.sha.Write(inner)
	return h.sha.Sum(h.sum[:0])
}

func (h *Headers) restore(state []byte) {
	if err := h.sha.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic("sign: cannot restore a SHA-256 state of this process: " + err.Error())
	}
}
