package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/bridge/bridgetest"
)

// An event bus instead of a URL, from the command line to AWS, of which there
// is a stand-in that verifies the signatures. The environment says where it is.
func TestEventBridge(t *testing.T) {
	aws := bridgetest.New(t)
	aws.Use(t)
	verdicts := []bridgetest.Verdict{
		{Hang: true}, {Entry: "ThrottlingException"}, {Error: "AccessDeniedException"}, {}, // for the first event
		{Error: "ResourceNotFoundException"}, // for the second
	}
	arrived := make(chan bridgetest.Entry, len(verdicts))
	aws.Judge(func(e bridgetest.Entry) bridgetest.Verdict {
		arrived <- e
		return verdicts[min(len(aws.Entries()), len(verdicts))-1]
	})
	dir, address := t.TempDir(), freeAddress(t)
	flags := []string{"--eventbridge-bus", "hooks", "--eventbridge-source-prefix", "shop.example", "--attempt-timeout", "300ms", "--retry-schedule", "1ms,1ms,1ms"}
	s := startServe(t, dir, address, flags...)
	code, out, errs := run(t, "endpoint", "create", "--url", "http://"+address, "--data-dir", dir, "--json",
		"--kind", "eventbridge", "--aws-account", "123456789012", "--aws-region", "eu-central-1", "--types", "order.*")
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || strings.Contains(errs, "secret") {
		t.Fatalf("endpoint create: got %d %s%s, want an endpoint without a secret", code, out, errs)
	}
	event := s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"order.paid","data":{"total":1}}`)["id"].(string)

	first := next(t, arrived)
	if got, want := first.EventBusName+" "+first.Source+" "+first.DetailType, "arn:aws:events:eu-central-1:123456789012:event-bus/hooks shop.example/"+made.ID+" order.paid"; got != want {
		t.Errorf("entry: got %s, want %s", got, want)
	}
	if !strings.HasPrefix(first.Detail, `{"id":"`+event+`","type":"order.paid",`) || !strings.HasSuffix(first.Detail, `"data":{"total":1}}`) {
		t.Errorf("detail: got %s, want the envelope of %s", first.Detail, event)
	}
	for range 3 {
		if again := next(t, arrived); again.Detail != first.Detail || again.Time != first.Time {
			t.Errorf("retry: got %+v, want %+v", again, first)
		}
	}

	// After a shutdown in good order all is recorded.
	restart := func() {
		if code := s.end(syscall.SIGTERM); code != 0 {
			t.Fatalf("shutdown: got exit code %d\n%s", code, s.log)
		}
		s = startServe(t, dir, address, flags...)
	}
	restart()
	if got, want := s.attempts(event), []string{"<nil> timeout", "429 http_4xx", "403 http_4xx", "200 <nil>"}; !slices.Equal(got, want) {
		t.Errorf("attempts: got %v, want %v", got, want)
	}
	if got, want := s.bus(made.ID)["status"], "active"; got != want {
		t.Errorf("status: got %v, want %v", got, want)
	}
	event = s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"order.paid"}`)["id"].(string)
	s.await("no_aws_event_source_exists")
	restart()
	if got, want := s.attempts(event), []string{"404 no_event_bus"}; !slices.Equal(got, want) {
		t.Errorf("attempts without a bus: got %v, want %v", got, want)
	}
	bus := s.bus(made.ID)
	if got, want := bus["status"], "deleted"; got != want {
		t.Errorf("status without a bus: got %v, want %v", got, want)
	}
	if got, want := bus["aws_event_source_arn"], "arn:aws:events:eu-central-1::event-source/shop.example/"+made.ID; got != want {
		t.Errorf("source: got %v, want %v", got, want)
	}
}

func next(t *testing.T, arrived <-chan bridgetest.Entry) bridgetest.Entry {
	t.Helper()
	select {
	case e := <-arrived:
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("no event was put within 30 s")
		return bridgetest.Entry{}
	}
}

// bus is what the API shows of the event bus of an endpoint.
func (s *serve) bus(id string) map[string]any {
	s.t.Helper()
	return s.want(http.StatusOK, "GET", "/v1/endpoints/"+id, "")["eventbridge"].(map[string]any)
}

// attempts are the statuses and errors of the one delivery of an event.
func (s *serve) attempts(event string) (list []string) {
	s.t.Helper()
	deliveries := s.want(http.StatusOK, "GET", "/v1/events/"+event+"/deliveries", "")["data"].([]any)
	if len(deliveries) != 1 {
		s.t.Fatalf("deliveries of %s: got %v, want one", event, deliveries)
	}
	id := deliveries[0].(map[string]any)["id"].(string)
	for _, a := range s.want(http.StatusOK, "GET", "/v1/deliveries/"+id+"/attempts", "")["data"].([]any) {
		a := a.(map[string]any)
		list = append(list, fmt.Sprintf("%v %v", a["status"], a["error_class"]))
	}
	return list
}
