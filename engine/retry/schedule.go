package retry

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseSchedule reads a list of delays such as "5s,5m,2h,1d12h". It checks the
// form; Policy.Validate checks the limits.
func ParseSchedule(text string) ([]time.Duration, error) {
	var delays []time.Duration
	for item := range strings.SplitSeq(text, ",") {
		delay, err := ParseDuration(strings.TrimSpace(item))
		if err != nil {
			return nil, fmt.Errorf("parse retry schedule: %w", err)
		}
		delays = append(delays, delay)
	}
	return delays, nil
}

// FormatSchedule is the inverse of ParseSchedule.
func FormatSchedule(delays []time.Duration) string {
	items := make([]string, len(delays))
	for i, delay := range delays {
		items[i] = FormatDuration(delay)
	}
	return strings.Join(items, ",")
}

// ParseDuration is time.ParseDuration with days of 24 hours in front: "30d",
// "1d12h".
func ParseDuration(text string) (time.Duration, error) {
	count, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseUint(count, 10, 16) // 179 years, and no overflow below
	if err != nil {
		return 0, fmt.Errorf("invalid duration %q", text)
	}
	d := time.Duration(days) * day
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more >= day {
		return 0, fmt.Errorf("invalid duration %q: want less than a day after the days", text)
	}
	return d + more, nil
}

// FormatDuration writes a duration without the zeros that time.Duration's
// String has, and with days: "10h", "1d12h", "150ms". ParseDuration reads it.
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return d.String()
	}
	var text []byte
	for _, unit := range []struct {
		size time.Duration
		name byte
	}{{day, 'd'}, {time.Hour, 'h'}, {time.Minute, 'm'}} {
		if n := d / unit.size; n > 0 {
			text = strconv.AppendInt(text, int64(n), 10)
			text = append(text, unit.name)
			d %= unit.size
		}
	}
	if d > 0 {
		text = append(text, d.String()...) // less than a minute: no zeros
	}
	return string(text)
}
