package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// signs reports whether a secret verifies what was sent last.
func (o *office) signs(s secret.Secret) bool {
	o.t.Helper()
	seen := o.outside.sendings()
	if len(seen) == 0 {
		o.t.Fatal("nothing was sent")
	}
	last := seen[len(seen)-1]
	v := sign.Verifier{Scheme: sign.Standard, Keys: []sign.Key{{ID: "k", Value: s}}}
	_, err := v.Verify(func(name string) string { return last.headers[name] }, []byte(last.body), time.Now().UnixMilli())
	return err == nil
}

func TestRotationGrace(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		e, first := o.create(endpoint.Endpoint{})
		rotate := func(given secret.Secret, grace time.Duration) secret.Secret {
			_, value, err := o.RotateSecret(t.Context(), acme, e.ID, given, grace, someone)
			if err != nil {
				t.Fatalf("rotate: %v", err)
			}
			return value
		}
		check := func(when string, s secret.Secret, want bool) {
			t.Helper()
			if got := o.signs(s); got != want {
				t.Errorf("%s: got signed %v, want %v", when, got, want)
			}
		}
		second := rotate(secret.Secret{}, time.Hour)
		o.post(acme)
		settle(time.Second)
		check("in the grace, old", first, true)
		check("in the grace, new", second, true)
		settle(time.Hour)
		o.post(acme)
		settle(time.Second)
		check("after the grace, old", first, false)
		check("after the grace, new", second, true)

		third := rotate(secret.New("a secret that somebody brought"), 0)
		o.post(acme)
		settle(time.Second)
		check("without grace, old", second, false)
		check("without grace, new", third, true)
		if got, err := o.Secrets(acme, e.ID); err != nil || len(got) != 1 || !got[0].Value.Equal(third) {
			t.Errorf("Secrets: got %d, %v, want the newest alone", len(got), err)
		}
	})
}

