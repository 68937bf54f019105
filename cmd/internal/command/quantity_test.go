package command

import (
	"math"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for _, test := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"1024", 1024, true}, {"256KiB", 256 << 10, true}, {"1.5MiB", 3 << 19, true},
		{"1 GiB", 1 << 30, true}, {"2kB", 2000, true}, {"2KB", 2000, true}, {"3TB", 3e12, true}, {"7B", 7, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"", 0, false}, {"KiB", 0, false}, {"-1", 0, false}, {"+1", 0, false}, {"1e3", 0, false}, {"0x10", 0, false},
		{"1.", 0, false}, {".5KiB", 0, false}, {"1KiB2", 0, false}, {"9223372036854775808", 0, false}, {"9000000TiB", 0, false},
		{"1kib", 0, false}, {"NaN", 0, false},
	} {
		got, err := parseSize(test.text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("parseSize(%q): got %d, %v, want %d, ok %v", test.text, got, err, test.want, test.ok)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for _, test := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"0", 0, true}, {"150ms", 150 * time.Millisecond, true}, {"2h30m", 150 * time.Minute, true},
		{"30d", 30 * day, true}, {"1d12h", 36 * time.Hour, true}, {"0d", 0, true}, {"1.5h", 90 * time.Minute, true},
		{"", 0, false}, {"10", 0, false}, {"-1s", 0, false}, {"d", 0, false}, {"-1d", 0, false}, {"+1d", 0, false},
		{"1d25h", 0, false}, {"1.5d", 0, false}, {"1d-1h", 0, false}, {"106752d", 0, false}, {"1y", 0, false}, {"1d1d", 0, false},
	} {
		got, err := parseDuration(test.text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("parseDuration(%q): got %v, %v, want %v, ok %v", test.text, got, err, test.want, test.ok)
		}
	}
}

func TestFormat(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 2 * time.Hour: "2h", 150 * time.Minute: "2h30m", 30 * day: "30d",
		36 * time.Hour: "1d12h", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s", 20 * time.Minute: "20m",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%d): got %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0B", 1: "1B", 1024: "1KiB", 1536: "1536B", 3 << 20: "3MiB", 1 << 40: "1TiB"} {
		if got := formatSize(n); got != want {
			t.Errorf("formatSize(%d): got %q, want %q", n, got, want)
		}
	}
}

// What is shown as a default can be given as a value.
func FuzzFormatParse(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(36 * time.Hour))
	f.Add(int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, n int64) {
		if n < 0 {
			return
		}
		if got, err := parseSize(formatSize(n)); got != n || err != nil {
			t.Errorf("parseSize(%q): got %d, %v, want %d", formatSize(n), got, err, n)
		}
		if d := time.Duration(n); d < 100000*day {
			if got, err := parseDuration(formatDuration(d)); got != d || err != nil {
				t.Errorf("parseDuration(%q): got %v, %v, want %v", formatDuration(d), got, err, d)
			}
		}
	})
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-01-30T08:00:00Z":          now.Add(-day),
		"2026-01-31T09:00:00.250+01:00": now.Add(250 * time.Millisecond),
		"2h":                            now.Add(-2 * time.Hour),
		"7d":                            now.Add(-7 * day),
	} {
		if got, err := parseMoment(text, now); !got.Equal(want) || err != nil {
			t.Errorf("parseMoment(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	if _, err := parseMoment("2026-01-31", now); err == nil {
		t.Error("parseMoment of a date without time: got nil, want an error")
	}
}
