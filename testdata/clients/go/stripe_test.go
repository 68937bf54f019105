package clients

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

// stripeClient is Stripe's client, pointed at the server and acting by a key.
// It does not repeat requests, so that what is refused is seen at once, and it
// does not log.
func stripeClient(s *server, key string) *stripe.Client {
	return stripe.NewClient(key, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL: &s.url, MaxNetworkRetries: stripe.Int64(0), LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})))
}

// newDestination is what a destination of this test is created with.
func newDestination(r *receiver, name, payload string) *stripe.V2CoreEventDestinationCreateParams {
	return &stripe.V2CoreEventDestinationCreateParams{
		Name:            &name,
		Type:            stripe.String(string(stripe.V2CoreEventDestinationTypeWebhookEndpoint)),
		EventPayload:    &payload,
		EnabledEvents:   stripe.StringSlice([]string{"v1.billing.meter.error_report_triggered", "invoice.*"}),
		WebhookEndpoint: &stripe.V2CoreEventDestinationCreateWebhookEndpointParams{URL: &r.url},
		Include:         stripe.StringSlice([]string{"webhook_endpoint.signing_secret", "webhook_endpoint.url"}),
	}
}

// want fails unless two values are equal.
func want[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}

// must fails the test on an error, and passes the value on.
func must[T any](value T, err error) func(t *testing.T, what string) T {
	return func(t *testing.T, what string) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return value
	}
}

// A destination's life.
func TestStripeDestinations(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	client, ctx := stripeClient(s, s.key), t.Context()
	destinations := client.V2CoreEventDestinations

	params := newDestination(r, "First", "thin")
	params.Description = stripe.String("of all")
	params.EventsFrom = stripe.StringSlice([]string{"@self"})
	params.AddMetadata("team", "a")
	params.AddMetadata("floor", "3")
	made := must(destinations.Create(ctx, params))(t, "create")
	want(t, "object", made.Object, "v2.core.event_destination")
	want(t, "name and description", made.Name+", "+made.Description, "First, of all")
	want(t, "status", made.Status, stripe.V2CoreEventDestinationStatusEnabled)
	want(t, "url", made.WebhookEndpoint.URL, r.url)
	want(t, "secret is shown", strings.HasPrefix(made.WebhookEndpoint.SigningSecret, "whsec_"), true)
	want(t, "sources", fmt.Sprint(made.EventsFrom), "[@self]")
	want(t, "metadata", fmt.Sprint(made.Metadata), "map[floor:3 team:a]")
	want(t, "request id is sent", strings.HasPrefix(made.LastResponse.RequestID, "req_"), true)
	want(t, "version is sent back", made.LastResponse.Header.Get("Stripe-Version"), stripe.APIVersion)

	change := &stripe.V2CoreEventDestinationUpdateParams{
		Name: stripe.String("Renamed"), Metadata: map[string]*string{"team": nil, "room": stripe.String("5")},
		Include: stripe.StringSlice([]string{"webhook_endpoint.url"}),
	}
	changed := must(destinations.Update(ctx, made.ID, change))(t, "update")
	want(t, "name, changed", changed.Name, "Renamed")
	want(t, "metadata, changed", fmt.Sprint(changed.Metadata), "map[floor:3 room:5]")
	want(t, "description, not changed", changed.Description, "of all")

	disabled := must(destinations.Disable(ctx, made.ID, nil))(t, "disable")
	want(t, "status when disabled", disabled.Status, stripe.V2CoreEventDestinationStatusDisabled)
	want(t, "reason", disabled.StatusDetails.Disabled.Reason, stripe.V2CoreEventDestinationStatusDetailsDisabledReasonUser)
	enabled := must(destinations.Enable(ctx, made.ID, nil))(t, "enable")
	want(t, "status when enabled", enabled.Status, stripe.V2CoreEventDestinationStatusEnabled)

	read := must(destinations.Retrieve(ctx, made.ID, &stripe.V2CoreEventDestinationRetrieveParams{Include: change.Include}))(t, "retrieve")
	want(t, "url, included", read.WebhookEndpoint.URL, r.url)
	want(t, "secret, later", read.WebhookEndpoint.SigningSecret, "")
	want(t, "created", read.Created.Equal(made.Created) && !read.Updated.Before(made.Updated), true)

	gone := must(destinations.Delete(ctx, made.ID, nil))(t, "delete")
	want(t, "id of what is deleted", gone.ID, made.ID)
	_, err := destinations.Retrieve(ctx, made.ID, nil)
	wantStripeError(t, "retrieve what is deleted", err, http.StatusNotFound, "not_found", stripe.ErrorTypeInvalidRequest)
}

