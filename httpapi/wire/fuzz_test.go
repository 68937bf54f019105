package wire

import "testing"

// A time that is read is written as one that is read as the same.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789+23:59", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999-01:00", "2026-02-30T00:00:00Z", "2026-01-02 03:04:05"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, ok := ParseTime(text)
		if !ok {
			return
		}
		again, ok := ParseTime(string(AppendTime(nil, ms)))
		if !ok || again != ms || ms < 0 {
			t.Errorf("ParseTime(%q) = %d: written and read again %d, %v", text, ms, again, ok)
		}
	})
}

// Only an id that can stand in a log and in a header is taken over.
func FuzzRequestID(f *testing.F) {
	f.Add([]byte("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
	f.Add([]byte("a\r\nSet-Cookie: x"))
	f.Add([]byte("\u202e"))
	f.Fuzz(func(t *testing.T, given []byte) {
		id := RequestID(given)
		if !validRequestID([]byte(id)) {
			t.Errorf("RequestID(%q): got %q", given, id)
		}
	})
}
