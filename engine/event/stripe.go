package event

import (
	"strings"

	"github.com/hookwheel/hookwheel/engine/json"
)

// RelatedObject is what an event is about, as Stripe writes it.
type RelatedObject struct {
	ID   string `json:"id"`
	Type string `json:"type"` // what the object calls itself in "object"
	URL  string `json:"url"`  // path to read it at
}

// TypePing is the type of an event that only shows that its destination is
// reached. It is about that destination.
const TypePing = "v2.core.event_destination.ping"

// needs are parts without which Stripe's libraries cannot read an event.
type needs uint8

const (
	needsObject needs = 1 << iota // a complete related_object
	needsData                     // data that is an object
)

// stripeTypes are the events that Stripe's libraries decode into structures of
// their own when they fetch them. The one for Go dereferences what such an
// event must have without looking, so one that was let in without it would
// bring down whoever lists events. Events of all other types are safe. As of
// stripe-go v85.
var stripeTypes = map[string]needs{
	"v1.billing.meter.error_report_triggered": needsObject | needsData,
	"v1.billing.meter.no_meter_found":         needsData,

	"v2.core.account.closed":  needsObject,
	"v2.core.account.created": needsObject,
	"v2.core.account.updated": needsObject,
	"v2.core.account[configuration.customer].capability_status_updated":  needsObject | needsData,
	"v2.core.account[configuration.customer].updated":                    needsObject,
	"v2.core.account[configuration.merchant].capability_status_updated":  needsObject | needsData,
	"v2.core.account[configuration.merchant].updated":                    needsObject,
	"v2.core.account[configuration.recipient].capability_status_updated": needsObject | needsData,
	"v2.core.account[configuration.recipient].updated":                   needsObject,
	"v2.core.account[defaults].updated":                                  needsObject,
	"v2.core.account[future_requirements].updated":                       needsObject,
	"v2.core.account[identity].updated":                                  needsObject,
	"v2.core.account[requirements].updated":                              needsObject,
	"v2.core.account_link.returned":                                      needsData,
	"v2.core.account_person.created":                                     needsObject | needsData,
	"v2.core.account_person.deleted":                                     needsObject | needsData,
	"v2.core.account_person.updated":                                     needsObject | needsData,

	TypePing: needsObject,
}

// checkStripe reports what would keep Stripe's libraries from reading an event,
// and with it the list that it is in.
func (e *Event) checkStripe(fault func(field, detail string)) {
	var need needs
	if strings.HasPrefix(e.Type, "v1.") || strings.HasPrefix(e.Type, "v2.") {
		need = stripeTypes[e.Type]
	}
	if need&needsData != 0 && e.Data[0] != '{' {
		fault("data", "must be an object in an event of this type")
	}
	if len(e.RelatedObject) != 0 || need&needsObject != 0 {
		about, ok := e.related()
		switch {
		case !ok:
			fault("related_object", "must have strings for id, type and url")
		case need&needsObject != 0 && (about.ID == "" || about.Type == "" || about.URL == ""):
			fault("related_object", "must have id, type and url in an event of this type")
		}
	}
	if len(e.Reason) != 0 && json.Unmarshal(e.Reason, &reason{}) != nil {
		fault("reason", `must be as in {"type": "request", "request": {"id": "…", "idempotency_key": "…"}}`)
	}
}

// reason is why an event was made, as Stripe writes it.
type reason struct {
	Type    string `json:"type"`
	Request *struct {
		ID             string `json:"id"`
		IdempotencyKey string `json:"idempotency_key"`
	} `json:"request"`
}

func (e *Event) related() (about RelatedObject, ok bool) {
	return about, len(e.RelatedObject) == 0 || json.Unmarshal(e.RelatedObject, &about) == nil
}

// RelatedID is the id of the object that the event is about; "" = not known.
func (e *Event) RelatedID() string {
	about, _ := e.related()
	return about.ID
}
