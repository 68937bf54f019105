package endpoint

import (
	"encoding/json"
	"reflect"
	"testing"
)

// Compact changes nothing but the memory.
func TestCompact(t *testing.T) {
	text := `{"id":"ed_1","key":7,"organization_id":"org_a","kind":"webhook","origin":"native","url":"https://a.example/","target":"https://a.example/",
		"payload_format":"envelope","ordering":"fifo","signatures":["standard","stripe"],"headers":[{"name":"X-A","value":"b"}],
		"retry_schedule":[1000,2000],"secrets":[{"id":"s1","sealed":"AAAA","last4":"abcd"}],"retired":[{"id":"s0","sealed":"AAAA","last4":"abcd"}],
		"spans":[{"from":1,"event_types":[],"events_from":null,"enabled":true},{"from":2,"event_types":["a.b","c.*"],"events_from":["@self"],"enabled":false}]}`
	var e, want Endpoint
	for _, into := range []*Endpoint{&e, &want} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	e.Compact()
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v, want %+v", e, want)
	}
	if cap(e.Spans) != 2 || cap(e.Secrets) != 1 || cap(e.Spans[1].EventTypes) != 2 {
		t.Errorf("room is left: %d spans, %d secrets, %d types", cap(e.Spans), cap(e.Secrets), cap(e.Spans[1].EventTypes))
	}
}
