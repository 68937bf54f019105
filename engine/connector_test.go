package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

func secretsOf(texts ...string) (list []secret.Secret) {
	for _, text := range texts {
		list = append(list, secret.New(text))
	}
	return list
}

// connector sets acme's connector up and returns the ids of its secrets.
func (o *office) connector(secrets []secret.Secret, enabled bool) (ids []string) {
	o.t.Helper()
	org, err := o.SetStripeConnector(o.t.Context(), acme, secrets, &enabled, someone)
	if err != nil {
		o.t.Fatalf("set connector: %v", err)
	}
	for _, s := range org.Connectors.Stripe.Secrets {
		ids = append(ids, s.ID)
	}
	return ids
}

// wantConnector compares the keys of an organization's connector.
func (o *office) wantConnector(when, org string, enabled bool, texts ...string) {
	o.t.Helper()
	keys, on, err := o.StripeConnector(org)
	var got []string
	for _, k := range keys {
		got = append(got, k.Value.Reveal())
	}
	if err != nil || on != enabled || !slices.Equal(got, texts) {
		o.t.Errorf("%s: got keys %v, enabled %v, %v, want %v, %v", when, got, on, err, texts, enabled)
	}
}

func TestStripeConnector(t *testing.T) {
	const one, two = "whsec_stripe_secret_one", "whsec_stripe_secret_two"
	o := newOffice(t)
	defer func() { o.stop() }()
	ctx := t.Context()
	o.wantConnector("at first", acme, false)
	first := o.connector(secretsOf(one), true)
	both := o.connector(secretsOf(two, one), true)
	if both[1] != first[0] || both[0] == first[0] {
		t.Errorf("ids of the secrets: got %v after %v, want the old one kept and a new one", both, first)
	}
	if got := o.connector(nil, false); !slices.Equal(got, both) {
		t.Errorf("ids of the secrets without new ones: got %v, want %v", got, both)
	}
	if _, err := o.UpdateOrganization(ctx, acme, func(next *ledger.Organization) error { next.Name = "Acme"; return nil }, 0, someone); err != nil {
		t.Fatal(err)
	}

	stored, _ := o.ledger.Organization(acme)
	text, err := json.Marshal(stored)
	if err != nil || !bytes.Contains(text, []byte(both[0])) || bytes.Contains(text, []byte("stripe_secret")) {
		t.Errorf("stored organization: got %s, %v, want the secrets sealed", text, err)
	}
	o.stop()
	o.open()
	o.wantConnector("after a restart", acme, false, two, one)
	o.wantConnector("of another organization", rival, false)

	// A sealed secret is of no use anywhere else (G9).
	stolen := func(next *ledger.Organization) error { next.Connectors = stored.Connectors; return nil }
	if _, err := o.UpdateOrganization(ctx, rival, stolen, 0, someone); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.StripeConnector(rival); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("connector with the secrets of another organization: got %v, want %v", err, secret.ErrSealed)
	}

	if err := o.DeleteStripeConnector(ctx, acme, someone); err != nil {
		t.Fatalf("delete: %v", err)
	}
	o.wantConnector("deleted", acme, false)
	for _, org := range []string{acme, "org_none"} {
		if err := o.DeleteStripeConnector(ctx, org, someone); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("delete the connector that %s has not: got %v, want %v", org, err, ledger.ErrNotFound)
		}
	}
	o.connector(secretsOf(one), true)
	if err := o.DeleteOrganization(ctx, acme, someone); err != nil {
		t.Fatal(err)
	}
	o.wantConnector("of a deleted organization", acme, false)
}

