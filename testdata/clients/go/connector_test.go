package clients

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"
)

// What Stripe's library signs is taken in, once, and delivered.
func TestStripeConnector(t *testing.T) {
	const secret = "whsec_a_secret_that_stripe_made"
	s, r := startServer(t), startReceiver(t)
	var made, answer struct {
		Action, EventID string
		RunIDs          []string
	}
	s.call("PUT", "/v1/organizations/default/connectors/stripe", map[string]any{"signing_secrets": []string{secret}}, &made)
	s.call("POST", "/v1/endpoints", map[string]any{"url": r.url, "payload_format": "raw"}, &made)
	for _, name := range []string{"snapshot/charge_succeeded.json", "notification/account_created.json"} {
		payload, err := os.ReadFile("../../stripe/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range []string{"triggered", "skipped"} {
			signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: payload, Secret: secret})
			if status := s.fromStripe(signed.Payload, signed.Header, &answer); status != 200 || answer.Action != action {
				t.Fatalf("%s: got %d %+v, want %s", name, status, answer, action)
			}
		}
		if got := r.next(); got.header.Get("Webhook-Id") != answer.EventID || !bytes.Contains(payload, got.body) {
			t.Errorf("%s: received %s %s, want event %s", name, got.header.Get("Webhook-Id"), got.body, answer.EventID)
		}
		old := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: payload, Secret: secret, Timestamp: time.Now().Add(-10 * time.Minute)})
		if status := s.fromStripe(old.Payload, old.Header, &answer); status != 401 {
			t.Errorf("%s, signed too long ago: got %d, want 401", name, status)
		}
	}
}

// fromStripe posts an event as Stripe does, and returns the status.
func (s *server) fromStripe(payload []byte, signature string, answer any) int {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), "POST", s.url+"/v1/orgs/default/integrations/stripe", bytes.NewReader(payload))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("Stripe-Signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		s.t.Fatalf("answer %s: %v", text, err)
	}
	return response.StatusCode
}