// A list is read to its end by itself, with what was asked to be included.
func TestStripeAutoPaging(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	client, ctx := stripeClient(s, s.key), t.Context()
	var made []string
	for i := range 5 {
		d := must(client.V2CoreEventDestinations.Create(ctx, newDestination(r, fmt.Sprint(i), "thin")))(t, "create")
		made = append(made, d.ID)
	}
	slices.Reverse(made)
	var listed []string
	all := client.V2CoreEventDestinations.List(ctx, &stripe.V2CoreEventDestinationListParams{
		Limit: stripe.Int64(2), Include: stripe.StringSlice([]string{"webhook_endpoint.url"}),
	})
	for d, err := range all.All(ctx) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		want(t, "url of each", d.WebhookEndpoint.URL, r.url)
		listed = append(listed, d.ID)
	}
	if !slices.Equal(listed, made) {
		t.Errorf("list: got %v, want %v, the newest first", listed, made)
	}

	var posted []string
	for range 5 {
		posted = append(posted, s.post(map[string]any{"type": "order.paid", "data": map[string]any{}}))
	}
	slices.Reverse(posted)
	listed = nil
	events := client.V2CoreEvents.List(ctx, &stripe.V2CoreEventListParams{Limit: stripe.Int64(2), Types: stripe.StringSlice([]string{"order.paid", "order.sent"})})
	for e, err := range events.All(ctx) {
		if err != nil {
			t.Fatalf("list events: %v", err)
		}
		listed = append(listed, e.(*stripe.V2CoreRawEvent).ID)
	}
	if !slices.Equal(listed, posted) {
		t.Errorf("list events: got %v, want %v, the newest first", listed, posted)
	}
}

func wantStripeError(t *testing.T, what string, err error, status int, code string, kind stripe.ErrorType) {
	t.Helper()
	raw, ok := errors.AsType[*stripe.V2RawError](err)
	if !ok {
		t.Errorf("%s: got %v, want an error of API v2", what, err)
		return
	}
	if raw.HTTPStatusCode != status || raw.Code != code || raw.Type == nil || *raw.Type != kind || raw.Message == "" {
		t.Errorf("%s: got %v, want %d %s of type %s", what, raw, status, code, kind)
	}
}

// Each kind of refusal is an error that the library can tell apart.
func TestStripeErrors(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	client, ctx := stripeClient(s, s.key), t.Context()
	create := func(key, name string) (*stripe.V2CoreEventDestination, error) {
		params := newDestination(r, name, "thin")
		params.IdempotencyKey = &key
		return client.V2CoreEventDestinations.Create(ctx, params)
	}
	first := must(create("once", "First"))(t, "create")
	again := must(create("once", "First"))(t, "create with the same key")
	want(t, "destination of the second time", again.ID, first.ID)
	want(t, "secret of the second time", again.WebhookEndpoint.SigningSecret, first.WebhookEndpoint.SigningSecret)
	want(t, "second time", again.LastResponse.Header.Get("Idempotent-Replayed"), "true")
	_, err := create("once", "Other")
	wantStripeError(t, "same key, other parameters", err, http.StatusConflict, "idempotency_error", stripe.ErrorTypeIdempotency)

	_, err = create("bad", "")
	wantStripeError(t, "without a name", err, http.StatusBadRequest, "invalid_fields", stripe.ErrorTypeInvalidRequest)
	_, err = stripeClient(s, "sk_test_nobody").V2CoreEventDestinations.Retrieve(ctx, first.ID, nil)
	wantStripeError(t, "unknown key", err, http.StatusUnauthorized, "unauthenticated", stripe.ErrorTypeInvalidRequest)
	var reader struct {
		Key string `json:"plaintext_api_key"`
	}
	s.call("POST", "/v1/organizations/default/api-keys", map[string]any{"name": "reader", "scopes": []string{"events:read"}}, &reader)
	_, err = stripeClient(s, reader.Key).V2CoreEventDestinations.Retrieve(ctx, first.ID, nil)
	wantStripeError(t, "key without the right", err, http.StatusForbidden, "forbidden", stripe.ErrorTypeInvalidRequest)
	must(client.V2CoreEventDestinations.Disable(ctx, first.ID, nil))(t, "disable")
	_, err = client.V2CoreEventDestinations.Ping(ctx, first.ID, nil)
	wantStripeError(t, "ping of what is disabled", err, http.StatusBadRequest, "invalid_fields", stripe.ErrorTypeInvalidRequest)
}

