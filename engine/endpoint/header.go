package endpoint

import (
	"fmt"
	"strings"

	"github.com/hookwheel/hookwheel/engine/sign"
)

// Limits of the static headers, small enough for what servers accept by
// default in all.
const (
	MaxHeaders     = 32
	MaxHeaderName  = 128
	MaxHeaderValue = 2048
	MaxHeaderBytes = 8192 // of all names and values
)

// reservedHeaders are those that the delivery sets itself, or that would
// change how the request is read. A name that ends in a hyphen stands for all
// that begin with it.
var reservedHeaders = []string{
	"host", "content-", "connection", "keep-alive", "proxy-", "te", "trailer", "transfer-encoding", "upgrade", "expect", "http2-",
	"user-agent", "webhook-", "stripe-signature", "x-hub-signature-256",
}

func (v *validation) headers(e *Endpoint, prefix string) {
	v.check(len(e.Headers) <= MaxHeaders, "headers", "must be at most %d", MaxHeaders)
	if prefix == "" {
		prefix = sign.DefaultPrefix
	}
	reserved := append([]string{strings.ToLower(prefix) + "-"}, reservedHeaders...)
	for _, scheme := range e.Signatures {
		if scheme == sign.Bearer.String() {
			reserved = append(reserved, "authorization")
		}
	}
	seen, total := map[string]bool{}, 0
	for i, h := range e.Headers[:min(len(e.Headers), MaxHeaders)] {
		name := strings.ToLower(h.Name)
		field := fmt.Sprintf("headers/%d/name", i)
		v.check(headerName(h.Name), field, "must be 1 to %d characters that a header name may have", MaxHeaderName)
		v.check(!reservedHeader(name, reserved), field, "is a header that deliveries do not leave to endpoints: %q", h.Name)
		v.check(!seen[name], field, "is there twice: %q", h.Name)
		v.check(headerValue(h.Value), fmt.Sprintf("headers/%d/value", i), "must be at most %d characters of printable ASCII, without spaces around", MaxHeaderValue)
		seen[name] = true
		total += len(h.Name) + len(h.Value)
	}
	v.check(total <= MaxHeaderBytes, "headers", "must be at most %d bytes in all", MaxHeaderBytes)
}

func reservedHeader(name string, reserved []string) bool {
	for _, r := range reserved {
		if name == r || strings.HasSuffix(r, "-") && strings.HasPrefix(name, r) {
			return true
		}
	}
	return false
}

// headerName reports whether name is a token of RFC 9110.
func headerName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= MaxHeaderName
}

// headerValue reports whether value can stand in a header as it is. What RFC
// 9110 allows beyond ASCII, receivers read differently.
func headerValue(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return len(value) <= MaxHeaderValue && strings.TrimSpace(value) == value
}
