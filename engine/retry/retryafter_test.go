package retry

import (
	"net/http"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

func TestParseRetryAfter(t *testing.T) {
	tests := []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"0", 0, true},
		{"120", 2 * time.Minute, true},
		{" 120 ", 2 * time.Minute, true},
		{"-120", 0, true},
		{"86400", 24 * time.Hour, true},
		{"86401", 24 * time.Hour, true},
		{"99999999999999999999999999", 24 * time.Hour, true},
		{"-99999999999999999999999999", 0, true},
		{"Tue, 03 Feb 2026 12:01:30 GMT", 90 * time.Second, true},
		{"Tuesday, 03-Feb-26 12:01:30 GMT", 90 * time.Second, true},
		{"Tue Feb  3 12:01:30 2026", 90 * time.Second, true},
		{"Tue, 03 Feb 2026 11:59:59 GMT", 0, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", 24 * time.Hour, true},
		{"Mon, 01 Jan 0001 00:00:00 GMT", 0, true},
		{"", 0, false},
		{"-", 0, false},
		{"+5", 0, false},
		{"1.5", 0, false},
		{"5s", 0, false},
		{"1 2", 0, false},
		{"soon", 0, false},
		{"2026-02-03T12:01:30Z", 0, false},
		{"Tue, 31 Feb 2026 12:00:00 GMT", 0, false},
	}
	for _, tt := range tests {
		if got, ok := ParseRetryAfter(tt.value, noon); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %s, %v, want %s, %v", tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

// FuzzParseRetryAfter compares dates with net/http's parser, and checks that
// whatever a receiver sends gives a wait within the limits.
func FuzzParseRetryAfter(f *testing.F) {
	for _, value := range []string{"120", "-1", "Tue, 03 Feb 2026 12:01:30 GMT", "Tuesday, 03-Feb-26 12:01:30 GMT", "Tue Feb  3 12:01:30 2026", "\x00"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := ParseRetryAfter(value, noon)
		if got < 0 || got > MaxRetryAfterMax || !ok && got != 0 {
			t.Errorf("%q: got %s, %v", value, got, ok)
		}
		if date, err := http.ParseTime(value); err == nil {
			want := min(max(date.Sub(noon), 0), MaxRetryAfterMax)
			if got != want || !ok {
				t.Errorf("%q: got %s, %v, want %s, true", value, got, ok, want)
			}
		}
	})
}
