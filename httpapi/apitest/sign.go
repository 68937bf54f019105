package apitest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"time"
)

var signing = regexp.MustCompile(`\$sign\(([^, )]+)(?:, ([+-]\d+))?\)`)

// sign puts Stripe's signature of a body, "t=…,v1=…", in the place of
// $sign(SECRET), or of $sign(SECRET, -60) as it was made 60 seconds ago.
func sign(header, body string) string {
	return signing.ReplaceAllStringFunc(header, func(call string) string {
		argument := signing.FindStringSubmatch(call)
		shift, _ := strconv.Atoi(argument[2]) // "" is 0, and the pattern lets nothing else through
		at := strconv.FormatInt(time.Now().Unix()+int64(shift), 10)
		mac := hmac.New(sha256.New, []byte(argument[1]))
		mac.Write([]byte(at + "." + body))
		return "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))
	})
}
