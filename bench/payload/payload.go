// Package payload makes the data that benchmark events carry and reads back
// what the sink needs of it.
//
//	{"sent_at":1700000000000000000,"text":"<base64 of random bytes>"}
//
// The text is new in every event and comes from a generator with a seed, so
// no compressor flatters a figure, and every run posts the same texts.
package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

const (
	sentAt   = `{"sent_at":`
	text     = `,"text":"`
	end      = `"}`
	overhead = len(sentAt) + 19 + len(text) + len(end) // a Unix time in nanoseconds has 19 digits until the year 2286

	// MinSize is the least number of bytes a payload can have.
	MinSize = overhead + 1
)

// Source makes payloads of one size. Not safe for concurrent use.
type Source struct {
	size   int
	random *rand.ChaCha8
	bytes  []byte // random, before encoding
	chars  []byte // after it; a few more than needed, since base64 comes in fours
}

// NewSource returns a source of payloads of size bytes, at least MinSize. Two
// sources with the same seed and stream make the same texts.
func NewSource(size int, seed, stream uint64) *Source {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], stream)
	groups := (max(size, MinSize) - overhead + 3) / 4
	return &Source{
		size:   max(size, MinSize),
		random: rand.NewChaCha8(key),
		bytes:  make([]byte, 3*groups),
		chars:  make([]byte, 4*groups),
	}
}

// Append appends one payload that says that it was sent at that Unix time in
// nanoseconds.
func (s *Source) Append(dst []byte, at int64) []byte {
	s.fill(s.bytes)
	base64.StdEncoding.Encode(s.chars, s.bytes)
	dst = append(dst, sentAt...)
	dst = strconv.AppendInt(dst, at, 10)
	dst = append(dst, text...)
	dst = append(dst, s.chars[:s.size-overhead]...)
	return append(dst, end...)
}

// Read fills b with random bytes, so that ids can come from the same seed. It
// never fails.
func (s *Source) Read(b []byte) (int, error) {
	s.fill(b)
	return len(b), nil
}

func (s *Source) fill(b []byte) {
	_, _ = s.random.Read(b) // never fails, by its contract
}

// SentAt finds when the payload inside a delivered body was sent, in Unix
// nanoseconds, whatever the delivery wraps it in.
func SentAt(body []byte) (at int64, ok bool) {
	i := bytes.Index(body, []byte(sentAt[1:])) // without the brace: it may be followed by other fields first
	if i < 0 {
		return 0, false
	}
	digits := body[i+len(sentAt)-1:]
	for n, c := range digits {
		if c < '0' || c > '9' {
			digits = digits[:n]
			break
		}
	}
	at, err := strconv.ParseInt(string(digits), 10, 64)
	return at, err == nil
}
