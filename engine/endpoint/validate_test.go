package endpoint

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

const second, hour = Millis(1000), Millis(3_600_000)

func validWebhook() *Endpoint {
	e := &Endpoint{Kind: Webhook, URL: "https://example.com/hooks", PayloadFormat: event.Envelope, Signatures: []string{"standard"}, Ordering: Unordered}
	return e.WithSpan(1, []string{"invoice.*"}, nil, true)
}

func validBridge() *Endpoint {
	e := &Endpoint{Kind: Bridge, EventBridge: &EventBridge{AccountID: "123456789012", Region: "us-east-1"}, PayloadFormat: event.Thin, Ordering: Unordered}
	return e.WithSpan(1, []string{"*"}, nil, true)
}

var testLimits = Limits{
	CheckURL: func(url string) (string, error) {
		if !strings.HasPrefix(url, "https://") {
			return "", errors.New("must use https")
		}
		return url, nil
	},
	RetrySchedule: []Millis{5 * second, 10 * hour},
	MaxRetrySpan:  30 * day,
}

// faulty names the fields at fault.
func faulty(e *Endpoint, limits Limits) string {
	var fields []string
	for _, f := range Validate(e, limits) {
		fields = append(fields, f.Field)
	}
	return strings.Join(fields, " ")
}

