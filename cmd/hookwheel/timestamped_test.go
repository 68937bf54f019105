package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// received is a delivery as it came over the wire: header lines as they were
// spelt.
type received struct {
	path, body string
	headers    map[string]string
}

// startReceiver answers every delivery with 204 and passes it on.
func startReceiver(t *testing.T) (url string, arrived <-chan received) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	all := make(chan received, 16)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if r, err := receive(conn); err != nil {
				t.Errorf("receive: %v", err)
			} else {
				all <- r
			}
		}
	}()
	return "http://" + listener.Addr().String(), all
}

// receive reads one delivery without the help of a library that would tidy its
// headers up.
func receive(conn net.Conn) (received, error) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return received{}, err
	}
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	if err != nil {
		return received{}, err
	}
	got := received{path: strings.Fields(line)[1], headers: map[string]string{}}
	for {
		if line, err = reader.ReadString('\n'); err != nil {
			return got, err
		}
		name, value, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found {
			break
		}
		got.headers[name] = value
	}
	size, err := strconv.Atoi(got.headers["Content-Length"])
	if err != nil {
		return got, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(reader, body); err != nil {
		return got, err
	}
	got.body = string(body)
	_, err = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
	return got, err
}

// What endpoints of the two dialects that sign with the operator's header prefix
// receive: the headers as they are documented, spelling included, the envelope,
// and a signature that verifies. The history of the second dialect shows payload
// and signature as they were sent, also after the secret was rotated.
func TestTimestampedDeliveries(t *testing.T) {
	s := startServe(t, t.TempDir(), freeAddress(t), "--header-prefix", "X-CapyDB")
	url, arrived := startReceiver(t)
	first := s.want(201, "POST", "/v1/organizations/default/webhook-endpoints", fmt.Sprintf(`{"url":"%s/first"}`, url))
	second := s.want(201, "POST", "/v1/webhook-endpoints/", fmt.Sprintf(`{"name":"second","url":"%s/second","events":["order.*"]}`, url))
	secrets := map[string]string{"/first": first["plaintext_secret"].(string), "/second": second["secret"].(string)}
	event := s.want(202, "POST", "/v1/events", `{"type":"order.created","data":{"order":  1}}`)

	got := map[string]received{}
	for range 2 {
		select {
		case r := <-arrived:
			got[r.path] = r
			checkTimestamped(t, r, event["id"].(string), secrets[r.path])
		case <-time.After(10 * time.Second):
			t.Fatalf("after 10 s: got %d deliveries, want 2", len(got))
		}
	}

	path := "/v1/webhook-endpoints/" + second["id"].(string)
	s.want(200, "POST", path+"/rotate-secret", "")
	detail := path + "/deliveries/" + got["/second"].headers["X-CapyDB-Delivery"]
	for deadline := time.Now().Add(10 * time.Second); ; {
		shown := s.want(200, "GET", detail, "")
		if shown["status"] != "success" && time.Now().Before(deadline) { // the outcome is being written
			continue
		}
		if shown["payload"] != got["/second"].body || shown["signature"] != got["/second"].headers["X-CapyDB-Signature"] || shown["status"] != "success" {
			t.Errorf("history: got %v, want what was sent: %+v", shown, got["/second"])
		}
		break
	}
}

var timestampedSignature = regexp.MustCompile(`^t=(\d+),v1=([0-9a-f]{64})$`)

func checkTimestamped(t *testing.T, r received, event, secret string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-CapyDB-Event": "order.created", "Content-Type": "application/json", "User-Agent": "hookwheel/v9.9.9-test",
	} {
		if got := r.headers[name]; got != want {
			t.Errorf("%s: header %s: got %q, want %q", r.path, name, got, want)
		}
	}
	if id := r.headers["X-CapyDB-Delivery"]; !strings.HasPrefix(id, "dlv_") {
		t.Errorf("%s: header X-CapyDB-Delivery: got %q, want the delivery's id", r.path, id)
	}
	part := timestampedSignature.FindStringSubmatch(r.headers["X-CapyDB-Signature"])
	if part == nil {
		t.Fatalf("%s: header X-CapyDB-Signature: got %q, want t= and v1=", r.path, r.headers["X-CapyDB-Signature"])
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(part[1] + "." + r.body))
	if want := hex.EncodeToString(mac.Sum(nil)); part[2] != want {
		t.Errorf("%s: signature: got %s, want %s", r.path, part[2], want)
	}
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.body), &envelope); err != nil {
		t.Fatalf("%s: body %s: %v", r.path, r.body, err)
	}
	if len(envelope) != 4 || string(envelope["id"]) != `"`+event+`"` || string(envelope["type"]) != `"order.created"` || string(envelope["data"]) != `{"order":  1}` {
		t.Errorf("%s: body: got %s, want id, type, created_at and data as they were posted", r.path, r.body)
	}
	if !regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$`).Match(envelope["created_at"]) {
		t.Errorf("%s: created_at: got %s, want a time in UTC with milliseconds", r.path, envelope["created_at"])
	}
}
