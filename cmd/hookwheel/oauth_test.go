package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// A partner's way: the operator makes a client, the client gets a token for its
// Basic credentials, subscribes, posts, and receives its own secret as a bearer
// token beside a signature made with it. The token outlives a restart of the
// server, and ends with the client.
func TestOAuthClient(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, dir, freeAddress(t))
	receiver, arrived := startReceiver(t)
	code, out, errs := run(t, "client", "create", "--json", "--url", "http://"+s.address, "--data-dir", dir, "--scopes", "webhooks:read,webhooks:write,events:write", "portal")
	if code != 0 {
		t.Fatalf("client create: got code %d, %s", code, errs)
	}
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(out), &client); err != nil {
		t.Fatal(err)
	}
	request := &http.Request{Header: http.Header{}}
	request.SetBasicAuth(client.ID, client.Secret)
	grant := url.Values{"grant_type": {"client_credentials"}}.Encode()
	status, token := s.callAs(request.Header.Get("Authorization"), "application/x-www-form-urlencoded", "POST", "/oauth/token", grant)
	if status != 200 || token["token_type"] != "bearer" || token["expires_in"] != 3600.0 {
		t.Fatalf("token: got %d %v, want 200", status, token)
	}
	bearer := fmt.Sprint("Bearer ", token["access_token"])
	as := func(want int, method, path, body string) map[string]any {
		t.Helper()
		status, answer := s.callAs(bearer, "application/json", method, path, body)
		if status != want {
			t.Fatalf("%s %s: got %d %v, want %d", method, path, status, answer, want)
		}
		return answer
	}

	const key = "partner-secret-0042"
	made := as(201, "POST", "/webhooks", fmt.Sprintf(`{"endpoint_url":"%s/hooks","secret_key":"%s","topic":"payout_paid"}`, receiver, key))
	if made["secret_last_4_digits"] != "0042" {
		t.Errorf("secret_last_4_digits: got %v, want 0042", made["secret_last_4_digits"])
	}
	event := as(202, "POST", "/v1/events", `{"type":"payout_paid","data":{"payout":"po_1"}}`)
	select {
	case got := <-arrived:
		if got.headers["Authorization"] != "Bearer "+key {
			t.Errorf("header Authorization: got %q, want the secret_key", got.headers["Authorization"])
		}
		verifier := sign.Verifier{Scheme: sign.Standard, Keys: []sign.Key{{ID: "own", Value: secret.New(key)}}}
		if _, err := verifier.Verify(func(name string) string { return got.headers[name] }, []byte(got.body), time.Now().UnixMilli()); err != nil {
			t.Errorf("signature: %v", err)
		}
		if got.headers["webhook-id"] != event["id"] {
			t.Errorf("header webhook-id: got %q, want %v", got.headers["webhook-id"], event["id"])
		}
	case <-time.After(10 * time.Second):
		t.Fatal("after 10 s: got no delivery")
	}

	s.end(syscall.SIGTERM)
	s = startServe(t, dir, s.address)
	as(200, "GET", "/webhooks", "")
	s.want(204, "DELETE", "/v1/organizations/default/oauth-clients/"+client.ID, "")
	as(401, "GET", "/webhooks", "")
}
