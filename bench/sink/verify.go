package sink

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// verifier checks the v1 signatures of Standard Webhooks: base64 of
// HMAC-SHA256 over "id.timestamp.body". The timestamp's age is not looked at,
// since the sink trusts its sender's clock: it is its own.
type verifier struct {
	macs sync.Pool // of hash.Hash, keyed
}

// newVerifier takes a secret of the form whsec_<base64>.
func newVerifier(secret string) (*verifier, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return nil, fmt.Errorf("secret does not start with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("decode secret: %w", err)
	}
	return &verifier{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}, nil
}

// valid reports whether one of the request's signatures is right.
func (v *verifier) valid(request *fasthttp.Request) bool {
	mac := v.macs.Get().(hash.Hash)
	defer v.macs.Put(mac)
	mac.Reset()
	mac.Write(request.Header.Peek("Webhook-Id"))
	mac.Write([]byte("."))
	mac.Write(request.Header.Peek("Webhook-Timestamp"))
	mac.Write([]byte("."))
	mac.Write(request.Body())
	want := base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
	for signature := range bytes.FieldsSeq(request.Header.Peek("Webhook-Signature")) {
		if got, ok := bytes.CutPrefix(signature, []byte("v1,")); ok && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}
