package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// start runs a sink process's code on pipes and returns its client.
func start(t *testing.T) *Client {
	t.Helper()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Child(context.WithoutCancel(t.Context()), in, out) }()
	var ready Ready
	if err := json.NewDecoder(stdout).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := <-done; err != nil {
			t.Errorf("sink ended with %v, want nil", err)
		}
	})
	return NewClient(ready.URL)
}

func post(ctx context.Context, url, id, body string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", "1614265330")
	request.Header.Set("webhook-signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func stats(t *testing.T, client *Client, name string) Stats {
	t.Helper()
	got, err := client.Stats(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCounts(t *testing.T) {
	client := start(t)
	sent := time.Now().Add(-time.Second).UnixNano()
	body := fmt.Sprintf(`{"data":{"sent_at":%d}}`, sent)
	for _, send := range []struct {
		endpoint int
		id       string
	}{{0, "a"}, {0, "b"}, {0, "a"}, {1, "a"}, {1, "a"}} {
		status, err := post(t.Context(), client.Endpoint(send.endpoint), send.id, body)
		if err != nil || status != 200 {
			t.Fatalf("got status %d, %v, want 200", status, err)
		}
	}
	got := stats(t, client, Rest)
	if got.Requests != 5 || got.Receipts != 3 || got.Duplicates != 2 || got.Refused != 0 {
		t.Errorf("got %+v, want 5 requests, 3 receipts, 2 duplicates", got)
	}
	if got.Latency.Count != 3 || got.Latency.P50 < time.Second {
		t.Errorf("got latency %+v, want 3 of a second or more", got.Latency)
	}
	if got.First <= sent || got.Last < got.First {
		t.Errorf("got first %d and last %d, want them in order after %d", got.First, got.Last, sent)
	}
	if err := client.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stats(t, client, Rest); got != (Stats{}) {
		t.Errorf("after reset: got %+v, want zeros", got)
	}
}

func TestVerifies(t *testing.T) {
	client := start(t)
	if err := client.Reset(t.Context(), Group{Name: "signed", First: 1, Last: 1, Secret: secret}); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{`{"test": 2432232314}`: 200, `{"test": 2432232315}`: 401} {
		got, err := post(t.Context(), client.Endpoint(1), "msg_p5jXN8AQM9LWM0D4loKWxJek", body)
		if err != nil || got != want {
			t.Errorf("body %s: got status %d, %v, want %d", body, got, err, want)
		}
	}
	got := stats(t, client, "signed")
	if got.BadSignatures != 1 || got.Receipts != 1 {
		t.Errorf("got %+v, want 1 bad signature and 1 receipt", got)
	}
}

func TestStatuses(t *testing.T) {
	tests := map[string]struct {
		behaviour Behaviour
		want      []int
	}{
		"zero value":            {Behaviour{}, []int{200, 200}},
		"status":                {Behaviour{Status: 429, RetryAfter: 1}, []int{429, 429}},
		"fail first":            {Behaviour{FailFirst: 2, Status: 202}, []int{500, 500, 202, 202}},
		"alternate":             {Behaviour{Alternate: true}, []int{500, 200, 500, 200}},
		"fail first, alternate": {Behaviour{FailFirst: 2, Alternate: true}, []int{500, 500, 500, 200, 500}},
		"delay":                 {Behaviour{DelayMS: 20}, []int{200}},
	}
	client := start(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := client.Reset(t.Context(), Group{Name: "g", First: 5, Last: 6, Behaviour: tt.behaviour}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			var receipts int64
			for i, want := range tt.want {
				for endpoint := 5; endpoint <= 6; endpoint++ { // each counts for itself
					got, err := post(t.Context(), client.Endpoint(endpoint), fmt.Sprint(i), "{}")
					if err != nil || got != want {
						t.Errorf("request %d: got status %d, %v, want %d", i+1, got, err, want)
					}
					if want < 300 {
						receipts++
					}
				}
			}
			if least := time.Duration(tt.behaviour.DelayMS) * time.Millisecond; time.Since(began) < least {
				t.Errorf("answered after %v, want %v or more", time.Since(began), least)
			}
			got := stats(t, client, "g")
			if got.Receipts != receipts || got.Refused != got.Requests-receipts {
				t.Errorf("got %+v, want %d receipts, the rest refused", got, receipts)
			}
		})
	}
}

func TestMisbehaves(t *testing.T) {
	client := start(t)
	tests := map[Mode]struct {
		fails    error // what the sender gets within 200 ms instead of a status
		receipts int64
	}{
		Hang:    {context.DeadlineExceeded, 0},
		Close:   {io.EOF, 0},
		Drip:    {nil, 1},
		Endless: {nil, 1},
	}
	for mode, tt := range tests {
		t.Run(string(mode), func(t *testing.T) {
			if err := client.Reset(t.Context(), Group{Name: Rest, Behaviour: Behaviour{Mode: mode}}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := post(ctx, client.Endpoint(7), "a", "{}"); !errors.Is(err, tt.fails) {
				t.Errorf("got error %v, want %v", err, tt.fails)
			}
			if got := stats(t, client, Rest).Receipts; got != tt.receipts {
				t.Errorf("got %d receipts, want %d", got, tt.receipts)
			}
		})
	}
}

// An endless body ends neither early nor the sink: it is read past any limit a
// sender may have.
func TestEndlessBody(t *testing.T) {
	client := start(t)
	if err := client.Reset(t.Context(), Group{Name: Rest, Behaviour: Behaviour{Mode: Endless}}); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, client.Endpoint(0), bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.CopyN(io.Discard, response.Body, 8<<20); err != nil {
		t.Errorf("read %d bytes, then %v, want 8 MiB", n, err)
	}
}

func TestChangeKeepsCounts(t *testing.T) {
	client := start(t)
	if _, err := post(t.Context(), client.Endpoint(0), "a", "{}"); err != nil {
		t.Fatal(err)
	}
	if err := client.Change(t.Context(), Rest, Behaviour{Status: 503}); err != nil {
		t.Fatal(err)
	}
	got, err := post(t.Context(), client.Endpoint(0), "b", "{}")
	if err != nil || got != 503 {
		t.Errorf("got status %d, %v, want 503", got, err)
	}
	if got := stats(t, client, Rest); got.Receipts != 1 || got.Refused != 1 {
		t.Errorf("got %+v, want 1 receipt and 1 refused", got)
	}
}

func TestControlRefuses(t *testing.T) {
	client := start(t)
	for name, err := range map[string]error{
		"unknown mode":   client.Reset(t.Context(), Group{Name: "g", Behaviour: Behaviour{Mode: "sulk"}}),
		"bad status":     client.Reset(t.Context(), Group{Name: "g", Behaviour: Behaviour{Status: 99}}),
		"negative delay": client.Change(t.Context(), Rest, Behaviour{DelayMS: -1}),
		"bad secret":     client.Reset(t.Context(), Group{Name: "g", Secret: "hush"}),
		"unknown group":  client.Change(t.Context(), "nobody", Behaviour{}),
	} {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := client.Stats(t.Context(), "nobody"); err == nil {
		t.Error("stats of an unknown group: got no error")
	}
}
