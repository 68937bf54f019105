package wire

import (
	"errors"
	"time"

	"github.com/hookwheel/hookwheel/engine/json"
)

// timeLayout is RFC 3339 in UTC with exactly three decimals, the one form in
// which the API writes times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a moment in Unix milliseconds as it appears in JSON. Zero is null: a
// moment that is not known or has not come.
type Time int64

// MarshalJSON writes "2026-01-02T03:04:05.678Z" or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return append(AppendTime(append(make([]byte, 0, len(timeLayout)+2), '"'), int64(t)), '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and any other time of RFC 3339.
func (t *Time) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*t = 0
		return nil
	}
	var written string
	if json.Unmarshal(text, &written) != nil {
		return errBadTime
	}
	ms, ok := ParseTime(written)
	if !ok {
		return errBadTime
	}
	*t = Time(ms)
	return nil
}

var errBadTime = errors.New("must be a time of RFC 3339, such as 2026-01-02T03:04:05Z")

// AppendTime appends a moment in Unix milliseconds, without quotes.
func AppendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, timeLayout)
}

// ParseTime reads a moment of RFC 3339, with any offset and any number of
// decimals, into Unix milliseconds. Years outside of 1970–9999 are refused.
func ParseTime(text string) (int64, bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.UnixMilli() < 0 || t.UTC().Year() > 9999 {
		return 0, false
	}
	return t.UnixMilli(), true
}
