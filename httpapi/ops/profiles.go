package ops

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"github.com/valyala/fasthttp/fasthttpadaptor"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Shares of what the profiles of contention sample: cheap enough to be left on.
const (
	mutexShare = 100                    // one of so many times that a lock was waited for
	blockShare = 100 * time.Microsecond // one of every so much time that goroutines were blocked
)

// SampleContention makes the profiles mutex and block have something to show.
// They are empty otherwise, since sampling costs everybody a little.
func SampleContention() {
	runtime.SetMutexProfileFraction(mutexShare)
	runtime.SetBlockProfileRate(int(blockShare))
}

// Profiles returns the routes of Go's profiler, for `go tool pprof`. They need
// no key and can keep a processor busy for as long as they are asked to: they
// are for a listener that only operators reach.
func Profiles() *wire.Dialect {
	route := func(pattern string, handle http.HandlerFunc) wire.Route {
		adapted := fasthttpadaptor.NewFastHTTPHandlerFunc(handle)
		return wire.Route{Method: "GET", Pattern: pattern, Public: true, Private: true, Unlimited: true,
			Handle: func(c *wire.Ctx) error { adapted(c.RequestCtx); return nil }}
	}
	return &wire.Dialect{
		Name: "pprof", Prefixes: []string{"/debug/pprof"}, Render: wire.Problem, Slash: true,
		Routes: []wire.Route{
			route("/debug/pprof", pprof.Index),
			route("/debug/pprof/{profile}", pprof.Index), // heap, goroutine, mutex, and what else it lists
			route("/debug/pprof/cmdline", pprof.Cmdline),
			route("/debug/pprof/profile", pprof.Profile),
			route("/debug/pprof/symbol", pprof.Symbol),
			route("/debug/pprof/trace", pprof.Trace),
		},
	}
}
