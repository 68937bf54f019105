package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/secret"
)

var body = []byte(strings.Repeat("0123456789abcdef", 64)) // 1 KB

// BenchmarkRawHMAC is what BenchmarkSign/standard is measured against: the
// body alone through a hash that is used again.
func BenchmarkRawHMAC(b *testing.B) {
	mac := hmac.New(sha256.New, []byte("secret"))
	var sum [sha256.Size]byte
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		mac.Reset()
		mac.Write(body)
		mac.Sum(sum[:0])
	}
}

func BenchmarkSign(b *testing.B) {
	for scheme := Standard; scheme <= Bearer; scheme++ {
		b.Run(scheme.String(), func(b *testing.B) {
			benchmarkSign(b, newSigner(b, []Scheme{scheme}, key("k", spec)))
		})
	}
	b.Run("standard in rotation", func(b *testing.B) {
		benchmarkSign(b, newSigner(b, []Scheme{Standard}, key("new", spec),
			Key{ID: "old", Value: secret.New("another"), NotAfter: at + minute}))
	})
	b.Run("standard ed25519", func(b *testing.B) {
		benchmarkSign(b, newSigner(b, []Scheme{Standard}, Key{ID: "k", Value: secret.NewAsymmetric()}))
	})
}

func benchmarkSign(b *testing.B, s *Signer) {
	m := &Message{ID: "evt_01J9ZK3V5T8Q2W4E6R8T0Y1U3I", EventType: "invoice.paid", DeliveryID: "dlv_01J9ZK3V5T8Q2W4E6R8T0Y1U3I", At: at, Body: body}
	var h Headers
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		h.Reset()
		s.Sign(&h, m)
	}
}

func BenchmarkVerifyStripe(b *testing.B) {
	keys := []Key{key("k", spec)}
	headers := signed(b, newSigner(b, []Scheme{Stripe}, keys...), &Message{At: at, Body: body})
	verifier := Verifier{Scheme: Stripe, Keys: keys}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(headers.Get, body, at); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	keys := []Key{key("k", spec)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New([]Scheme{Standard}, "", keys); err != nil {
			b.Fatal(err)
		}
	}
}
