package endpoint

import (
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

// A header that an endpoint may have is one of HTTP, in a name and a value that
// nothing on the way can end, and none that deliveries set themselves.
func FuzzHeader(f *testing.F) {
	for _, s := range [][2]string{{"X-A", "b"}, {"Host", "x"}, {"content-LENGTH", "1"}, {"X-A\r\nHost", "x"}, {"X-A", "b\r\nHost: x"}, {"X-A", "b\x00"}, {"webhook-id", "x"}, {"Transfer-Encoding", "chunked"}, {"X A", "b"}, {"X-A", "é"}, {"X-A:", "b"}, {"", ""}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		v := &validation{}
		v.headers(&Endpoint{Headers: []Header{{Name: name, Value: value}}}, "")
		if len(v.faults) > 0 {
			return
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || strings.ContainsAny(name+value, "\r\n\x00") {
			t.Errorf("%q: %q is accepted", name, value)
		}
		for _, reserved := range []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "webhook-id", "webhook-signature", "te", "trailer", "upgrade", "proxy-authorization"} {
			if strings.EqualFold(name, reserved) {
				t.Errorf("%q is accepted", name)
			}
		}
	})
}
