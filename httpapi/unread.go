package httpapi

import (
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// chunked is what fasthttp gives as the length of a body that has none.
const chunked = -1

// unread is what must be known of a request whose body turns out to be too
// large. fasthttp has forgotten all about it by then, unless the length was
// announced; clients that never announce one still want an error in their
// dialect.
type unread struct {
	dialect *wire.Dialect
	limit   int // of the body, in bytes
}

// unreads remembers the requests whose chunked bodies are being read. fasthttp
// does not say that a client went away between two chunks, so some stay behind:
// when there are more than there can be connections, all are forgotten. The
// worst that comes of it is an error in the native shape.
type unreads struct {
	most int
	mu   struct {
		sync.Mutex
		of map[*fasthttp.RequestHeader]unread
	}
}

func (u *unreads) put(h *fasthttp.RequestHeader, of unread) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, again := u.mu.of[h]; u.mu.of == nil || !again && len(u.mu.of) >= u.most {
		u.mu.of = map[*fasthttp.RequestHeader]unread{}
	}
	u.mu.of[h] = of
}

// take returns what was put and forgets it.
func (u *unreads) take(h *fasthttp.RequestHeader) (of unread, found bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of, found = u.mu.of[h]
	delete(u.mu.of, h)
	return of, found
}
