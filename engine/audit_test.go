package engine

import (
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// The audit is forgotten by its own retention, not by that of events, and what
// people did is in it with who they were.
func TestAuditRetention(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o *office) {
		o.stop()
		o.options.Retention, o.options.AuditRetention = 2*24*time.Hour, 4*24*time.Hour
		o.open()
		entries := func(object string) []ledger.AuditEntry {
			t.Helper()
			list, err := o.ledger.AuditLog(ledger.AuditFilter{Object: object}, ledger.Page{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return list.Items
		}
		e, _ := o.create(endpoint.Endpoint{})
		settle(3 * 24 * time.Hour)
		if _, err := o.PauseEndpoint(t.Context(), acme, e.ID, someone); err != nil {
			t.Fatal(err)
		}
		if got := entries(e.ID); len(got) != 2 || got[0].Audit != someone || got[0].Verb != "pause" {
			t.Errorf("after three days: got %+v, want the pause by %+v and the creation", got, someone)
		}
		settle(26 * time.Hour)
		if got := entries(e.ID); len(got) != 1 || got[0].Verb != "pause" {
			t.Errorf("after four days: got %+v, want the pause alone", got)
		}
	})
}
