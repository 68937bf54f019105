package webhook

import (
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// settings are the body of a request that creates, replaces or changes an
// endpoint. What is absent stays as it is.
type settings struct {
	Organization *string              `json:"organization_id"`
	Name         wire.Patch[string]   `json:"name"`
	URL          wire.Patch[string]   `json:"url"`
	EditionID    wire.Patch[string]   `json:"edition_id"` // null is none
	Events       wire.Patch[[]string] `json:"events"`
	Active       wire.Patch[bool]     `json:"is_active"`
	Timeout      wire.Patch[int64]    `json:"timeout_seconds"` // null is the default

	// Clients send back what they were shown. These are not theirs to set, and
	// are ignored.
	ID       json.RawMessage `json:"id"`
	Created  json.RawMessage `json:"created"`
	Modified json.RawMessage `json:"modified"`
	Secret   json.RawMessage `json:"secret"`
}

const (
	minTimeout = int64(1)
	maxTimeout = int64(endpoint.MaxTimeout / 1000)
)

// read reads and checks the body; whole = it must have all that is required.
func (s *settings) read(c *wire.Ctx, whole bool) error {
	if err := c.Decode(s); err != nil {
		return err
	}
	if s.Organization != nil {
		if err := checkOrganization(c, *s.Organization); err != nil {
			return err
		}
	}
	var faults []wire.Field
	check := func(ok bool, field, detail string) {
		if !ok {
			faults = append(faults, wire.Field{Pointer: "/" + field, Detail: detail})
		}
	}
	const blank, null = "This field may not be blank.", "This field may not be null."
	need := func(field string, given, isNull bool, length int, empty string) {
		switch {
		case !given:
			check(!whole, field, "This field is required.")
		case isNull:
			check(false, field, null)
		default:
			check(length > 0, field, empty)
		}
	}
	need("name", s.Name.Given, s.Name.Null, len(s.Name.Value), blank)
	need("url", s.URL.Given, s.URL.Null, len(s.URL.Value), blank)
	need("events", s.Events.Given, s.Events.Null, len(s.Events.Value), "This list may not be empty.")
	check(!s.Active.Null, "is_active", null)
	if t := s.Timeout; t.Given && !t.Null {
		check(t.Value >= minTimeout, "timeout_seconds", "Ensure this value is greater than or equal to 1.")
		check(t.Value <= maxTimeout, "timeout_seconds", "Ensure this value is less than or equal to 60.")
	}
	if len(faults) > 0 {
		return wire.Invalid(faults...)
	}
	return nil
}

// apply changes an endpoint to what the settings say. It cannot fail.
func (s *settings) apply(e *endpoint.Endpoint) error {
	if s.Name.Given {
		e.Name = s.Name.Value
	}
	if s.URL.Given {
		e.URL = s.URL.Value
	}
	if s.EditionID.Given {
		e.EditionID = s.EditionID.Value
	}
	if s.Events.Given {
		e.Now().EventTypes = s.Events.Value
	}
	if s.Active.Given {
		e.SetEnabled(s.Active.Value)
	}
	if s.Timeout.Given {
		e.Timeout = endpoint.Millis(time.Duration(s.Timeout.Value) * time.Second / time.Millisecond)
	}
	return nil
}
