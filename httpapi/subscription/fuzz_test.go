package subscription

import (
	"crypto/sha256"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// oneClient is a server with one client, "id", whose secret is "open sesame".
type oneClient struct{}

func (oneClient) KeyByHash([sha256.Size]byte) (auth.Key, bool) { return auth.Key{}, false }

func (oneClient) Livemode(string) (livemode, exists bool) { return true, true }

func (oneClient) Client(id string) (auth.Client, bool) {
	return auth.Client{ID: id, SecretHash: secret.Hash("open sesame"), Organization: "org", Scopes: auth.EventsRead}, id == "id"
}

// FuzzTokenRequest: a token is given only for a form, or a Basic header with
// one, that holds the client's id and secret as package net/url reads them.
func FuzzTokenRequest(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add(form, "", "grant_type=client_credentials&client_id=id&client_secret=open+sesame")
	f.Add(form+"; charset=utf-8", "Basic aWQ6b3BlbiBzZXNhbWU=", "grant_type=client_credentials&scope=events%3Aread")
	f.Add(form, "Basic aWQ6", "grant_type=client_credentials&client_id=id&client_secret=open%20sesame&scope=admin")
	f.Add(form, "", "grant_type=password&client_id=id;client_secret=open+sesame")
	f.Add("application/json", "", `{"grant_type":"client_credentials"}`)
	f.Fuzz(func(t *testing.T, contentType, authorization, body string) {
		var rc fasthttp.RequestCtx
		rc.Request.Header.SetMethod("POST")
		rc.Request.Header.SetContentType(contentType)
		rc.Request.Header.Set("Authorization", authorization)
		rc.Request.SetBodyString(body)
		c := &wire.Ctx{RequestCtx: &rc, Auth: auth.New(oneClient{}, make([]byte, auth.MinTokenKey))}
		if err := issueToken(c); err != nil {
			if e := wire.From(err); e.Status/100 != 4 || strings.Contains(e.Detail, "sesame") {
				t.Errorf("%q, %q, %q: got %d %s", contentType, authorization, body, e.Status, e.Detail)
			}
			return
		}
		given, err := url.ParseQuery(body)
		id, password, basic := auth.BasicCredentials([]byte(authorization))
		if !basic {
			id, password = given.Get("client_id"), given.Get("client_secret")
		}
		if err == nil && (given.Get("grant_type") != "client_credentials" || id != "id" || password != "open sesame") {
			t.Errorf("%q, %q, %q: got a token", contentType, authorization, body)
		}
		if string(c.Response.Header.Peek("Cache-Control")) != "no-store" {
			t.Errorf("%q: the token may be kept by caches", body)
		}
	})
}

// FuzzDate: a date is the moment that package time reads, in UTC where it has no
// offset.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05.5+01:00", "2026-01-02T03:04:05Z", "10000-01-01", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var rc fasthttp.RequestCtx
		rc.QueryArgs().Set("from_date", text)
		got, err := queryDate(&wire.Ctx{RequestCtx: &rc}, "from_date")
		var want time.Time
		bad := error(wire.NotFound("date"))
		for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", time.RFC3339} {
			if at, err := time.Parse(layout, strings.Replace(text, " ", "+", 1)); err == nil {
				want, bad = at, nil
			}
		}
		if bad == nil && (want.UnixMilli() < 0 || want.UTC().Year() > 9999) {
			bad = wire.NotFound("date")
		}
		if (err == nil) != (bad == nil) || err == nil && got != want.UnixMilli() {
			t.Errorf("%q: got %d, %v, want %v", text, got, err, want)
		}
	})
}
