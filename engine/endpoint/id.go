package endpoint

import (
	"errors"
	"strings"

	"github.com/oklog/ulid/v2"
)

const (
	liveIDPrefix = "ed_"
	testIDPrefix = "ed_test_"
)

// NewID is the id of an endpoint as people see it.
func NewID(id ulid.ULID, livemode bool) string {
	if livemode {
		return liveIDPrefix + id.String()
	}
	return testIDPrefix + id.String()
}

// ErrBadID says that a text is no endpoint id.
var ErrBadID = errors.New("not an endpoint id: expected ed_ or ed_test_ and 26 characters")

// ParseID is the inverse of NewID, for either mode.
func ParseID(text string) (ulid.ULID, error) {
	rest, ok := strings.CutPrefix(text, testIDPrefix)
	if !ok {
		rest, ok = strings.CutPrefix(text, liveIDPrefix)
	}
	id, err := ulid.ParseStrict(rest)
	if !ok || err != nil || rest != id.String() {
		return ulid.ULID{}, ErrBadID
	}
	return id, nil
}
