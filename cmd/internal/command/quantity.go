package command

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Sizes and durations as people write them: 256KiB, 1.5MB, 30d, 2h30m.

var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
	{"B", 1},
}

// parseSize reads a number of bytes: a whole number, or a number with one of
// the units KiB, MiB, GiB, TiB (powers of 1024) and kB, MB, GB, TB (of 1000).
func parseSize(text string) (int64, error) {
	number, unit := text, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = strings.TrimSuffix(rest, " "), u.bytes
			break
		}
	}
	if !digits(number) {
		return 0, errors.New("not a size: expected a number with KiB, MiB, GiB or TiB (of 1024), or kB, MB, GB or TB (of 1000), such as 256KiB")
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n <= math.MaxInt64/unit {
		return n * unit, nil
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value*float64(unit) >= math.MaxInt64 {
		return 0, errors.New("too large for a size")
	}
	return int64(value * float64(unit)), nil
}

// digits reports whether text is a plain decimal number: no sign, exponent or
// hexadecimal, which strconv would take.
func digits(text string) bool {
	whole, fraction, hasFraction := strings.Cut(text, ".")
	for _, part := range []string{whole, fraction} {
		if strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return whole != "" && (!hasFraction || fraction != "")
}

// formatSize is the inverse of parseSize, in the largest power of 1024 that
// gives a whole number.
func formatSize(n int64) string {
	for _, u := range units[:4] {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

const day = 24 * time.Hour

// parseDuration is time.ParseDuration with whole days in front: 30d, 1d12h.
// Negative durations have no use here.
func parseDuration(text string) (time.Duration, error) {
	rest, days := text, int64(0)
	if before, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseInt(before, 10, 64)
		if err != nil || n < 0 || strings.HasPrefix(before, "+") || n > int64(math.MaxInt64/day)-1 {
			return 0, errBadDuration
		}
		if after == "" {
			return time.Duration(n) * day, nil
		}
		rest, days = after, n
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d >= day && days > 0 || strings.HasPrefix(rest, "-") {
		return 0, errBadDuration
	}
	return time.Duration(days)*day + d, nil
}

var errBadDuration = errors.New("not a duration: expected numbers with units, such as 150ms, 30s, 5m, 2h30m or 30d")

// formatDuration is the inverse of parseDuration, without units that are zero.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var days string
	if d >= day {
		days = strconv.FormatInt(int64(d/day), 10) + "d"
		d %= day
		if d == 0 {
			return days
		}
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return days + text
}

// parseMoment reads a moment: RFC 3339, or how long ago.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	ago, err := parseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("not a moment: expected an RFC 3339 time such as %s, or how long ago, such as 2h", "2026-01-31T08:00:00Z")
	}
	return now.Add(-ago), nil
}

// wireTime is how the native API writes moments.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
