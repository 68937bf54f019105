package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

func TestRetryAndCancel(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		want := func(what string, got, want error) {
			t.Helper()
			if !errors.Is(got, want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
		}
		sent := func(what string, want int) {
			t.Helper()
			settle(100 * time.Millisecond)
			if got := len(o.outside.sendings()); got != want {
				t.Errorf("%s: got %d attempts in all, want %d", what, got, want)
			}
		}
		o.outside.answers(500)
		e, _ := o.create(endpoint.Endpoint{Spans: []endpoint.Span{{EventTypes: []string{"a.*"}}}})
		first := delivery.ID{Event: o.post(acme).ID, Endpoint: uint64(e.Alias)}
		sent("first attempt", 1)

		o.outside.answers(200)
		want("retry of one that waits", o.RetryDelivery(ctx, acme, first, someone), nil)
		sent("retry by hand", 2)
		want("retry after success", o.RetryDelivery(ctx, acme, first, someone), ledger.ErrForbidden)
		want("cancel after success", o.CancelDelivery(ctx, acme, first, someone), ledger.ErrForbidden)

		if _, err := o.PauseEndpoint(ctx, acme, e.ID, someone); err != nil {
			t.Fatal(err)
		}
		second := delivery.ID{Event: o.post(acme).ID, Endpoint: uint64(e.Alias)}
		want("retry of one never tried", o.RetryDelivery(ctx, acme, second, someone), ledger.ErrForbidden)
		want("cancel of one never tried", o.CancelDelivery(ctx, acme, second, someone), nil)
		if _, err := o.ResumeEndpoint(ctx, acme, e.ID, someone); err != nil {
			t.Fatal(err)
		}
		sent("canceled before it was tried", 2)
		want("retry of a canceled one", o.RetryDelivery(ctx, acme, second, someone), nil)
		sent("retry of a canceled one", 3)

		test, err := o.TestEndpoint(ctx, acme, e.ID, &event.Event{})
		want("test", err, nil)
		sent("test, whatever the types", 4)
		other, _ := o.create(endpoint.Endpoint{})
		want("a delivery that is not owed", o.RetryDelivery(ctx, acme, delivery.ID{Event: test.Event, Endpoint: uint64(other.Alias)}, someone), ledger.ErrNotFound)
		want("a replay that is none", o.CancelDelivery(ctx, acme, delivery.ID{Event: first.Event, Endpoint: first.Endpoint, Replay: 1}, someone), ledger.ErrNotFound)

		if _, err := o.DisableEndpoint(ctx, acme, e.ID, someone); err != nil {
			t.Fatal(err)
		}
		_, err = o.TestEndpoint(ctx, acme, e.ID, &event.Event{})
		want("test of a disabled endpoint", err, ledger.ErrForbidden)
		want("delete", o.DeleteEndpoint(ctx, acme, e.ID, someone), nil)
		want("retry after delete", o.RetryDelivery(ctx, acme, first, someone), ledger.ErrForbidden)
	})
}