func TestStripeConnectorRefuses(t *testing.T) {
	o := newOffice(t)
	defer o.stop()
	many := make([]secret.Secret, maxConnectorSecrets+1)
	for i := range many {
		many[i] = secret.NewSigning()
	}
	for _, tt := range []struct {
		name    string
		secrets []secret.Secret
		want    []string
	}{
		{"none yet", nil, []string{"signing_secrets"}},
		{"none", []secret.Secret{}, []string{"signing_secrets"}},
		{"too many", many, []string{"signing_secrets"}},
		{"bad ones", secretsOf("", "short", "0123456789abcdef", "0123456789abcdef", "0123456789\nabcdef", secret.NewAsymmetric().Reveal()),
			[]string{"signing_secrets/0", "signing_secrets/1", "signing_secrets/3", "signing_secrets/4", "signing_secrets/5"}},
	} {
		if _, err := o.SetStripeConnector(t.Context(), acme, tt.secrets, nil, someone); !slices.Equal(fieldsOf(err), tt.want) {
			t.Errorf("%s: got %v, want faults of %v", tt.name, err, tt.want)
		}
	}
	if _, err := o.SetStripeConnector(t.Context(), "org_none", secretsOf("0123456789abcdef"), nil, someone); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("unknown organization: got %v, want %v", err, ledger.ErrNotFound)
	}
}

// fromStripe posts an event as the connector does and returns what became of it.
func (o *office) fromStripe(org, id string, lifetime time.Duration) (event.ID, ledger.Verdict) {
	o.t.Helper()
	ev := &event.Event{
		ID: ledger.NewID(), Organization: org, Type: "a.b", Source: event.Stripe, SourceID: id, Data: []byte("{}"),
		Idempotency: event.Idempotency{Key: id, Lifetime: lifetime.Milliseconds()},
	}
	verdicts, err := o.Post(o.t.Context(), []*event.Event{ev}, true, nil)
	if err != nil {
		o.t.Fatalf("post: %v", err)
	}
	return ev.ID, verdicts[0]
}

// G1: the id of an event is as durable as the event, for as long as it is meant
// to be, and belongs to one organization.
func TestEventIsKnownByItsSourceID(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		const lifetime = 12 * time.Hour
		first, v := o.fromStripe(acme, "evt_1", lifetime)
		if v.Duplicate {
			t.Fatal("first event: got a duplicate")
		}
		for range 3 {
			o.stop()
			o.open()
			settle(lifetime/3 - time.Hour)
			if _, v := o.fromStripe(acme, "evt_1", lifetime); !v.Duplicate || v.First != first {
				t.Errorf("repeated after a restart: got %+v, want a duplicate of %s", v, first)
			}
		}
		if _, v := o.fromStripe(rival, "evt_1", lifetime); v.Duplicate {
			t.Error("same id for another organization: got a duplicate")
		}
		settle(4 * time.Hour)
		if _, v := o.fromStripe(acme, "evt_1", lifetime); v.Duplicate {
			t.Error("after its lifetime: got a duplicate")
		}
	})
}

func TestRetryFailedOf(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		once := endpoint.Endpoint{MaxAttempts: 1}
		o.outside.answer = func(s sending) int {
			if strings.HasSuffix(s.url, "/fails") {
				return 500
			}
			return 200
		}
		to := func(url string) *endpoint.Endpoint {
			spec := once
			spec.URL = url
			made, _ := o.create(spec)
			return made
		}
		to(hookURL)
		failing, deleted := to(hookURL+"/fails"), to(hookURL+"/fails")
		other := to(hookURL + "/fails")
		first, _ := o.fromStripe(acme, "evt_1", time.Hour)
		second, _ := o.fromStripe(acme, "evt_2", time.Hour)
		settle(time.Minute)
		if err := o.DeleteEndpoint(t.Context(), acme, deleted.ID, someone); err != nil {
			t.Fatal(err)
		}
		retry := func(id event.ID, want ...*endpoint.Endpoint) {
			t.Helper()
			var ids []delivery.ID
			for _, e := range want {
				ids = append(ids, delivery.ID{Event: id, Endpoint: uint64(e.Alias)})
			}
			if got, err := o.RetryFailedOf(t.Context(), acme, id, someone); err != nil || !slices.Equal(got, ids) {
				t.Errorf("retried: got %v, %v, want %v", got, err, ids)
			}
		}
		if _, err := o.PauseEndpoint(t.Context(), acme, other.ID, someone); err != nil {
			t.Fatal(err)
		}
		retry(first, failing, other)
		retry(first) // both stand in line
		settle(time.Minute)
		retry(first, failing) // which has failed once more, and the other one waits for the end of its pause
		retry(second, failing, other)
		retry(ledger.NewID())
	})
}
