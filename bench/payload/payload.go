// Package payload makes the data that benchmark events carry and reads back
// what the sink needs of it.
//
//	{"sent_at":1700000000000000000,"text":"<base64 of random bytes>"}
//
// The texts are pieces, at random places, of 4 MiB of base64 made from a seed:
// too much for any compressor to see a piece twice, and cheap enough that the
// generator's work does not show in a figure.
package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

const (
	sentAt   = `"sent_at":`
	text     = `,"text":"`
	overhead = len(`{`) + len(sentAt) + 19 + len(text) + len(`"}`) // a Unix time in nanoseconds has 19 digits until the year 2286

	poolSize = 4 << 20

	// MinSize and MaxSize bound the number of bytes of a payload.
	MinSize = overhead + 1
	MaxSize = poolSize / 2
)

// Pool is the text that payloads are pieces of. Read-only, so any number of
// sources share it.
type Pool struct {
	seed uint64
	text []byte
}

// NewPool makes the text of a seed.
func NewPool(seed uint64) *Pool {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	random := make([]byte, poolSize/4*3)
	_, _ = rand.NewChaCha8(key).Read(random) // never fails, by its contract
	return &Pool{seed: seed, text: base64.StdEncoding.AppendEncode(make([]byte, 0, poolSize), random)}
}

// Source makes payloads of one size. Not safe for concurrent use.
type Source struct {
	pool   *Pool
	length int // of a text
	random *rand.Rand
}

// Source returns a source of payloads of size bytes, MinSize to MaxSize. Two
// sources of one seed and stream make the same texts.
func (p *Pool) Source(size int, stream uint64) *Source {
	return &Source{pool: p, length: size - overhead, random: rand.New(rand.NewPCG(p.seed, stream))}
}

// Append appends one payload that says that it was sent at that Unix time in
// nanoseconds.
func (s *Source) Append(dst []byte, at int64) []byte {
	start := s.random.IntN(poolSize - s.length)
	dst = append(dst, '{')
	dst = append(dst, sentAt...)
	dst = strconv.AppendInt(dst, at, 10)
	dst = append(dst, text...)
	dst = append(dst, s.pool.text[start:start+s.length]...)
	return append(dst, `"}`...)
}

// Read fills b with random bytes, so that ids can come from the same seed. It
// never fails.
func (s *Source) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.random.Uint32())
	}
	return len(b), nil
}

// SentAt finds when the payload inside a delivered body was sent, in Unix
// nanoseconds, whatever the delivery wraps it in.
func SentAt(body []byte) (at int64, ok bool) {
	_, digits, ok := bytes.Cut(body, []byte(sentAt))
	if !ok {
		return 0, false
	}
	if end := bytes.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' }); end >= 0 {
		digits = digits[:end]
	}
	at, err := strconv.ParseInt(string(digits), 10, 64)
	return at, err == nil
}
