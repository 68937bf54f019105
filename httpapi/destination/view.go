package destination

import (
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

const object = "v2.core.event_destination"

// destinationView is a destination as clients see it. Every key is always
// there.
type destinationView struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	EventBridge        *eventBridgeView  `json:"amazon_eventbridge"`
	Created            wire.Time         `json:"created"`
	Description        string            `json:"description"`
	EnabledEvents      []string          `json:"enabled_events"`
	EventPayload       string            `json:"event_payload"`
	EventsFrom         []string          `json:"events_from"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	Name               string            `json:"name"`
	SnapshotAPIVersion *string           `json:"snapshot_api_version"`
	Status             string            `json:"status"`         // enabled, disabled
	StatusDetails      *statusDetails    `json:"status_details"` // null while enabled
	Type               string            `json:"type"`
	Updated            wire.Time         `json:"updated"`
	Webhook            *webhookView      `json:"webhook_endpoint"`
}

// eventBridgeView has no region: the ARN has it.
type eventBridgeView struct {
	AccountID    string                `json:"aws_account_id"`
	SourceARN    string                `json:"aws_event_source_arn"`
	SourceStatus endpoint.SourceStatus `json:"aws_event_source_status"`
}

type statusDetails struct {
	Disabled disabledDetails `json:"disabled"`
}

type disabledDetails struct {
	Reason string `json:"reason"` // user, no_aws_event_source_exists, delivery_failures, gone
}

// webhookView shows only what the request includes.
type webhookView struct {
	SigningSecret *string `json:"signing_secret"`
	URL           *string `json:"url"`
}

// view shows an endpoint as a destination. The signing secret is not in what is
// known of an endpoint.
func view(o *ledger.Overview, shown include) *destinationView {
	e, now := o.Endpoint, o.Now()
	v := &destinationView{
		ID: e.ID, Object: object, Created: wire.Time(e.CreatedAt), Updated: wire.Time(e.UpdatedAt),
		Name: e.Name, Description: e.Description, Livemode: e.Livemode, Metadata: wire.OrEmptyMap(e.Metadata),
		EnabledEvents: now.EventTypes, EventsFrom: now.EventsFrom,
		EventPayload: string(e.PayloadFormat), SnapshotAPIVersion: wire.OrNull(e.SnapshotAPIVersion),
		Status: "enabled", Type: typeWebhook,
	}
	if len(v.EnabledEvents) == 0 {
		v.EnabledEvents = []string{"*"}
	}
	if len(v.EventsFrom) == 0 {
		v.EventsFrom = []string{endpoint.FromSelf}
	}
	if !e.Enabled() {
		v.Status, v.StatusDetails = "disabled", &statusDetails{disabledDetails{e.DisabledReason}}
	}
	if b := e.EventBridge; b != nil {
		v.Type = typeEventBridge
		v.EventBridge = &eventBridgeView{AccountID: b.AccountID, SourceARN: b.SourceARN(), SourceStatus: o.EventSourceStatus()}
		return v
	}
	v.Webhook = &webhookView{}
	if shown.url {
		v.Webhook.URL = wire.OrNull(e.URL)
	}
	return v
}
