package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// FuzzVerify: a message is accepted only if the signature that its secret makes
// of it stands in the header, in any scheme and however the headers are made up.
func FuzzVerify(f *testing.F) {
	const text = "a secret that nobody guesses"
	body, now := []byte(`{"a":1}`), time.UnixMilli(at)
	f.Add("evt_1", "1767319445", "v1,AAAA v1a,AAAA")
	f.Add("evt_1", "-1", "t=1767319445,v1=00,v1=")
	f.Add("", "9223372036854775808", "sha256=zz")
	f.Add("a.b", "0x1", "Bearer "+text+" ")
	mac := func(content string) []byte {
		h := hmac.New(sha256.New, []byte(text))
		h.Write([]byte(content))
		return h.Sum(nil)
	}
	f.Add("evt_1", "1767319445", "v1,"+base64.StdEncoding.EncodeToString(mac("evt_1.1767319445."+string(body))))
	f.Fuzz(func(t *testing.T, id, timestamp, signature string) {
		get := func(name string) string {
			switch strings.ToLower(name) {
			case "webhook-id":
				return id
			case "webhook-timestamp":
				return timestamp
			}
			return signature
		}
		for scheme := Standard; scheme <= Bearer; scheme++ {
			v := Verifier{Scheme: scheme, Keys: []Key{key("k", text)}, Tolerance: -1}
			got, err := v.Verify(get, body, now.UnixMilli())
			if err != nil {
				if got != "" || strings.Contains(err.Error(), text) {
					t.Errorf("%s: got key %q with %v, want none, and no secret in the error", scheme, got, err)
				}
				continue
			}
			want := text // of Bearer
			switch scheme {
			case Standard:
				want = base64.StdEncoding.EncodeToString(mac(id + "." + timestamp + "." + string(body)))
			case Stripe, Timestamped:
				_, rest, _ := strings.Cut(","+signature, ",t=")
				seconds, _, _ := strings.Cut(rest, ",")
				want = hex.EncodeToString(mac(seconds + "." + string(body)))
			case GitHub:
				want = hex.EncodeToString(mac(string(body)))
			}
			if !strings.Contains(signature, want) && !strings.Contains(strings.ToLower(signature), want) {
				t.Errorf("%s: %q is accepted, which has no %q", scheme, signature, want)
			}
		}
	})
}
