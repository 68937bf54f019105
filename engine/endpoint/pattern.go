package endpoint

import (
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

// ErrPattern says that a text is no pattern.
var ErrPattern = fmt.Errorf(`must be an event type, "name.*" or "*", of at most %d bytes`, MaxPatternLength)

// ParsePattern checks and takes apart one pattern.
func ParsePattern(text string) (Pattern, error) {
	p := patternOf(text)
	if p == everything {
		return p, nil
	}
	if len(text) > MaxPatternLength || text == ".*" || !event.ValidType(p.text) {
		return Pattern{}, ErrPattern
	}
	return p, nil
}

var everything = Pattern{prefix: true} // "*"

// patternOf is ParsePattern for a pattern that was checked before.
func patternOf(text string) Pattern {
	if text == "*" {
		return everything
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

// Stem is the type that the pattern selects, if that is exactly one, or else
// what all the types that it selects begin with.
func (p Pattern) Stem() (text string, exact bool) { return p.text, !p.prefix }

// String is the inverse of ParsePattern.
func (p Pattern) String() string {
	if p.prefix {
		return p.text + "*"
	}
	return p.text
}
