// Package bridgetest is an Amazon EventBridge for tests: a server that takes PutEvents the way AWS does, with one key,
// and refuses what is not signed with it. It is for tests only.
package bridgetest

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The one key that the server knows.
var key = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", SessionToken: "session"}

// maxSkew is how far the clock of a signature may be off.
const maxSkew = 5 * time.Minute

// Entry is an event as it was put.
type Entry struct {
	EventBusName, Source, DetailType string
	Detail                           string
	Time                             float64 // seconds of Unix time
	Resources                        []string
}

// Verdict is what becomes of a call. The zero value is that the event is taken.
type Verdict struct {
	Entry  string // the error of the entry, in an answer of status 200
	Error  string // the error of the whole call
	Status int    // of that; 0 = 400
	Text   string // all of the answer, whatever it is
	Hang   bool   // no answer, until the client has gone
}

// Server is the stand-in.
type Server struct {
	http *httptest.Server

	mu       sync.Mutex
	judge    func(Entry) Verdict
	entries  []Entry
	unsigned []error
}

// New starts a server that takes every event, and that ends with the test. A call that is not properly signed is a
// fault of the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, err := range s.unsigned {
			t.Errorf("eventbridge: %v", err)
		}
	})
	return s
}

// Judge decides from now on what becomes of an event.
func (s *Server) Judge(judge func(Entry) Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge = judge
}

// Entries are the events that were put so far, taken or not.
func (s *Server) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Entry(nil), s.entries...)
}

// Refused are the calls so far that were not properly signed. Who asks for them has seen them: they are no fault of
// the test any more.
func (s *Server) Refused() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := s.unsigned
	s.unsigned = nil
	return refused
}

// Environment points a process to the server, and to nothing else of AWS.
func (s *Server) Environment() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_EVENTBRIDGE": s.http.URL,
		"AWS_ACCESS_KEY_ID":            key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":        key.SecretAccessKey,
		"AWS_SESSION_TOKEN":            key.SessionToken,
		"AWS_EC2_METADATA_DISABLED":    "true",
		"AWS_CONFIG_FILE":              os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE":  os.DevNull,
	}
}

// Use gives the test's process the environment.
func (s *Server) Use(t testing.TB) {
	for name, value := range s.Environment() {
		t.Setenv(name, value)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	entry, err := read(r, body)
	if err != nil {
		s.mu.Lock()
		s.unsigned = append(s.unsigned, err)
		s.mu.Unlock()
		answerError(w, http.StatusForbidden, "InvalidSignatureException", err.Error())
		return
	}
	s.mu.Lock()
	s.entries = append(s.entries, entry)
	judge := s.judge
	s.mu.Unlock()
	var v Verdict
	if judge != nil {
		v = judge(entry)
	}
	answer(w, r, v)
}

// read verifies a call and takes the event out of it.
func read(r *http.Request, body []byte) (Entry, error) {
	if got, want := r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Amz-Target"), "POST / AWSEvents.PutEvents"; got != want {
		return Entry{}, fmt.Errorf("call: got %s, want %s", got, want)
	}
	if got, want := r.Header.Get("Content-Type"), "application/x-amz-json-1.1"; got != want {
		return Entry{}, fmt.Errorf("content type: got %s, want %s", got, want)
	}
	region, err := verify(r, body)
	if err != nil {
		return Entry{}, err
	}
	var call struct{ Entries []Entry }
	if err := json.Unmarshal(body, &call); err != nil {
		return Entry{}, err
	}
	if got, want := len(call.Entries), 1; got != want {
		return Entry{}, fmt.Errorf("entries of a call: got %d, want %d", got, want)
	}
	if arn := strings.Split(call.Entries[0].EventBusName, ":"); len(arn) < 4 || arn[3] != region {
		return Entry{}, fmt.Errorf("signed for region %s, but the bus is %s", region, call.Entries[0].EventBusName)
	}
	return call.Entries[0], nil
}

// verify computes the signature of a request anew, with the key and over the bytes that arrived, and returns the
// region that it was made for.
func verify(r *http.Request, body []byte) (region string, err error) {
	given := r.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > maxSkew {
		return "", fmt.Errorf("signed at %q", r.Header.Get("X-Amz-Date"))
	}
	// AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/events/aws4_request, SignedHeaders=a;b, Signature=…
	_, credential, _ := strings.Cut(given, "Credential=")
	scope := strings.Split(credential, "/")
	_, list, found := strings.Cut(given, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	if !found || len(scope) < 5 || scope[3] != "events" {
		return "", fmt.Errorf("not signed for events: %q", given)
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.RequestURI, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	signed := map[string]bool{}
	for name := range strings.SplitSeq(list, ";") {
		signed[name] = true
		if name != "host" && name != "content-length" { // which a request has elsewhere
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	if !signed["host"] || !signed["x-amz-date"] || !signed["x-amz-target"] || !signed["x-amz-security-token"] {
		return "", fmt.Errorf("signed are only %s", list)
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), key, again, hex.EncodeToString(hash[:]), "events", scope[2], at); err != nil {
		return "", err
	}
	if want := again.Header.Get("Authorization"); subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 0 {
		return "", errors.New("the signature does not match")
	}
	return scope[2], nil
}

func answer(w http.ResponseWriter, r *http.Request, v Verdict) {
	switch {
	case v.Hang:
		<-r.Context().Done()
	case v.Text != "":
		_, _ = io.WriteString(w, v.Text) // the client may have gone
	case v.Error != "":
		answerError(w, max(v.Status, http.StatusBadRequest), v.Error, "what aws says of it")
	case v.Entry != "":
		answerJSON(w, http.StatusOK, map[string]any{
			"FailedEntryCount": 1, "Entries": []any{map[string]string{"ErrorCode": v.Entry, "ErrorMessage": "what aws says of it"}},
		})
	default:
		answerJSON(w, http.StatusOK, map[string]any{"FailedEntryCount": 0, "Entries": []any{map[string]string{"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}}})
	}
}

func answerError(w http.ResponseWriter, status int, code, message string) {
	answerJSON(w, status, map[string]string{"__type": code, "message": message})
}

func answerJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client may have gone
}