// Everything that failed gets one attempt more; nothing of another organization
// is touched (G9).
func TestRetryFailed(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o *office) {
		const n = bulkChunk + 200
		o.outside.answers(500)
		once := endpoint.Endpoint{MaxAttempts: 1}
		o.create(once)
		paused, _ := o.create(once)
		line, _ := o.create(endpoint.Endpoint{MaxAttempts: 1, Ordering: endpoint.FIFO})
		foreign, _, err := o.CreateEndpoint(t.Context(), rival, &endpoint.Endpoint{URL: hookURL, MaxAttempts: 1}, secret.Secret{}, someone)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			o.post(acme)
		}
		o.post(rival)
		settle(time.Hour) // past all pauses of the breaker
		if _, err := o.PauseEndpoint(t.Context(), acme, paused.ID, someone); err != nil {
			t.Fatal(err)
		}
		o.outside.answers(200)
		attempts := func(e *endpoint.Endpoint) uint64 {
			_, lane, _ := o.ledger.Lookup(o.ledger.PartitionOf(e.Organization), e.Key)
			return lane.Attempts
		}
		if got := attempts(line); got != n {
			t.Fatalf("attempts before: got %d, want %d", got, n)
		}
		got, err := o.RetryFailed(t.Context(), acme, someone)
		if want := n + n + bulkChunk; got != want || err != nil {
			t.Errorf("retried: got %d, %v, want %d: all, and of a fifo line what fits in", got, err, want)
		}
		settle(time.Hour)
		for e, want := range map[*endpoint.Endpoint]uint64{line: n + bulkChunk, paused: n, foreign: 1} {
			if got := attempts(e); got != want {
				t.Errorf("attempts to %s: got %d, want %d", e.ID, got, want)
			}
		}
		if got, err := o.RetryFailed(t.Context(), acme, someone); got != n-bulkChunk || err != nil {
			t.Errorf("retried again: got %d, %v, want the %d that are left of the line", got, err, n-bulkChunk)
		}
		o.retrying.Store(acme, true) // as while another call runs
		if got, err := o.RetryFailed(t.Context(), acme, someone); got != 0 || !errors.Is(err, ledger.ErrBusy) {
			t.Errorf("beside another call: got %d, %v, want 0, %v", got, err, ledger.ErrBusy)
		}
		if _, err := o.RetryFailed(t.Context(), rival, someone); err != nil {
			t.Errorf("of another organization: got %v, want none", err)
		}
		if _, err := o.RetryFailed(t.Context(), "org_none", someone); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("unknown organization: got %v, want %v", err, ledger.ErrNotFound)
		}
	})
}

// TestTenants follows the admin key over starts, and an organization to its end
// (G2: what a crash left of a deletion is removed).
func TestTenants(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		valid := func(s secret.Secret) bool {
			k, found := o.ledger.KeyByHash(secret.Hash(s.Reveal()))
			return found && k.RevokedAt == 0 && k.Organization == ""
		}
		made, err := o.EnsureTenants(ctx, secret.Secret{})
		if err != nil || !valid(made) {
			t.Fatalf("first start: got %v, want a valid admin key", err)
		}
		if again, err := o.EnsureTenants(ctx, secret.Secret{}); err != nil || !again.IsZero() || !valid(made) {
			t.Errorf("second start: got a key %v, %v, want none", !again.IsZero(), err)
		}
		given := secret.New("0123456789abcdef")
		if _, err := o.EnsureTenants(ctx, given); err != nil || !valid(given) || valid(made) {
			t.Errorf("given key: got %v, given valid %v, former valid %v, want true, false", err, valid(given), valid(made))
		}
		if _, err := o.EnsureTenants(ctx, secret.New("weak")); err == nil {
			t.Error("weak key: got no error")
		}

		_, text, err := o.CreateKey(ctx, acme, &ledger.Key{Scopes: []string{"events:read"}}, someone)
		if err != nil || text.IsZero() {
			t.Fatalf("create key: %v", err)
		}
		o.create(endpoint.Endpoint{})
		o.post(acme)
		now, _ := o.organization(acme)
		gone := *now
		gone.DeletedAt = o.now() // the first half of a deletion, then a crash
		if _, err := o.ledger.Change(ctx, &ledger.Change{Base: now.Version, Organization: &gone}); err != nil {
			t.Fatal(err)
		}
		o.stop()
		o.open()
		settle(time.Second)
		if left := len(o.ledger.EndpointKeys(acme)); left != 0 {
			t.Errorf("after a start: got %d endpoints, want none", left)
		}
		erasing := func(when string, want int) {
			t.Helper()
			left, err := o.ledger.Erasing()
			if err != nil || len(left) != want {
				t.Errorf("%s: got %v, %v to erase, want %d", when, left, err, want)
			}
			if _, deleting := o.ledger.Deleting(acme); deleting != (want == 1) {
				t.Errorf("%s: got deleting %v", when, deleting)
			}
		}
		erasing("after a start", 1)
		settle(erasePause)
		erasing("when nothing can be under way any more", 0)
		o.post(acme) // was under way nevertheless
		if left, err := o.ledger.Erasing(); err != nil || len(left) != 1 {
			t.Errorf("late event: got %v, %v to erase, want one organization", left, err)
		}
		settle(2 * erasePause)
		erasing("in the end", 0)
		if err := o.DeleteOrganization(ctx, acme, someone); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("delete again: got %v, want %v", err, ledger.ErrNotFound)
		}
	})
}