func TestValidate(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprint(i)] = ""
		}
		return m
	}
	disableAfter := func(d Millis) *Millis { return &d }
	for _, test := range []struct {
		name   string
		change func(*Endpoint)
		want   string // fields at fault
	}{
		{"nothing but the least", func(*Endpoint) {}, ""},
		{"name longest", func(e *Endpoint) { e.Name = long(256) }, ""},
		{"name too long", func(e *Endpoint) { e.Name = long(257) }, "name"},
		{"name of two lines", func(e *Endpoint) { e.Name = "a\nb" }, "name"},
		{"description of two lines", func(e *Endpoint) { e.Description = "a\nb" }, ""},
		{"description too long", func(e *Endpoint) { e.Description = long(1025) }, "description"},
		{"edition too long", func(e *Endpoint) { e.EditionID = long(256) }, "edition_id"},
		{"metadata full", func(e *Endpoint) { e.Metadata = many(50) }, ""},
		{"metadata too many", func(e *Endpoint) { e.Metadata = many(51) }, "metadata"},
		{"metadata empty key", func(e *Endpoint) { e.Metadata = map[string]string{"": "a"} }, "metadata"},
		{"metadata long key and value", func(e *Endpoint) { e.Metadata = map[string]string{long(65): long(513)} }, "metadata metadata"},
		{"metadata longest", func(e *Endpoint) { e.Metadata = map[string]string{long(64): long(512)} }, ""},

		{"all types", func(e *Endpoint) { e.Spans[0].EventTypes = nil }, ""},
		{"bad patterns", func(e *Endpoint) { e.Spans[0].EventTypes = []string{"a", "b*", "*", ""} }, "event_types/1 event_types/3"},
		{"most patterns", func(e *Endpoint) { e.Spans[0].EventTypes = slices.Repeat([]string{"a"}, 1000) }, ""},
		{"too many patterns", func(e *Endpoint) { e.Spans[0].EventTypes = slices.Repeat([]string{"a"}, 1001) }, "event_types"},
		{"only the rules that hold now count", func(e *Endpoint) {
			*e = *e.WithSpan(2, nil, nil, true)
			e.Spans[0].EventTypes = []string{"**"}
		}, ""},
		{"changed too often", func(e *Endpoint) { e.Spans = slices.Repeat(e.Spans, 1001) }, "event_types"},
		{"events from", func(e *Endpoint) { e.Spans[0].EventsFrom = []string{"self", "@accounts"} }, ""},
		{"events from elsewhere", func(e *Endpoint) { e.Spans[0].EventsFrom = []string{"self", "mars"} }, "events_from/1"},
		{"events from too many", func(e *Endpoint) { e.Spans[0].EventsFrom = slices.Repeat([]string{"self"}, 5) }, "events_from"},

		{"kind", func(e *Endpoint) { e.Kind = "carrier_pigeon" }, "kind"},
		{"url", func(e *Endpoint) { e.URL = "http://example.com" }, "url"},
		{"webhook with a bus", func(e *Endpoint) { e.EventBridge = &EventBridge{} }, "eventbridge"},
		{"unsigned", func(e *Endpoint) { e.Signatures = nil }, "signatures"},
		{"all schemes", func(e *Endpoint) {
			e.Signatures = []string{"standard", "stripe", "timestamped", "github", "bearer"}
		}, ""},
		{"scheme twice, and unknown", func(e *Endpoint) { e.Signatures = []string{"stripe", "stripe", "md5"} }, "signatures/1 signatures/2"},
		{"too many secrets", func(e *Endpoint) { e.Secrets = make([]Secret, 11) }, "secrets"},

		{"format", func(e *Endpoint) { e.PayloadFormat = "" }, "payload_format"},
		{"snapshot version", func(e *Endpoint) { e.PayloadFormat, e.SnapshotAPIVersion = event.Snapshot, "2024-09-30.acacia" }, ""},
		{"version of no snapshot", func(e *Endpoint) { e.SnapshotAPIVersion = "2024-09-30.acacia" }, "snapshot_api_version"},
		{"version too long", func(e *Endpoint) { e.PayloadFormat, e.SnapshotAPIVersion = event.Snapshot, long(65) }, "snapshot_api_version"},

		{"timeout least", func(e *Endpoint) { e.Timeout = 100 }, ""},
		{"timeout below", func(e *Endpoint) { e.Timeout = 99 }, "timeout_ms"},
		{"timeout most", func(e *Endpoint) { e.Timeout = 60_000 }, ""},
		{"timeout above", func(e *Endpoint) { e.Timeout = 60_001 }, "timeout_ms"},
		{"timeout negative", func(e *Endpoint) { e.Timeout = -1 }, "timeout_ms"},
		{"no delays", func(e *Endpoint) { e.RetrySchedule = []Millis{} }, "retry_schedule"},
		{"delays at the ends", func(e *Endpoint) { e.RetrySchedule = []Millis{1, 29 * day} }, ""},
		{"delays outside", func(e *Endpoint) { e.RetrySchedule = []Millis{0, 1, 30*day + 1} }, "retry_schedule/0 retry_schedule/2 retry_schedule"},
		{"most delays", func(e *Endpoint) { e.RetrySchedule = slices.Repeat([]Millis{1}, 64) }, ""},
		{"too many delays", func(e *Endpoint) { e.RetrySchedule = slices.Repeat([]Millis{1}, 65) }, "retry_schedule"},
		{"one attempt", func(e *Endpoint) { e.MaxAttempts = 1 }, ""},
		{"too many attempts", func(e *Endpoint) { e.MaxAttempts, e.RetrySchedule = 101, []Millis{1} }, "max_attempts"},
		{"negative attempts", func(e *Endpoint) { e.MaxAttempts = -1 }, "max_attempts"},
		{"rate at the ends", func(e *Endpoint) { e.RateLimit = &RateLimit{PerSecond: 0.001, Burst: 100_000} }, ""},
		{"rate zero", func(e *Endpoint) { e.RateLimit = &RateLimit{} }, "rate_limit/per_second rate_limit/burst"},
		{"rate not a number", func(e *Endpoint) { e.RateLimit = &RateLimit{PerSecond: math.NaN(), Burst: 1} }, "rate_limit/per_second"},
		{"rate above", func(e *Endpoint) { e.RateLimit = &RateLimit{PerSecond: 100_001, Burst: 100_001} }, "rate_limit/per_second rate_limit/burst"},
		{"window most", func(e *Endpoint) { e.MaxInFlight = 1024 }, ""},
		{"window above", func(e *Endpoint) { e.MaxInFlight = 1025 }, "max_in_flight"},
		{"ordering", func(e *Endpoint) { e.Ordering = "lifo" }, "ordering"},
		{"never disable", func(e *Endpoint) { e.DisableAfter = disableAfter(0) }, ""},
		{"disable late", func(e *Endpoint) { e.DisableAfter = disableAfter(365*day + 1) }, "disable_after"},
		{"disable before", func(e *Endpoint) { e.DisableAfter = disableAfter(-1) }, "disable_after"},
	} {
		e := validWebhook()
		test.change(e)
		if got := faulty(e, testLimits); got != test.want {
			t.Errorf("%s: got faults in %q, want %q", test.name, got, test.want)
		}
	}
}

func TestValidateBridge(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Endpoint)
		want   string
	}{
		{"ordinary", func(*Endpoint) {}, ""},
		{"region of four parts", func(e *Endpoint) { e.EventBridge.Region = "eusc-de-east-1" }, ""},
		{"no bus", func(e *Endpoint) { e.EventBridge = nil }, "eventbridge"},
		{"account short", func(e *Endpoint) { e.EventBridge.AccountID = "12345678901" }, "eventbridge/aws_account_id"},
		{"account with letters", func(e *Endpoint) { e.EventBridge.AccountID = "12345678901x" }, "eventbridge/aws_account_id"},
		{"region that is a host", func(e *Endpoint) { e.EventBridge.Region = "us-east-1.evil.com" }, "eventbridge/aws_region"},
		{"region empty", func(e *Endpoint) { e.EventBridge.Region = "" }, "eventbridge/aws_region"},
		{"region of hyphens", func(e *Endpoint) { e.EventBridge.Region = "--" }, "eventbridge/aws_region"},
		{"settings of a webhook", func(e *Endpoint) {
			e.URL, e.Signatures, e.Headers = "https://example.com", []string{"stripe"}, []Header{{"A", "b"}}
		}, "url signatures headers"},
	} {
		e := validBridge()
		test.change(e)
		if got := faulty(e, testLimits); got != test.want {
			t.Errorf("%s: got faults in %q, want %q", test.name, got, test.want)
		}
	}
}

