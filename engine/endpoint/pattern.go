package endpoint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hookwheel/hookwheel/engine/event"
)

// Limits of a list of patterns. A pattern is as long as a type at most, which
// also bounds what an endpoint with all of them occupies.
const (
	MaxPatterns      = 1000
	MaxPatternLength = event.MaxTypeLength
)

// Pattern selects event types: an exact type ("invoice.paid"), all below a
// name ("invoice.*"), or all ("*").
//
// A prefix always ends at a dot, so an event type has as many prefixes as
// dots, and the patterns that match it can be looked up instead of tried.
type Pattern struct {
	text   string // the type, or for a prefix what comes before the star
	prefix bool
}

var errPattern = errors.New(`expected an event type, "name.*" or "*"`)

// ParsePattern checks and takes apart one pattern.
func ParsePattern(text string) (Pattern, error) {
	p := patternOf(text)
	switch {
	case len(text) > MaxPatternLength:
		return Pattern{}, fmt.Errorf("longer than %d bytes", MaxPatternLength)
	case p.prefix && p.text == "":
	case p.prefix && len(p.text) == 1, !event.ValidType(p.text):
		return Pattern{}, errPattern
	}
	return p, nil
}

// CheckPatterns checks a list of patterns. The error names the first fault and
// its index.
func CheckPatterns(list []string) error {
	if len(list) > MaxPatterns {
		return fmt.Errorf("%d patterns; at most %d are allowed", len(list), MaxPatterns)
	}
	for i, text := range list {
		if _, err := ParsePattern(text); err != nil {
			return fmt.Errorf("pattern %d: %w", i, err)
		}
	}
	return nil
}

// patternOf is ParsePattern for a pattern that was checked before.
func patternOf(text string) Pattern {
	if text == "*" {
		return Pattern{prefix: true}
	}
	if strings.HasSuffix(text, ".*") {
		return Pattern{text: text[:len(text)-1], prefix: true}
	}
	return Pattern{text: text}
}

// Match reports whether the pattern selects an event type.
func (p Pattern) Match(eventType string) bool {
	if p.prefix {
		return strings.HasPrefix(eventType, p.text)
	}
	return p.text == eventType
}

// String is the inverse of ParsePattern.
func (p Pattern) String() string {
	if p.prefix {
		return p.text + "*"
	}
	return p.text
}
