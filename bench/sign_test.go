package bench

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// sizes of a body: the least, the usual, the default limit.
var sizes = []int{100, 1 << 10, 256 << 10}

// BenchmarkSign signs with one key of the standard scheme; the cost beyond the
// hash is what is the same at every size.
func BenchmarkSign(b *testing.B) {
	signer, err := sign.New([]sign.Scheme{sign.Standard}, "", []sign.Key{{ID: "k", Value: secret.New("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}})
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range sizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			message := &sign.Message{ID: "evt_01J9ZK3V5T8Q2W4E6R8T0Y1U3I", At: 1700000000000, Body: bytes.Repeat([]byte("x"), size)}
			var headers sign.Headers
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				headers.Reset()
				signer.Sign(&headers, message)
			}
		})
	}
}
