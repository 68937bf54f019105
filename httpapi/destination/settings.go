package destination

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Types of destinations.
const (
	typeWebhook     = "webhook_endpoint"
	typeEventBridge = "amazon_eventbridge"
)

type webhookSettings struct {
	URL string `json:"url"`
}

type eventBridgeSettings struct {
	AccountID string `json:"aws_account_id"`
	Region    string `json:"aws_region"`
}

// creation is the body of a request for a new destination. Whether what it
// says is acceptable is for the engine to check; here only what would be lost
// in the translation is.
type creation struct {
	Type               string               `json:"type"`
	Name               string               `json:"name"`
	EventPayload       string               `json:"event_payload"`
	EnabledEvents      []string             `json:"enabled_events"`
	Webhook            *webhookSettings     `json:"webhook_endpoint"`   // required for its type, and only for that
	EventBridge        *eventBridgeSettings `json:"amazon_eventbridge"` // likewise
	Description        *string              `json:"description"`
	EventsFrom         *[]string            `json:"events_from"` // default ["self"]
	Metadata           *map[string]string   `json:"metadata"`
	SnapshotAPIVersion *string              `json:"snapshot_api_version"` // default: the Stripe-Version of the request
	Include            []string             `json:"include"`
}

// wrong collects what is wrong with a request.
type wrong []wire.Field

func (w *wrong) unless(ok bool, pointer, detail string) {
	if !ok {
		*w = append(*w, wire.Field{Pointer: pointer, Detail: detail})
	}
}

const (
	isRequired = "is required"
	atLeastOne = "must name at least one event type, or *"
)

func (r *creation) faults() (w wrong) {
	w.unless(r.Name != "", "/name", isRequired)
	w.unless(len(r.EnabledEvents) > 0, "/enabled_events", atLeastOne)
	w.unless(r.EventPayload == string(event.Snapshot) || r.EventPayload == string(event.Thin), "/event_payload", "must be snapshot or thin")
	w.unless(r.Type == typeWebhook || r.Type == typeEventBridge, "/type", "must be "+typeWebhook+" or "+typeEventBridge)
	w.unless(r.Webhook != nil || r.Type != typeWebhook, "/webhook_endpoint", isRequired)
	w.unless(r.Webhook == nil || r.Type == typeWebhook, "/webhook_endpoint", "is only for type "+typeWebhook)
	w.unless(r.EventBridge != nil || r.Type != typeEventBridge, "/amazon_eventbridge", isRequired)
	w.unless(r.EventBridge == nil || r.Type == typeEventBridge, "/amazon_eventbridge", "is only for type "+typeEventBridge)
	w.unless(r.SnapshotAPIVersion == nil || r.EventPayload == string(event.Snapshot), "/snapshot_api_version", "is only for event_payload snapshot")
	return w
}

// endpoint is what the request asks for. A snapshot whose version is not named
// is rendered as version, the one that the client who asks is written for: its
// library refuses events of another.
func (r *creation) endpoint(version string) *endpoint.Endpoint {
	e := &endpoint.Endpoint{
		Origin: "destination", Name: r.Name, PayloadFormat: event.Format(r.EventPayload),
		Spans: []endpoint.Span{{EventTypes: r.EnabledEvents}},
	}
	if r.Type == typeWebhook {
		e.Kind, e.URL, e.Signatures = endpoint.Webhook, r.Webhook.URL, []string{"stripe"}
	} else {
		e.Kind, e.EventBridge = endpoint.Bridge, &endpoint.EventBridge{AccountID: r.EventBridge.AccountID, Region: r.EventBridge.Region}
	}
	if e.PayloadFormat == event.Snapshot {
		e.SnapshotAPIVersion = version
	}
	set(&e.SnapshotAPIVersion, r.SnapshotAPIVersion)
	set(&e.Description, r.Description)
	set(&e.Metadata, r.Metadata)
	set(&e.Now().EventsFrom, r.EventsFrom)
	return e
}

// set puts a value that was given into its place.
func set[T any](to *T, given *T) {
	if given != nil {
		*to = *given
	}
}

// update is the body of a request to change a destination.
type update struct {
	Name          *string                        `json:"name"`
	Description   wire.Patch[string]             `json:"description"`
	EnabledEvents *[]string                      `json:"enabled_events"`
	Webhook       *webhookSettings               `json:"webhook_endpoint"`
	Metadata      wire.Patch[map[string]*string] `json:"metadata"` // merged; null removes a key
	Include       []string                       `json:"include"`

	// Fixed at the creation. They are here to be refused by a better reason than
	// that they are unknown.
	Type               json.RawMessage `json:"type"`
	EventPayload       json.RawMessage `json:"event_payload"`
	EventsFrom         json.RawMessage `json:"events_from"`
	SnapshotAPIVersion json.RawMessage `json:"snapshot_api_version"`
	EventBridge        json.RawMessage `json:"amazon_eventbridge"`
}

func (r *update) faults() (w wrong) {
	const fixed = "cannot be changed; create another event destination"
	w.unless(r.Type == nil, "/type", fixed)
	w.unless(r.EventPayload == nil, "/event_payload", fixed)
	w.unless(r.EventsFrom == nil, "/events_from", fixed)
	w.unless(r.SnapshotAPIVersion == nil, "/snapshot_api_version", fixed)
	w.unless(r.EventBridge == nil, "/amazon_eventbridge", fixed)
	w.unless(r.Name == nil || *r.Name != "", "/name", "must not be empty")
	w.unless(r.EnabledEvents == nil || len(*r.EnabledEvents) > 0, "/enabled_events", atLeastOne)
	return w
}

// apply changes an endpoint to what the request says.
func (r *update) apply(e *endpoint.Endpoint) error {
	set(&e.Name, r.Name)
	set(&e.Now().EventTypes, r.EnabledEvents)
	if r.Description.Given {
		e.Description = r.Description.Value
	}
	if r.Webhook != nil {
		e.URL = r.Webhook.URL
	}
	e.Metadata = wire.Merged(e.Metadata, r.Metadata)
	return nil
}
