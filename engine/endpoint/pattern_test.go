package endpoint

import (
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, eventType string
		want               bool
	}{
		{"*", "invoice.paid", true},
		{"*", "invoice", true},
		{"invoice.paid", "invoice.paid", true},
		{"invoice.paid", "invoice.paid_late", false},
		{"invoice.paid", "invoice", false},
		{"invoice.*", "invoice.paid", true},
		{"invoice.*", "invoice.item.added", true},
		{"invoice.*", "invoice", false},
		{"invoice.*", "invoices.paid", false},
		{"invoice.item.*", "invoice.paid", false},
		{"v1.billing.*", "v1.billing.meter.error_report_triggered", true},
	} {
		p, err := ParsePattern(test.pattern)
		if err != nil {
			t.Errorf("parse %q: got %v, want no error", test.pattern, err)
		}
		if got := p.Match(test.eventType); got != test.want {
			t.Errorf("%q on %q: got %t, want %t", test.pattern, test.eventType, got, test.want)
		}
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for _, text := range []string{"", ".*", "**", "*.paid", "inv*", "invoice.*.paid", "invoice paid", "invoice*", "é", strings.Repeat("a", MaxPatternLength+1)} {
		if _, err := ParsePattern(text); err == nil {
			t.Errorf("parse %q: got no error, want one", text)
		}
	}
}

// FuzzPattern: a pattern that parses is written as it was read, and matches
// what the naive reading of it says.
func FuzzPattern(f *testing.F) {
	f.Add("invoice.*", "invoice.paid")
	f.Add("*", "a")
	f.Add("a..*", "a..")
	f.Fuzz(func(t *testing.T, text, eventType string) {
		p, err := ParsePattern(text)
		if err != nil {
			return
		}
		if got := p.String(); got != text {
			t.Errorf("parse %q: got %q back", text, got)
		}
		prefix, star := strings.CutSuffix(text, "*")
		want := eventType == text || star && strings.HasPrefix(eventType, prefix)
		if got := p.Match(eventType); got != want && event.ValidType(eventType) {
			t.Errorf("%q on %q: got %t, want %t", text, eventType, got, want)
		}
	})
}
