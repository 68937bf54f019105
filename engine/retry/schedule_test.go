package retry

import (
	"slices"
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	const text = "5s,5m,30m,2h,5h,10h,10h"
	got, err := ParseSchedule(text)
	if err != nil || !slices.Equal(got, Default().Delays) {
		t.Errorf("got %v, %v, want the default", got, err)
	}
	if got := FormatSchedule(Default().Delays); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	got, err = ParseSchedule("150ms, 300ms")
	if want := []time.Duration{150 * time.Millisecond, 300 * time.Millisecond}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"", ",", "5s,", "5", "5s 5m", "five"} {
		if got, err := ParseSchedule(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"30d", 30 * day},
		{"1d12h", 36 * time.Hour},
		{"1d23h59m59.999s", 2*day - time.Millisecond},
		{"10h", 10 * time.Hour},
		{"1h30m", 90 * time.Minute},
		{"1m30s", 90 * time.Second},
		{"1.5s", 1500 * time.Millisecond},
		{"150ms", 150 * time.Millisecond},
		{"0s", 0},
	}
	for _, tt := range tests {
		if got, err := ParseDuration(tt.text); got != tt.want || err != nil {
			t.Errorf("ParseDuration(%q): got %s, %v, want %s", tt.text, got, err, tt.want)
		}
		if got := FormatDuration(tt.want); got != tt.text {
			t.Errorf("FormatDuration(%s): got %q, want %q", tt.want, got, tt.text)
		}
	}
	for _, text := range []string{"d", "-1d", "1.5d", "1d-1h", "1d24h", "1dd", "1d1d", "99999d", "1h1d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q): got %s, want an error", text, got)
		}
	}
}

func FuzzDuration(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(36 * time.Hour))
	f.Add(int64(-time.Second))
	f.Fuzz(func(t *testing.T, n int64) {
		want := time.Duration(n)
		if want > 65535*day {
			t.Skip()
		}
		text := FormatDuration(want)
		if got, err := ParseDuration(text); got != want || err != nil {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	})
}
