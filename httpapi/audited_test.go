package httpapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/hookwheel/hookwheel/engine/ledger"
)

// unaudited are the operations that change no setting and command nothing, so
// that they leave no entry in the audit, and why. (What Stripe posts is among the
// others: again, it retries what has failed.)
var unaudited = map[string]string{
	"POST /v1/events":                            "producers post; every event can be looked up",
	"POST /v1/endpoints/{id}/test":               "it posts an event",
	"POST /v2/core/event_destinations/{id}/ping": "it posts an event",
	"POST /oauth/token":                          "a token is a key in another form; what made the client has an entry",
}

// auditWatch looks whether requests that changed something left an entry in the
// audit.
type auditWatch struct {
	mu      sync.Mutex
	changes map[string]int // by operation: successful requests
	entries map[string]int // those of them that left an entry
}

func newAuditWatch() *auditWatch {
	return &auditWatch{changes: map[string]int{}, entries: map[string]int{}}
}

// watched is a client's way to a server whose audit is looked at before and
// after each request.
type watched struct {
	*auditWatch
	*checked
	ledger *ledger.Ledger
}

func (w *watched) RoundTrip(request *http.Request) (*http.Response, error) {
	before := w.newest()
	response, err := w.checked.RoundTrip(request)
	if err != nil || request.Method == http.MethodGet || request.Method == http.MethodHead || response.StatusCode/100 != 2 {
		return response, err
	}
	pattern, _ := w.find(request.Method, strings.TrimSuffix(request.URL.EscapedPath(), "/"))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes[request.Method+" "+pattern]++
	if w.newest() != before {
		w.entries[request.Method+" "+pattern]++
	}
	return response, nil
}

// newest tells the newest entry about what somebody asked for from every other,
// nearly always: two alike can come in the same millisecond.
func (w *watched) newest() (entry struct {
	at           int64
	verb, object string
}) {
	list, err := w.ledger.AuditLog(ledger.AuditFilter{}, ledger.Page{Limit: 20})
	if err != nil {
		w.t.Error(err)
	}
	for _, a := range list.Items {
		if a.Actor != "hookwheel" {
			entry.at, entry.verb, entry.object = a.At, a.Verb, a.Object
			break
		}
	}
	return entry
}

// check reports the operations that no request of left an entry, and those that
// are listed as leaving none, but do.
func (w *auditWatch) check(t *testing.T) {
	t.Helper()
	for operation, n := range w.changes {
		why, exempt := unaudited[operation]
		switch {
		case w.entries[operation] == 0 && !exempt:
			t.Errorf("%s: %d requests of the scripts were carried out and none left an entry in the audit", operation, n)
		case w.entries[operation] > 0 && exempt:
			t.Errorf("%s left an entry in the audit, although: %s", operation, why)
		}
	}
}