func TestValidateHeaders(t *testing.T) {
	numbered := func(n int, value string) (list []Header) {
		for i := range n {
			list = append(list, Header{fmt.Sprintf("X-%02d", i), value})
		}
		return list
	}
	for _, test := range []struct {
		name       string
		headers    []Header
		prefix     string
		signatures []string
		want       string
	}{
		{"ordinary", []Header{{"X-Token", "a b"}, {"Authorization", "Basic eA=="}, {"x-empty", ""}}, "", nil, ""},
		{"no token", []Header{{"", "a"}, {"A b", "a"}, {"A:", "a"}, {"Ä", "a"}, {"A\r\nB", "a"}}, "", nil,
			"headers/0/name headers/1/name headers/2/name headers/3/name headers/4/name"},
		{"bad values", []Header{{"A", "a\r\nb"}, {"B", " a"}, {"C", "a "}, {"D", "a\x00"}, {"E", "ä"}, {"F", "a\tb"}}, "", nil,
			"headers/0/value headers/1/value headers/2/value headers/3/value headers/4/value headers/5/value"},
		{"set by deliveries", []Header{{"HOST", "a"}, {"Content-Type", "a"}, {"te", "a"}, {"Webhook-Id", "a"}, {"User-Agent", "a"}, {"X-Webhook-Event", "a"}}, "", nil,
			"headers/0/name headers/1/name headers/2/name headers/3/name headers/4/name headers/5/name"},
		{"only alike", []Header{{"Hostname", "a"}, {"Contents", "a"}, {"Tea", "a"}, {"X-Webhooks", "a"}}, "", nil, ""},
		{"another prefix", []Header{{"X-Webhook-Event", "a"}, {"x-acme-event", "a"}}, "X-Acme", nil, "headers/1/name"},
		{"bearer", []Header{{"authorization", "a"}}, "", []string{"bearer"}, "headers/0/name"},
		{"twice", []Header{{"A", "a"}, {"a", "b"}}, "", nil, "headers/1/name"},
		{"most", numbered(32, "a"), "", nil, ""},
		{"too many", numbered(33, "a"), "", nil, "headers"},
		{"longest", []Header{{strings.Repeat("a", 128), strings.Repeat("a", 2048)}}, "", nil, ""},
		{"too long", []Header{{strings.Repeat("a", 129), strings.Repeat("a", 2049)}}, "", nil, "headers/0/name headers/0/value"},
		{"too long in all", numbered(5, strings.Repeat("a", 2000)), "", nil, "headers"},
	} {
		e := validWebhook()
		e.Headers = test.headers
		if test.signatures != nil {
			e.Signatures = test.signatures
		}
		limits := testLimits
		limits.HeaderPrefix = test.prefix
		if got := faulty(e, limits); got != test.want {
			t.Errorf("%s: got faults in %q, want %q", test.name, got, test.want)
		}
	}
}

// A delivery must not outlive its event.
func TestValidateRetrySpan(t *testing.T) {
	for _, test := range []struct {
		schedule []Millis
		attempts int
		most     Millis
		want     string
	}{
		{nil, 0, 10*hour + 5*second, ""},
		{nil, 0, 10 * hour, "retry_schedule"},
		{nil, 2, 5 * second, ""},
		{nil, 4, 20*hour + 5*second, ""},
		{nil, 4, 20 * hour, "retry_schedule"},
		{[]Millis{hour, hour}, 0, 2 * hour, ""},
		{[]Millis{hour, hour}, 1, 1, ""},
		{[]Millis{hour, hour}, 100, 98 * hour, "retry_schedule"},
		{[]Millis{hour, hour}, 100, 99 * hour, ""},
		{[]Millis{30 * day}, 100, 0, ""},
	} {
		e := validWebhook()
		e.RetrySchedule, e.MaxAttempts = test.schedule, test.attempts
		limits := testLimits
		limits.MaxRetrySpan = test.most
		if got := faulty(e, limits); got != test.want {
			t.Errorf("schedule %v, %d attempts, at most %d: got faults in %q, want %q", test.schedule, test.attempts, test.most, got, test.want)
		}
	}
}

// All faults are reported at once, in the order of the fields, as sentences
// about the field.
func TestValidateReportsAll(t *testing.T) {
	e := validWebhook()
	e.Name, e.URL, e.Timeout, e.Ordering = "\x00", "ftp://a", 1, ""
	if got, want := faulty(e, testLimits), "name url timeout_ms ordering"; got != want {
		t.Errorf("got faults in %q, want %q", got, want)
	}
	if got, want := Validate(e, testLimits)[1].Error(), "url must use https"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
