package httpapi

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// G8: fasthttp does not tell of chunked requests that break off between two
// chunks; however many do, they take no more memory than connections could.
func TestUnreadIsBounded(t *testing.T) {
	u := unreads{most: 10}
	for range 100 {
		h := new(fasthttp.RequestHeader)
		u.put(h, unread{limit: 7})
		u.put(h, unread{limit: 8})
		if got := len(u.mu.of); got > u.most {
			t.Fatalf("%d requests are remembered, want at most %d", got, u.most)
		}
		if got := u.mu.of[h].limit; got != 8 {
			t.Fatalf("limit of the last one: got %d, want 8", got)
		}
	}
	h := new(fasthttp.RequestHeader)
	u.put(h, unread{limit: 9})
	if got, found := u.take(h); !found || got.limit != 9 {
		t.Errorf("got %+v, %t, want what was put", got, found)
	}
	if got, found := u.take(h); found {
		t.Errorf("taken twice: got %+v", got)
	}
}
