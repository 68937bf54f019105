package apitest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"time"
)

// StripeSignature is what Stripe puts into the header Stripe-Signature of a
// body.
func StripeSignature(secret, body string, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "." + body))
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

var signing = regexp.MustCompile(`\$sign\(([^, )]+)(?:, ([+-]\d+))?\)`)

// sign puts the StripeSignature of a body in the place of $sign(SECRET), or of
// $sign(SECRET, -60) as it was made 60 seconds ago.
func sign(header, body string) string {
	return signing.ReplaceAllStringFunc(header, func(call string) string {
		argument := signing.FindStringSubmatch(call)
		shift, _ := strconv.Atoi(argument[2]) // "" is 0, and the pattern lets nothing else through
		return StripeSignature(argument[1], body, time.Now().Add(time.Duration(shift)*time.Second))
	})
}
