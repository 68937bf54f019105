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
	Organization *string            `json:"organization_id"`
	Name         wire.Patch[string] `json:"name"`
	URL          *string            `json:"url"`
	EditionID    wire.Patch[string] `json:"edition_id"`
	Events       *[]string          `json:"events"`
	Active       *bool              `json:"is_active"`
	Timeout      wire.Patch[int64]  `json:"timeout_seconds"`

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
	const required = "This field is required."
	check(!whole || s.Name.Given, "name", required)
	check(!whole || s.URL != nil, "url", required)
	check(!whole || s.Events != nil, "events", required)
	check(!s.Name.Given || s.Name.Value != "", "name", "This field may not be blank.")
	check(s.Events == nil || len(*s.Events) > 0, "events", "This list may not be empty.")
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
	if s.URL != nil {
		e.URL = *s.URL
	}
	if s.EditionID.Given {
		e.EditionID = s.EditionID.Value
	}
	if s.Events != nil {
		e.Now().EventTypes = *s.Events
	}
	if s.Active != nil {
		e.SetEnabled(*s.Active)
	}
	if s.Timeout.Given {
		e.Timeout = endpoint.Millis(time.Duration(s.Timeout.Value) * time.Second / time.Millisecond)
	}
	return nil
}
