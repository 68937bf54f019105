package wire

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/wal"
)

func TestOwns(t *testing.T) {
	d := &Dialect{Prefixes: []string{"/v1/orgs", "/v1/orgs/deep/", "/v1/me"}}
	for path, want := range map[string]int{
		"/v1/orgs":           8,
		"/v1/orgs/":          8,
		"/v1/orgs/x":         8,
		"/v1/orgs/deep":      13,
		"/v1/orgs/deep/x":    13,
		"/v1/organizations":  -1,
		"/v1/organizations/": -1,
		"/v1/me":             6,
		"/v1/meter":          -1,
		"/v1":                -1,
		"":                   -1,
	} {
		if got := d.Owns(path); got != want {
			t.Errorf("Owns(%q): got %d, want %d", path, got, want)
		}
	}
	if got := (&Dialect{Prefixes: []string{"/"}}).Owns("/anything"); got != 0 {
		t.Errorf("Owns by the root: got %d, want 0", got)
	}
}

func TestFieldName(t *testing.T) {
	d := &Dialect{Fields: map[string]string{"url": "webhook_endpoint/url", "event_types": "events", "event_types/0": "topic"}}
	for native, want := range map[string]string{
		"url":           "webhook_endpoint/url",
		"urls":          "urls",
		"event_types":   "events",
		"event_types/3": "events/3",
		"event_types/0": "topic",
		"headers/0/url": "headers/0/url",
		"":              "",
	} {
		if got := d.FieldName(native); got != want {
			t.Errorf("FieldName(%q): got %q, want %q", native, got, want)
		}
	}
}

func TestMerged(t *testing.T) {
	one := "1"
	for _, test := range []struct {
		patch Patch[map[string]*string]
		want  map[string]string
	}{
		{Patch[map[string]*string]{}, map[string]string{"a": "x", "b": "y"}},
		{Patch[map[string]*string]{Given: true, Null: true}, map[string]string{}},
		{Patch[map[string]*string]{Given: true, Value: map[string]*string{"a": nil, "c": &one, "d": nil}}, map[string]string{"b": "y", "c": "1"}},
	} {
		before := map[string]string{"a": "x", "b": "y"}
		if got := Merged(before, test.patch); !maps.Equal(got, test.want) {
			t.Errorf("Merged(%+v): got %v, want %v", test.patch, got, test.want)
		}
		if len(before) != 2 {
			t.Errorf("Merged(%+v): changed the map that it was given: %v", test.patch, before)
		}
	}
	if got := Merged(nil, Patch[map[string]*string]{Given: true, Value: map[string]*string{"c": &one}}); !maps.Equal(got, map[string]string{"c": "1"}) {
		t.Errorf("Merged of none: got %v, want c", got)
	}
}

func TestTime(t *testing.T) {
	for text, want := range map[string]int64{
		"2026-01-02T03:04:05.678Z":          1767323045678,
		"2026-01-02T03:04:05Z":              1767323045000,
		"2026-01-02T04:04:05.6789999+01:00": 1767323045678,
		"1970-01-01T00:00:00Z":              0,
	} {
		if got, ok := ParseTime(text); !ok || got != want {
			t.Errorf("ParseTime(%q): got %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "now", "2026-01-02", "2026-01-02T03:04:05", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "2026-13-01T00:00:00Z"} {
		if got, ok := ParseTime(text); ok {
			t.Errorf("ParseTime(%q): got %d, want a refusal", text, got)
		}
	}
	for ms, want := range map[Time]string{0: "null", 1767323045678: `"2026-01-02T03:04:05.678Z"`, 1767323045000: `"2026-01-02T03:04:05.000Z"`} {
		if got, err := ms.MarshalJSON(); err != nil || string(got) != want {
			t.Errorf("Time(%d): got %s, %v, want %s", ms, got, err, want)
		}
	}
}

func TestRequestID(t *testing.T) {
	for _, given := range []string{"01JABCDEF", "a5f0-4b", "x=/+~:._", strings.Repeat("x", 128)} {
		if got := RequestID([]byte(given)); got != given {
			t.Errorf("RequestID(%q): got %q, want it kept", given, got)
		}
	}
	for _, given := range []string{"", "a b", "a\nb", "a\x1b[31m", "ü", `"`, strings.Repeat("x", 129)} {
		got := RequestID([]byte(given))
		if len(got) != 30 || !strings.HasPrefix(got, "req_") || !validRequestID([]byte(got)) {
			t.Errorf("RequestID(%q): got %q, want a new one", given, got)
		}
	}
	if a, b := RequestID(nil), RequestID(nil); a == b {
		t.Errorf("two new ids: got %q twice", a)
	}
}

// G10: what the log refuses is a refusal to the caller, and says whether
// something may have been stored.
func TestFrom(t *testing.T) {
	own := NotFound("endpoint")
	for _, test := range []struct {
		err    error
		status int
		code   string
		retry  time.Duration
	}{
		{own, 404, CodeNotFound, 0},
		{fmt.Errorf("read: %w", own), 404, CodeNotFound, 0},
		{fmt.Errorf("append: %w", wal.ErrOverloaded), 503, CodeOverloaded, time.Second},
		{wal.ErrTimeout, 503, CodeTimeout, time.Second},
		{wal.ErrClosed, 503, CodeUnavailable, time.Second},
		{wal.ErrFenced, 503, CodeUnavailable, time.Second},
		{wal.ErrDiskFull, 507, CodeStorageFull, 30 * time.Second},
		{wal.ErrTooLarge, 413, CodeTooLarge, 0},
		{errors.New("pebble: secret path"), 500, CodeInternal, 0},
	} {
		got := From(test.err)
		if got.Status != test.status || got.Code != test.code || got.RetryAfter != test.retry {
			t.Errorf("From(%v): got %d %s %v, want %d %s %v", test.err, got.Status, got.Code, got.RetryAfter, test.status, test.code, test.retry)
		}
		if got.Status >= 500 && !errors.Is(got, test.err) {
			t.Errorf("From(%v): got an error without its cause", test.err)
		}
		if strings.Contains(got.Detail, "pebble") || strings.Contains(got.Detail, "log:") {
			t.Errorf("From(%v): got detail %q, which shows internals", test.err, got.Detail)
		}
	}
}

func TestQuery(t *testing.T) {
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/x?at=2026-01-02T03:04:05+01:00&bad=soon&yes=true&no=false&maybe=1&empty=")
	c := &Ctx{RequestCtx: &rc}
	if got, err := c.QueryTime("at"); err != nil || got != 1767319445000 {
		t.Errorf("QueryTime with a raw plus: got %d, %v, want 1767319445000", got, err)
	}
	if got, err := c.QueryTime("absent"); err != nil || got != 0 {
		t.Errorf("QueryTime of nothing: got %d, %v, want 0", got, err)
	}
	if _, err := c.QueryTime("bad"); err == nil || From(err).Status != 400 {
		t.Errorf("QueryTime of nonsense: got %v, want 400", err)
	}
	for name, want := range map[string]bool{"yes": true, "no": false, "absent": true} {
		if got, err := c.QueryBool(name, true); err != nil || got != want {
			t.Errorf("QueryBool(%q): got %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"maybe", "empty"} {
		if _, err := c.QueryBool(name, true); err == nil || From(err).Status != 400 {
			t.Errorf("QueryBool(%q): got %v, want 400", name, err)
		}
	}
}
