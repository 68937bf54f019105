package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// readiness asks /readyz of an address.
func readiness(t *testing.T, url string) (status int, failed map[string]string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Status string
		Checks []struct{ Name, Status, Detail string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	failed = map[string]string{}
	for _, check := range answer.Checks {
		if check.Status != "ok" {
			failed[check.Name] = check.Detail
		}
	}
	if (answer.Status == "ready") != (len(failed) == 0 && response.StatusCode == http.StatusOK) {
		t.Errorf("got status %s, %d with %v", answer.Status, response.StatusCode, failed)
	}
	return response.StatusCode, failed
}