// A notification verifies, is decoded into its own type, and leads to the whole
// event.
func TestStripeThinEvents(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	client, ctx := stripeClient(s, s.key), t.Context()
	made := must(client.V2CoreEventDestinations.Create(ctx, newDestination(r, "Thin", "thin")))(t, "create")
	id := s.post(map[string]any{
		"type": "v1.billing.meter.error_report_triggered", "context": "acct_1",
		"data":           map[string]any{"developer_message_summary": "two are invalid", "validation_start": "2026-01-02T03:04:05Z"},
		"related_object": map[string]any{"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
	})
	got := r.next()
	signature := got.header.Get("Stripe-Signature")
	parsed := must(client.ParseEventNotification(got.body, signature, made.WebhookEndpoint.SigningSecret))(t, "parse")
	notification, ok := parsed.(*stripe.V1BillingMeterErrorReportTriggeredEventNotification)
	if !ok {
		t.Fatalf("notification: got a %T, want one of its own type", parsed)
	}
	want(t, "id", notification.ID, id)
	want(t, "related object", notification.RelatedObject.ID, "mtr_1")
	full := must(notification.FetchEvent(ctx))(t, "fetch event")
	want(t, "id of the event", full.ID, id)
	want(t, "data of the event", full.Data.DeveloperMessageSummary, "two are invalid")

	if _, err := client.ParseEventNotification(append(got.body, ' '), signature, made.WebhookEndpoint.SigningSecret); err == nil {
		t.Error("a body that was changed verifies as well, so the check says nothing")
	}
}

// A ping reaches its destination as a notification, whatever the destination
// subscribes to and in whichever form.
func TestStripePing(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	client, ctx := stripeClient(s, s.key), t.Context()
	for _, payload := range []string{"thin", "snapshot"} {
		made := must(client.V2CoreEventDestinations.Create(ctx, newDestination(r, payload, payload)))(t, "create")
		event := must(client.V2CoreEventDestinations.Ping(ctx, made.ID, nil))(t, "ping")
		ping, ok := event.(*stripe.V2CoreEventDestinationPingEvent)
		if !ok {
			t.Fatalf("answer to a ping: got a %T, want a ping", event)
		}
		want(t, "related object", ping.RelatedObject.ID, made.ID)
		got := r.next()
		parsed := must(client.ParseEventNotification(got.body, got.header.Get("Stripe-Signature"), made.WebhookEndpoint.SigningSecret))(t, "parse")
		notification, ok := parsed.(*stripe.V2CoreEventDestinationPingEventNotification)
		if !ok {
			t.Fatalf("delivery of a ping: got a %T, want a ping", parsed)
		}
		want(t, "id", notification.ID, ping.ID)
		about := must(notification.FetchRelatedObject(ctx))(t, "fetch what it is about")
		want(t, "what it is about", about.ID, made.ID)
	}
}

// A snapshot verifies and is of the version that the library is made for.
func TestStripeSnapshotEvents(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	client := stripeClient(s, s.key)
	made := must(client.V2CoreEventDestinations.Create(t.Context(), newDestination(r, "Snapshots", "snapshot")))(t, "create")
	want(t, "version of snapshots", made.SnapshotAPIVersion, stripe.APIVersion)
	id := s.post(map[string]any{"type": "invoice.paid", "data": map[string]any{"id": "in_1", "object": "invoice", "amount_paid": 1200}})
	got := r.next()
	signature, secret := got.header.Get("Stripe-Signature"), made.WebhookEndpoint.SigningSecret
	event := must(webhook.ConstructEvent(got.body, signature, secret))(t, "construct")
	want(t, "id", event.ID, id)
	want(t, "type", event.Type, stripe.EventTypeInvoicePaid)
	want(t, "object", fmt.Sprint(event.Data.Object["amount_paid"]), "1200")
	want(t, "waiting webhooks", event.PendingWebhooks, 1)
	if _, err := webhook.ConstructEvent(append(got.body, ' '), signature, secret); err == nil {
		t.Error("a body that was changed verifies as well, so the check says nothing")
	}
}

// Whatever event of a type that the library knows is let in, the library can
// list: it would panic at one that lacks a part.
func TestStripeKnownTypes(t *testing.T) {
	s := startServer(t)
	client, ctx := stripeClient(s, s.key), t.Context()
	about := map[string]any{"id": "x_1", "type": "x", "url": "/v2/x/x_1"}
	posted := 0
	for _, name := range []string{
		"v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found", "v2.core.account.closed",
		"v2.core.account[configuration.customer].capability_status_updated", "v2.core.account[requirements].updated",
		"v2.core.account_link.returned", "v2.core.account_person.deleted", "v2.core.event_destination.ping",
	} {
		for _, event := range []map[string]any{
			{"type": name}, {"type": name, "data": []int{1}}, {"type": name, "related_object": about, "data": "text"},
			{"type": name, "related_object": map[string]any{"id": "x_1"}}, {"type": name, "related_object": about},
		} {
			if s.tryPost(event) {
				posted++
			}
		}
	}
	listed := 0
	for _, err := range client.V2CoreEvents.List(ctx, nil).All(ctx) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		listed++
	}
	want(t, "events that were let in and are listed", listed, posted)
	want(t, "some were", posted >= 8, true)
}
