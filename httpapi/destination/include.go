package destination

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// include says which fields an answer shows that are null otherwise.
type include struct{ url, secret bool }

const (
	includeURL    = "webhook_endpoint.url"
	includeSecret = "webhook_endpoint.signing_secret"
)

// parseInclude reads a list of names. The secret can be included only in the
// answer to the creation; later nobody gets to see it here.
func parseInclude(names []string, pointer string, creating bool) (shown include, faults []wire.Field) {
	for i, name := range names {
		switch {
		case name == includeURL:
			shown.url = true
		case name == includeSecret && creating:
			shown.secret = true
		case name == includeSecret:
			faults = append(faults, wire.Field{Pointer: fmt.Sprintf("%s/%d", pointer, i), Detail: "can only be included when the event destination is created"})
		case creating:
			faults = append(faults, wire.Field{Pointer: fmt.Sprintf("%s/%d", pointer, i), Detail: "must be " + includeURL + " or " + includeSecret})
		default:
			faults = append(faults, wire.Field{Pointer: fmt.Sprintf("%s/%d", pointer, i), Detail: "must be " + includeURL})
		}
	}
	return shown, faults
}

func queryInclude(c *wire.Ctx) (include, error) {
	shown, faults := parseInclude(queryList(c, "include"), "?include", false)
	if len(faults) > 0 {
		return include{}, wire.Invalid(faults...)
	}
	return shown, nil
}

// queryList reads a query parameter that is a list, in any of the spellings
// that libraries have for one: include=a&include=b, include[]=a&include[]=b and
// include[0]=a&include[1]=b.
func queryList(c *wire.Ctx, name string) (values []string) {
	for key, value := range c.QueryArgs().All() {
		rest, ok := bytes.CutPrefix(key, []byte(name))
		if ok && (len(rest) == 0 || isIndex(string(rest))) {
			values = append(values, string(value))
		}
	}
	return values
}

// isIndex reports whether a text is [] or [n].
func isIndex(text string) bool {
	digits, ok := strings.CutPrefix(text, "[")
	digits, closed := strings.CutSuffix(digits, "]")
	return ok && closed && strings.Trim(digits, "0123456789") == ""
}
