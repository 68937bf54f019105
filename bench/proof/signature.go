package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// signed computes the v1 signature of Standard Webhooks: base64 of HMAC-SHA256
// over "id.timestamp.body", keyed with what follows whsec_ in the secret.
func signed(secret string, r *Receipt) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(r.ID + "." + r.Timestamp + "." + r.Body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
