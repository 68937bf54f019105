package subscription_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
)

// A range of dates is without its ends, and dates have several forms.
func TestDates(t *testing.T) {
	e := apitest.Open(t)
	client := apitest.Serve(t, e, httpapi.Dialects(e, httpapi.Settings{MaxEventSize: 1000, MaxAttempts: 8})...)
	apitest.Call(t, client, "acme", "POST", "/webhooks", `{"endpoint_url":"https://93.184.216.34/","topic":"payout_paid"}`, &struct{}{})
	var event struct {
		CreatedAt time.Time `json:"created_at"`
	}
	apitest.Call(t, client, "acme", "POST", "/v1/events", `{"type":"payout_paid","data":{}}`, &event)
	at := event.CreatedAt
	const ms = "2006-01-02T15:04:05.000Z07:00"
	berlin := time.FixedZone("", 2*60*60)
	for _, test := range []struct {
		name string
		date string
		want int
	}{
		{"from_date", at.Format(ms), 0},
		{"from_date", at.Add(-time.Millisecond).Format(ms), 1},
		{"from_date", at.Add(-time.Millisecond).In(berlin).Format(ms), 1},
		{"from_date", at.In(berlin).Format(ms), 0},
		{"from_date", at.Add(-time.Second).Format("2006-01-02T15:04:05"), 1},
		{"from_date", at.Add(24 * time.Hour).Format(time.DateOnly), 0},
		{"to_date", at.Format(ms), 0},
		{"to_date", at.Add(time.Millisecond).Format(ms), 1},
		{"to_date", at.Add(24 * time.Hour).Format(time.DateOnly), 1},
		{"to_date", at.Add(-24 * time.Hour).Format(time.DateOnly), 0},
	} {
		for _, escape := range []func(string) string{url.QueryEscape, func(s string) string { return s }} { // a raw + arrives as a space
			var page struct {
				Data []struct{} `json:"data"`
			}
			apitest.Call(t, client, "acme", "GET", fmt.Sprintf("/webhooks/events?%s=%s", test.name, escape(test.date)), "", &page)
			if got := len(page.Data); got != test.want {
				t.Errorf("%s=%s of an event of %s: got %d events, want %d", test.name, test.date, at.Format(ms), got, test.want)
			}
		}
	}
}
