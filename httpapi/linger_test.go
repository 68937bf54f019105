package httpapi_test

import (
	"bytes"
	"net"
	"net/http"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
)

// A client that is in the middle of a body that is too large gets to see why it
// is refused, and not a connection that was reset.
func TestRefusalIsSeen(t *testing.T) {
	e := apitest.Open(t)
	server, err := httpapi.New(httpapi.Options{Dialects: dialects(e), Tenants: httpapi.Tenants(e.Ledger()), CursorKey: make([]byte, 32), TokenKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
	})
	for range 20 {
		response, err := http.Post("http://"+ln.Addr().String()+"/v1/events", "application/json", bytes.NewReader(make([]byte, 1000<<10)))
		if err != nil {
			t.Fatalf("got %v, want an answer", err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d, want 413", response.StatusCode)
		}
	}
}
