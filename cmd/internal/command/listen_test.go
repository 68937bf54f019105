package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// signed is a delivery as the engine would send it.
func signed(t *testing.T, target, body string, at time.Time, schemes ...sign.Scheme) *http.Request {
	t.Helper()
	signer, err := sign.New(schemes, "", []sign.Key{{ID: "k", Value: secret.New(testSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	request.RequestURI = ""
	var headers sign.Headers
	signer.Sign(&headers, &sign.Message{ID: "evt_1", EventType: "invoice.paid", DeliveryID: "dlv_1", At: at.UnixMilli(), Body: []byte(body)})
	for i := range headers.Len() {
		name, value := headers.At(i)
		request.Header.Add(name, string(value))
	}
	return request
}

func testReceiver(out io.Writer) *receiver {
	return newReceiver(&listener{
		signing: signing{scheme: anyScheme, prefix: sign.DefaultPrefix, secrets: []string{testSecret}},
		status:  200, tolerance: 5 * time.Minute, showBytes: 20,
	}, out)
}

// Port 9000 is a popular one: the error says how to take another.
func TestListenAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var errs bytes.Buffer
	code := Main(t.Context(), "test", []string{"hookwheel", "listen", "--address", taken.Addr().String()}, nil, io.Discard, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "see --address") {
		t.Errorf("got exit code %d, %s, want %d and the flag", code, &errs, exitFailed)
	}
}

func TestReceiverVerifies(t *testing.T) {
	const body = `{"id":"evt_1","type":"invoice.paid"}`
	now := time.Now()
	tampered := signed(t, "/", body, now, sign.Standard)
	tampered.Body = io.NopCloser(strings.NewReader(`{"id":"evt_2"}`))
	half := signed(t, "/", body, now, sign.Standard, sign.Stripe)
	half.Header.Set("Stripe-Signature", "t=1,v1=00")
	for _, test := range []struct {
		name    string
		request *http.Request
		status  int
		shown   string
	}{
		{"standard", signed(t, "/", body, now, sign.Standard), 200, "verified  invoice.paid  evt_1  dlv_1  36 B\n  {\"id\":\"evt_1\",\"type\" …\n"},
		{"all schemes", signed(t, "/", body, now, sign.Standard, sign.Stripe, sign.Timestamped, sign.GitHub), 200, "verified"},
		{"bearer", signed(t, "/", body, now, sign.Bearer), 200, "verified"},
		{"unsigned", httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), 401, "invalid  invoice.paid  evt_1  36 B  answered 401\n  signature header is missing"},
		{"tampered", tampered, 401, "no signature matches"},
		{"one of two", half, 401, "stripe: timestamp is too far"},
		{"old", signed(t, "/", body, now.Add(-6*time.Minute), sign.Standard), 401, "timestamp is too far from now"},
	} {
		var out bytes.Buffer
		w := httptest.NewRecorder()
		testReceiver(&out).ServeHTTP(w, test.request)
		if w.Code != test.status {
			t.Errorf("%s: status: got %d, want %d", test.name, w.Code, test.status)
		}
		if !strings.Contains(out.String(), test.shown) {
			t.Errorf("%s: got %q, want it to contain %q", test.name, out.String(), test.shown)
		}
	}
}

func TestReceiverMarksRepetitions(t *testing.T) {
	var out bytes.Buffer
	r := testReceiver(&out)
	for range 2 {
		r.ServeHTTP(httptest.NewRecorder(), signed(t, "/", "{}", time.Now(), sign.Standard))
	}
	if got := strings.Count(out.String(), "again"); got != 1 {
		t.Errorf("got %d marks, want 1: %s", got, out.String())
	}
}

func TestReceiverRefusesOtherMethods(t *testing.T) {
	w := httptest.NewRecorder()
	testReceiver(io.Discard).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("got %d, Allow %q, want 405 and POST", w.Code, w.Header().Get("Allow"))
	}
}

func TestReceiverShowsJSON(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{`{"a":1.50}`, `{"a":1.50}`}, {"plain\x1b text", `"plain\u001b text"`}, {"", `""`},
	} {
		var out bytes.Buffer
		r := testReceiver(&out)
		r.json, r.status = true, 503
		w := httptest.NewRecorder()
		r.ServeHTTP(w, signed(t, "/hook", test.body, time.Now(), sign.Standard, sign.Timestamped))
		var got received
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("body %q: %v in %q", test.body, err, out.String())
		}
		if string(got.Body) != test.want || got.Verdict != "verified" || got.Status != 503 || w.Code != 503 || got.Path != "/hook" || got.Type != "invoice.paid" || got.ID != "evt_1" {
			t.Errorf("body %q: got %s", test.body, out.String())
		}
	}
}

// linePipe hands each written line to a test.
type linePipe chan string

func (p linePipe) Write(text []byte) (int, error) {
	p <- string(text)
	return len(text), nil
}

// listen --create points an endpoint at itself, verifies with its secret, and
// deletes it when it is interrupted.
func TestListenCreate(t *testing.T) {
	a := serveAPI(t, func(r request, _ int) (int, string) {
		if r.method == http.MethodDelete {
			return 204, ""
		}
		return 201, fmt.Sprintf(`{"id":"ed_1","secret":%q}`, testSecret)
	})
	ctx, interrupt := context.WithCancel(t.Context())
	out, notices, ended := make(linePipe, 8), make(linePipe, 8), make(chan int)
	go func() {
		ended <- Main(ctx, "", []string{"hookwheel", "listen", "--address", "127.0.0.1:0", "--create", "--types", "invoice.*", "--status", "202"},
			strings.NewReader(""), out, notices)
	}()
	if got := <-notices; !strings.HasPrefix(got, "created endpoint ed_1 for http://127.0.0.1:") {
		t.Errorf("got %q, want that the endpoint was created", got)
	}
	ready := <-notices
	target := regexp.MustCompile(`http://\S+/`).FindString(ready)
	response, err := http.DefaultClient.Do(signed(t, target, `{"id":"evt_1"}`, time.Now(), sign.Standard))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := <-out; response.StatusCode != 202 || !strings.Contains(got, "verified") {
		t.Errorf("got %d, %q, want 202 and verified", response.StatusCode, got)
	}
	interrupt()
	if got := <-notices; got != "deleted endpoint ed_1\n" {
		t.Errorf("got %q, want that the endpoint was deleted", got)
	}
	if code := <-ended; code != exitDone {
		t.Errorf("exit code: got %d, want %d", code, exitDone)
	}
	if len(a.requests) != 2 || a.requests[1].method != http.MethodDelete || a.requests[1].path != "/v1/endpoints/ed_1" {
		t.Fatalf("calls: got %+v, want a create and a delete", a.requests)
	}
	if want := fmt.Sprintf(`{"event_types":["invoice.*"],"name":"hookwheel listen","url":%q}`, target); !sameJSON(a.requests[0].body, want) {
		t.Errorf("create: got %s, want %s", a.requests[0].body, want)
	}
}

// A sender that does not wait for --delay gets no answer, and that is shown.
func TestReceiverDelay(t *testing.T) {
	var out bytes.Buffer
	r := testReceiver(&out)
	r.delay = time.Hour
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	r.ServeHTTP(httptest.NewRecorder(), signed(t, "/", "{}", time.Now(), sign.Standard).WithContext(ctx))
	if want := "the sender gave up"; !strings.Contains(out.String(), want) {
		t.Errorf("got %q, want it to contain %q", out.String(), want)
	}
}
