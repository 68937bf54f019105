package native

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// FuzzSettings: a patch sets what it names and nothing else, the same when it is
// applied again, and a refusal names the field.
func FuzzSettings(f *testing.F) {
	f.Add(`{"name":"a","url":"https://x","metadata":{"k":null,"l":"m"},"rate_limit":{"burst":3},"eventbridge":{"aws_region":"eu-west-1"}}`)
	f.Add(`{"rate_limit":null,"metadata":null,"signatures":null,"ordering":null,"disable_after":null,"eventbridge":null,"headers":null}`)
	f.Add(`{"timeout_ms":0,"max_attempts":0,"retry_schedule":[1,2],"headers":[{"name":"a","value":"b"}],"event_types":["*"]}`)
	f.Add(`{"disable_after":0,"state":"paused","secret":"x","kind":"webhook"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s settings
		if wire.DecodeJSON([]byte(text), &s) != nil {
			return
		}
		disableAfter := endpoint.Millis(5)
		fresh := func() *endpoint.Endpoint {
			return &endpoint.Endpoint{
				Name: "name", Description: "description", EditionID: "edition", URL: "url", Metadata: map[string]string{"k": "v"},
				Signatures: []string{"stripe"}, Ordering: endpoint.Unordered, DisableAfter: &disableAfter, Spans: []endpoint.Span{{Enabled: true}},
				Headers: []endpoint.Header{{Name: "X-A", Value: "b"}}, RateLimit: &endpoint.RateLimit{PerSecond: 1, Burst: 2},
			}
		}
		once := fresh()
		if err := s.apply(once); err != nil {
			e := wire.From(err)
			for _, fault := range e.Fields {
				if fault.Pointer == "" || fault.Pointer[0] != '/' {
					t.Errorf("%s: got the fault %+v, want it to name a field", text, fault)
				}
			}
			if e.Status != 400 || len(e.Fields) == 0 {
				t.Errorf("%s: got %d, %v, want a refusal that names a field", text, e.Status, err)
			}
			return
		}
		twice := fresh()
		if err1, err2 := s.apply(twice), s.apply(twice); err1 != nil || err2 != nil || !reflect.DeepEqual(once, twice) {
			t.Errorf("%s: applied twice is %+v, %v, %v, once %+v", text, twice, err1, err2, once)
		}
		var named map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &named); err != nil {
			t.Fatal(err)
		}
		was := fresh()
		for field, same := range map[string]bool{
			"name": once.Name == was.Name, "description": once.Description == was.Description, "edition_id": once.EditionID == was.EditionID,
			"url": once.URL == was.URL, "metadata": reflect.DeepEqual(once.Metadata, was.Metadata), "headers": reflect.DeepEqual(once.Headers, was.Headers),
			"signatures": reflect.DeepEqual(once.Signatures, was.Signatures), "rate_limit": reflect.DeepEqual(once.RateLimit, was.RateLimit),
			"disable_after": reflect.DeepEqual(once.DisableAfter, was.DisableAfter), "event_types": once.Now().EventTypes == nil,
		} {
			if _, given := named[field]; !given && !same {
				t.Errorf("%s: changes %s", text, field)
			}
		}
	})
}
