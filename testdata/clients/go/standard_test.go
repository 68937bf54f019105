package clients

import (
	"bytes"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// What is delivered verifies with the library of Standard Webhooks, and what
// was tampered with does not.
func TestStandardWebhooks(t *testing.T) {
	s, r := startServer(t), startReceiver(t)
	var endpoint struct{ Secret string }
	s.call("POST", "/v1/endpoints", map[string]any{"url": r.url}, &endpoint)
	library, err := standardwebhooks.NewWebhook(endpoint.Secret)
	if err != nil {
		t.Fatalf("secret as the server shows it: %v", err)
	}
	id := s.post(map[string]any{"type": "invoice.paid", "data": map[string]any{"amount": 100}})
	got := r.next()
	if err := library.Verify(got.body, got.header); err != nil || got.header.Get("Webhook-Id") != id {
		t.Errorf("delivery of %s: got %s, %v, want it verified", id, got.header.Get("Webhook-Id"), err)
	}
	if err := library.Verify(append(bytes.Clone(got.body), ' '), got.header); err == nil {
		t.Error("a body that was changed verifies as well, so the check says nothing")
	}
}
