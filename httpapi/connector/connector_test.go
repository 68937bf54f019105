package connector_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/connector"
	"github.com/hookwheel/hookwheel/wal"
)

const signingSecret = "whsec_stripe_secret_one"

// stripe is Stripe as the connector meets it.
type stripe struct {
	t      testing.TB
	client *http.Client
}

// open is an engine where acme has a connector.
func open(t testing.TB) *engine.Engine {
	e := apitest.Open(t)
	if _, err := e.SetStripeConnector(context.Background(), "org_acme", []secret.Secret{secret.New(signingSecret)}, nil, ledger.Audit{}); err != nil {
		t.Fatal(err)
	}
	return e
}

func serve(t testing.TB, e *engine.Engine, as connector.Engine) stripe {
	return stripe{t, apitest.Serve(t, e, connector.Dialect(connector.Options{Engine: as, MaxEventSize: 2000}))}
}

type answer struct {
	status     int
	retryAfter string
	Action     string
	EventID    string
	Reason     string
	RunIDs     []string
	Error      string
}

// send posts a body with the signature that it should have.
func (s stripe) send(body string) answer {
	s.t.Helper()
	return s.sendAs(body, strings.NewReader(body))
}

// sendAs reads the body that is posted from elsewhere: of what is no
// strings.Reader, the length is not announced.
func (s stripe) sendAs(signed string, body io.Reader) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), "POST", "http://x/v1/orgs/org_acme/integrations/stripe", body)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Stripe-Signature", apitest.StripeSignature(signingSecret, signed, time.Now()))
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		s.t.Fatalf("answer %d: %v", a.status, err)
	}
	return a
}

func create(t testing.TB, e *engine.Engine, url string) *endpoint.Endpoint {
	t.Helper()
	made, _, err := e.CreateEndpoint(context.Background(), "org_acme", &endpoint.Endpoint{URL: url, MaxAttempts: 1}, secret.Secret{}, ledger.Audit{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// However many come at once, one is the event and the others are repetitions
// of it.
func TestTwins(t *testing.T) {
	e := open(t)
	create(t, e, "https://example.com/hooks/200")
	s := serve(t, e, e)
	const n = 100
	var answers [n]answer
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { answers[i] = s.send(`{"id":"evt_1","object":"event","type":"invoice.paid"}`) })
	}
	wait.Wait()
	actions, ids := map[string]int{}, map[string]int{}
	for _, a := range answers {
		actions[fmt.Sprint(a.status, a.Action, a.Reason, len(a.RunIDs))]++
		ids[a.EventID]++
	}
	if actions["200triggered1"] != 1 || actions["200skippedduplicate_event0"] != n-1 || len(ids) != 1 {
		t.Errorf("answers: got %v about events %v, want one that triggered and %d repetitions of it", actions, ids, n-1)
	}
	apitest.Settle(t, e.Ledger())
	list, err := e.Ledger().Deliveries("org_acme", ledger.DeliveryFilter{}, ledger.Page{Limit: n})
	if err != nil || len(list.Items) != 1 || list.Items[0].State != delivery.Succeeded {
		t.Errorf("deliveries: got %+v, %v, want one", list, err)
	}
}

// Of those that come at once for an event that was given up, one tries it again.
func TestTwinsResumeOnce(t *testing.T) {
	e := open(t)
	to := create(t, e, "https://example.com/hooks/503")
	s := serve(t, e, e)
	const body = `{"id":"evt_1","object":"event","type":"invoice.paid"}`
	first := s.send(body)
	apitest.Settle(t, e.Ledger())
	// What is put back in line shall stay there.
	if _, err := e.PauseEndpoint(t.Context(), "org_acme", to.ID, ledger.Audit{}); err != nil {
		t.Fatal(err)
	}
	const n = 20
	var answers [n]answer
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { answers[i] = s.send(body) })
	}
	wait.Wait()
	var resumed []string
	for _, a := range answers {
		resumed = append(resumed, a.RunIDs...)
		if a.EventID != first.EventID || a.status != 200 {
			t.Errorf("repetition: got %+v, want it to name %s", a, first.EventID)
		}
	}
	if !slices.Equal(resumed, first.RunIDs) {
		t.Errorf("resumed: got %v, want %v", resumed, first.RunIDs)
	}
}

// G1: a body without an announced length, and one at the limit, are taken; what
// is larger is refused in the connector's shape.
func TestBodies(t *testing.T) {
	e := open(t)
	s := serve(t, e, e)
	padded := func(id string, size int) string {
		body := `{"id":"` + id + `","type":"invoice.paid"}`
		return body + strings.Repeat(" ", size-len(body))
	}
	for _, tt := range []struct {
		name, body string
		chunked    bool
		status     int
	}{
		{"chunked", padded("evt_1", 1000), true, 200},
		{"largest", padded("evt_2", 2000), false, 200},
		{"largest, chunked", padded("evt_3", 2000), true, 200},
		{"too large for an event", padded("evt_4", 2001), false, 413},
		{"too large without a key", padded("evt_5", 300<<10), false, 413},
		{"too large without a key, chunked", padded("evt_6", 300<<10), true, 413},
	} {
		var body io.Reader = strings.NewReader(tt.body)
		if tt.chunked {
			body = io.MultiReader(body) // hides how long it is
		}
		got := s.sendAs(tt.body, body)
		if got.status != tt.status || (got.status == 200) != (got.EventID != "") || (got.status == 413) != (got.Error != "") {
			t.Errorf("%s: got %+v, want %d", tt.name, got, tt.status)
		}
	}
}

// failing is an engine whose log does not take anything.
type failing struct {
	*engine.Engine
	err error
}

func (f failing) Post(context.Context, []*event.Event, bool, []ledger.Verdict) ([]ledger.Verdict, error) {
	return nil, f.err
}

// G10: what could not be kept is not acknowledged, and Stripe is told to come
// again.
func TestUnavailable(t *testing.T) {
	e := open(t)
	for err, want := range map[error]int{
		wal.ErrOverloaded: 503, wal.ErrTimeout: 503, wal.ErrDiskFull: 503, wal.ErrClosed: 503, ledger.ErrStopped: 503,
		engine.ErrClosed: 503, errors.New("something else"): 500,
	} {
		got := serve(t, e, failing{e, err}).send(`{"id":"evt_1","object":"event","type":"invoice.paid"}`)
		if got.status != want || got.Error == "" || (want == 503) != (got.retryAfter != "") || strings.Contains(got.Error, "something") {
			t.Errorf("%v: got %+v, want %d", err, got, want)
		}
	}
}