func TestRotateRefuses(t *testing.T) {
	o := newOffice(t)
	defer o.stop()
	e, _ := o.create(endpoint.Endpoint{Signatures: []string{"bearer", "standard"}})
	for _, test := range []struct {
		text  string
		grace time.Duration
		field string
	}{
		{"short", 0, "secret"},
		{"whsec_c2hvcnQ=", 0, "secret"},
		{strings.Repeat("x", maxSecret+1), 0, "secret"},
		{"whpk_" + strings.Repeat("A", 43) + "=", 0, "secret"},
		{"a bearer token has no spaces", 0, "signatures"},
		{strings.Repeat("x", 16), -1, "grace_seconds"},
		{strings.Repeat("x", 16), MaxGrace + 1, "grace_seconds"},
	} {
		_, _, err := o.RotateSecret(t.Context(), acme, e.ID, secret.New(test.text), test.grace, someone)
		if got := fieldsOf(err); !slices.Equal(got, []string{test.field}) {
			t.Errorf("%q, grace %v: got %v (%v), want a fault of %s", test.text, test.grace, got, err, test.field)
		}
	}
	for range endpoint.MaxSecrets - 1 {
		if _, _, err := o.RotateSecret(t.Context(), acme, e.ID, secret.Secret{}, time.Hour, someone); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := o.RotateSecret(t.Context(), acme, e.ID, secret.Secret{}, time.Hour, someone)
	if got := fieldsOf(err); !slices.Equal(got, []string{"secrets"}) {
		t.Errorf("one too many: got %v (%v), want a fault of secrets", got, err)
	}
}

// TestConcurrentUpdatesLoseNothing changes one endpoint from many sides.
func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	o := newOffice(t)
	defer o.stop()
	e, _ := o.create(endpoint.Endpoint{})
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, err := o.UpdateEndpoint(t.Context(), acme, e.ID, func(e *endpoint.Endpoint) error {
				if e.Metadata == nil {
					e.Metadata = map[string]string{}
				}
				e.Metadata[fmt.Sprint(i)] = "here"
				return nil
			}, 0, someone)
			if err != nil {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	for range 3 {
		all.Go(func() {
			if _, _, err := o.RotateSecret(t.Context(), acme, e.ID, secret.Secret{}, time.Hour, someone); err != nil {
				t.Errorf("rotate: %v", err)
			}
		})
	}
	all.Wait()
	now, err := o.endpoint(acme, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(now.Metadata) != 40 || len(now.Secrets) != 4 {
		t.Errorf("got %d metadata and %d secrets, want 40 and 4", len(now.Metadata), len(now.Secrets))
	}
	_, err = o.UpdateEndpoint(t.Context(), acme, e.ID, func(*endpoint.Endpoint) error { return nil }, e.Version, someone)
	if !errors.Is(err, ledger.ErrChanged) {
		t.Errorf("update of an old version: got %v, want %v", err, ledger.ErrChanged)
	}
}

func TestEndpointRefuses(t *testing.T) {
	o := newOffice(t)
	defer o.stop()
	for _, test := range []struct {
		spec   endpoint.Endpoint
		fields []string
	}{
		{endpoint.Endpoint{}, []string{"url"}},
		{endpoint.Endpoint{URL: "http://hook.example"}, []string{"url"}},
		{endpoint.Endpoint{URL: "https://10.0.0.1/"}, []string{"url"}},
		{endpoint.Endpoint{URL: hookURL, Signatures: []string{}}, []string{"signatures"}},
		{endpoint.Endpoint{URL: hookURL, MaxAttempts: -1, Ordering: "lifo"}, []string{"max_attempts", "ordering"}},
		{endpoint.Endpoint{URL: hookURL, RetrySchedule: []endpoint.Millis{endpoint.MaxDelay}}, []string{"retry_schedule"}},
		{endpoint.Endpoint{Kind: endpoint.Bridge, URL: hookURL}, []string{"url", "eventbridge"}},
	} {
		_, _, err := o.CreateEndpoint(t.Context(), acme, &test.spec, secret.Secret{}, someone)
		if got := fieldsOf(err); !slices.Equal(got, test.fields) {
			t.Errorf("create %+v: got faults of %v (%v), want of %v", test.spec, got, err, test.fields)
		}
	}
	e, _ := o.create(endpoint.Endpoint{})
	for field, mutate := range map[string]func(*endpoint.Endpoint){
		"kind": func(e *endpoint.Endpoint) {
			e.Kind, e.URL, e.Signatures = endpoint.Bridge, "", nil
			e.EventBridge = &endpoint.EventBridge{AccountID: "123456789012", Region: "us-east-1"}
		},
		"payload_format": func(e *endpoint.Endpoint) { e.PayloadFormat = "thin" },
		"state":          func(e *endpoint.Endpoint) { e.Paused = true },
		"state ":         func(e *endpoint.Endpoint) { e.Now().Enabled = false },
		"secrets":        func(e *endpoint.Endpoint) { e.Secrets = nil },
		"url":            func(e *endpoint.Endpoint) { e.URL = "https://localhost/" },
	} {
		_, err := o.UpdateEndpoint(t.Context(), acme, e.ID, func(e *endpoint.Endpoint) error { mutate(e); return nil }, 0, someone)
		if got := fieldsOf(err); !slices.Equal(got, []string{strings.TrimSpace(field)}) {
			t.Errorf("update of %s: got faults of %v (%v)", field, got, err)
		}
	}
}

// However often an endpoint was changed, an update can disable it.
func TestUpdateCanAlwaysDisable(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	defer o.stop()
	e, _ := o.create(endpoint.Endpoint{})
	update := func(mutate func(e *endpoint.Endpoint)) (*endpoint.Endpoint, error) {
		return o.UpdateEndpoint(t.Context(), acme, e.ID, func(e *endpoint.Endpoint) error { mutate(e); return nil }, 0, someone)
	}
	for i := 1; i < endpoint.MaxSpans; i++ {
		if _, err := update(func(e *endpoint.Endpoint) { e.Now().EventTypes = []string{fmt.Sprintf("type.%d", i)} }); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}
	_, err := update(func(e *endpoint.Endpoint) { e.Now().EventTypes = nil })
	if got := fieldsOf(err); !slices.Equal(got, []string{"event_types"}) {
		t.Errorf("one change too many: got %v, want a fault of event_types", err)
	}
	if e, err = update(func(e *endpoint.Endpoint) { e.SetEnabled(false) }); err != nil || e.Enabled() || e.DisabledReason != endpoint.ReasonUser {
		t.Fatalf("disable: got %+v, %v", e, err)
	}
	if _, err := update(func(e *endpoint.Endpoint) { e.SetEnabled(true) }); err == nil {
		t.Error("enable beyond the bound: got no error")
	}
}

// The signature that history shows is the one that was sent, whatever happened
// to secrets and schemes since, as long as its secret is remembered.
func TestSignatureIsWhatWasSent(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		e, _ := o.create(endpoint.Endpoint{Signatures: []string{"timestamped"}})
		rotate := func(grace time.Duration) {
			settle(time.Hour)
			if _, _, err := o.RotateSecret(t.Context(), acme, e.ID, secret.Secret{}, grace, someone); err != nil {
				t.Fatalf("rotate: %v", err)
			}
		}
		var sent []string
		var events []*event.Event
		send := func(header string) {
			events = append(events, o.post(acme))
			settle(time.Second)
			seen := o.outside.sendings()
			sent = append(sent, seen[len(seen)-1].headers[header])
		}
		send("X-Webhook-Signature")
		rotate(3 * time.Hour)
		send("X-Webhook-Signature")
		if strings.Count(sent[1], "v1=") != 2 {
			t.Errorf("in the grace: got %s, want two signatures", sent[1])
		}
		rotate(0)
		send("X-Webhook-Signature")
		_, err := o.UpdateEndpoint(t.Context(), acme, e.ID, func(e *endpoint.Endpoint) error {
			e.Signatures = []string{"standard"}
			return nil
		}, 0, someone)
		if err != nil {
			t.Fatal(err)
		}
		send("webhook-signature")
		rotate(0)
		check := func(when string, want []string) {
			t.Helper()
			for i, ev := range events {
				d, found, err := o.Ledger().Delivery(acme, delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias)})
				if err != nil || !found {
					t.Fatalf("delivery %d: found %v, %v", i, found, err)
				}
				payload, err := o.Ledger().AppendPayload(nil, d)
				if err != nil {
					t.Fatal(err)
				}
				got, err := o.Signature(d, &d.Last, payload)
				if err != nil || got != want[i] {
					t.Errorf("%s, delivery %d: got %q, %v, want %q", when, i, got, err, want[i])
				}
			}
		}
		check("afterwards", sent)
		for range endpoint.MaxRetired - 1 {
			rotate(0)
		}
		check("many rotations later", []string{"", "", sent[2], sent[3]})
	})
}
