package retry

import (
	"strconv"
	"strings"
	"time"
)

// The three forms of a date in HTTP (RFC 9110, 5.6.7); the first is the one
// to be sent.
var httpDates = []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}

// ParseRetryAfter reads the value of a Retry-After header, seconds or a date,
// and returns how long after now that is: from 0, for what has passed or is
// negative, to MaxRetryAfterMax, for whatever is longer. It returns false for
// what is neither.
func ParseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if digits := strings.TrimPrefix(value, "-"); digits != "" && strings.Trim(digits, "0123456789") == "" {
		// What does not fit an int64 fails with the nearest that does.
		seconds, _ := strconv.ParseInt(value, 10, 64)
		seconds = min(max(seconds, 0), int64(MaxRetryAfterMax/time.Second))
		return time.Duration(seconds) * time.Second, true
	}
	for _, layout := range httpDates {
		if date, err := time.Parse(layout, value); err == nil {
			return min(max(date.Sub(now), 0), MaxRetryAfterMax), true
		}
	}
	return 0, false
}
