package command

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// receiver is the HTTP handler of listen: it takes a delivery, verifies it,
// shows it and answers.
type receiver struct {
	*listener

	mu struct {
		sync.Mutex
		out  io.Writer       // one delivery at a time
		seen map[string]bool // ids of events, at most maxSeen
	}
}

// maxSeen bounds how many ids are remembered in order to mark repetitions.
const maxSeen = 100_000

func newReceiver(o *listener, out io.Writer) *receiver {
	r := &receiver{listener: o}
	r.mu.out, r.mu.seen = out, map[string]bool{}
	return r
}

// received is what listen shows of a delivery.
type received struct {
	At       string          `json:"received_at"`
	Verdict  string          `json:"verdict"` // verified, invalid, unchecked
	Reason   string          `json:"reason,omitempty"`
	Scheme   string          `json:"scheme,omitempty"`
	ID       string          `json:"id"`
	Delivery string          `json:"delivery_id,omitempty"`
	Type     string          `json:"type,omitempty"`
	Repeated bool            `json:"repeated"` // its event was received before
	Status   int             `json:"status"`   // of the answer
	Path     string          `json:"path"`
	Bytes    int             `json:"bytes"`
	Body     json.RawMessage `json:"body"` // a JSON text if it is no JSON
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "post deliveries here", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxEventBytes))
	if err != nil {
		http.Error(w, "the body is too large or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	got := r.judge(request, body)
	if r.delay > 0 && pause(request.Context(), r.delay) != nil {
		got.Status = 0 // the sender gave up
	}
	r.show(got, body)
	if got.Status != 0 {
		w.WriteHeader(got.Status)
	}
}

// judge verifies a delivery and reads what it is about.
func (r *receiver) judge(request *http.Request, body []byte) received {
	now := time.Now()
	got := received{
		At: wireTime(now), Verdict: "unchecked", Status: r.status, Path: request.URL.Path, Bytes: len(body), Body: body,
		ID:       request.Header.Get("webhook-id"),
		Type:     request.Header.Get(r.prefix + "-Event"),
		Delivery: request.Header.Get(r.prefix + "-Delivery"),
	}
	if len(r.secrets) > 0 {
		scheme, err := r.check(request.Header, body, r.tolerance, now)
		got.Verdict, got.Scheme = "verified", scheme
		if err != nil {
			got.Verdict, got.Reason, got.Status = "invalid", err.Error(), http.StatusUnauthorized
		}
	}
	if inner, err := parseObject(body); err == nil {
		if got.ID == "" {
			got.ID = inner.text("id")
		}
		if got.Type == "" {
			got.Type = inner.text("type")
		}
	}
	if !json.Valid(body) {
		got.Body, _ = json.Marshal(string(body)) // a string always has an encoding
	}
	return got
}

// show prints a delivery as one piece.
func (r *receiver) show(got received, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got.Verdict != "invalid" && got.ID != "" {
		got.Repeated = r.mu.seen[got.ID]
		if len(r.mu.seen) < maxSeen {
			r.mu.seen[got.ID] = true
		}
	}
	if r.json {
		text, _ := json.Marshal(got)  // its body is valid JSON, so it always has an encoding
		_ = printJSON(r.mu.out, text) // fails if nobody reads along any more; the receiver goes on
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s", got.At[11:23], got.Verdict)
	for _, part := range []string{got.Type, got.ID, got.Delivery} {
		if part != "" {
			b.WriteString("  " + printable(part))
		}
	}
	fmt.Fprintf(&b, "  %d B", got.Bytes)
	if got.Repeated {
		b.WriteString("  again")
	}
	switch {
	case got.Status == 0:
		b.WriteString("  (the sender gave up waiting)")
	case got.Status != http.StatusOK:
		fmt.Fprintf(&b, "  answered %d", got.Status)
	}
	if got.Reason != "" {
		b.WriteString("\n  " + printable(got.Reason))
	}
	if shown := body[:min(int64(len(body)), r.showBytes)]; len(shown) > 0 {
		b.WriteString("\n  " + printable(string(shown)))
		if len(shown) < len(body) {
			b.WriteString(" …")
		}
	}
	fmt.Fprintln(r.mu.out, b.String())
}
