// Package ops has the routes for those who run the server: is it alive, is it
// ready, which version is it, how is it doing.
//
//	GET /healthz   the process answers HTTP
//	GET /readyz    everything it needs to take and deliver events works; if not, what does not
//	GET /version   what was built, and from what
//	GET /metrics   Prometheus text format
//
// and, in a dialect of their own, Go's profiles below /debug/pprof. They need no key, say nothing about tenants but the ids of the endpoints with
// the largest backlogs, and cost little, so that a probe every second does no harm.
package ops

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Options say what the routes report.
type Options struct {
	Build   Build
	Checks  []Check
	Metrics []Source // besides the process's own
}

// Build identifies a binary.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Go       string `json:"go"`
}

// Check is one thing that must work for the server to be ready.
type Check struct {
	Name string

	// Failed returns why it does not work, nil while it does. It must answer at
	// once and be safe for concurrent use. Its text is shown to anybody.
	Failed func() error
}

// Dialect returns the routes.
func Dialect(o Options) *wire.Dialect {
	sources := append([]Source{Process()}, o.Metrics...)
	exposition := newShared(func() []byte { return Exposition(sources...) })
	return &wire.Dialect{
		Name:     "ops",
		Prefixes: []string{"/healthz", "/readyz", "/version", "/metrics"},
		Render:   wire.Problem,
		Routes: []wire.Route{
			{Method: "GET", Pattern: "/healthz", Public: true, Unlimited: true, Handle: o.health},
			{Method: "GET", Pattern: "/readyz", Public: true, Unlimited: true, Handle: o.ready},
			{Method: "GET", Pattern: "/version", Public: true, Unlimited: true, Handle: o.version},
			{Method: "GET", Pattern: "/metrics", Public: true, Private: true, Unlimited: true, Handle: scrape(exposition)},
		},
	}
}

func (o *Options) health(c *wire.Ctx) error {
	return c.Raw(fasthttp.StatusOK, []byte(`{"status":"ok"}`))
}

type readiness struct {
	Status string        `json:"status"` // ready, unready
	Checks []checkResult `json:"checks"`
}

type checkResult struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, failed
	Detail string `json:"detail,omitempty"`
}

func (o *Options) ready(c *wire.Ctx) error {
	status, answer := Readiness(o.Checks)
	c.SetHeader("Cache-Control", "no-store")
	return c.JSON(status, answer)
}

// Readiness is the answer of /readyz: its status and what is rendered as JSON.
func Readiness(checks []Check) (status int, answer any) {
	status = fasthttp.StatusOK
	all := readiness{Status: "ready", Checks: []checkResult{}}
	for _, check := range checks {
		result := checkResult{Name: check.Name, Status: "ok"}
		if err := check.Failed(); err != nil {
			result.Status, result.Detail = "failed", err.Error()
			status, all.Status = fasthttp.StatusServiceUnavailable, "unready"
		}
		all.Checks = append(all.Checks, result)
	}
	return status, all
}

func (o *Options) version(c *wire.Ctx) error { return c.JSON(fasthttp.StatusOK, o.Build) }

func scrape(exposition *shared) wire.Handler {
	return func(c *wire.Ctx) error {
		c.SetContentType("text/plain; version=0.0.4; charset=utf-8")
		c.SetBody(exposition.get())
		return nil
	}
}
